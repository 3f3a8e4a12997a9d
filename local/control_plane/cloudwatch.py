"""CloudWatch's alarms and dashboards."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from local.control_plane.rules import Refused, Rule
from local.control_plane.state import Fields, State

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
INVALID = "ValidationError"
MISSING = "Unchecked: Initial alarm creation"


class CloudWatch:
    """The operations on alarms and dashboards. No alarm ever changes its state: here are no metrics."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "PutMetricAlarm": self.put_alarm,
            "DescribeAlarms": self.describe_alarms,
            "DeleteAlarms": self.delete_alarms,
            "PutDashboard": self.put_dashboard,
            "GetDashboard": self.get_dashboard,
            "ListDashboards": self.list_dashboards,
            "DeleteDashboards": self.delete_dashboards,
            "ListTagsForResource": self.list_tags,
            "TagResource": self.tag,
            "UntagResource": self.untag,
        }

    def put_alarm(self, request: Fields) -> Fields:
        state, name = self._state, request["AlarmName"]
        _require_alarm(request)
        known = state.alarms.get(name, {})
        arn = state.arn("cloudwatch", f"alarm:{name}")
        state.alarms[name] = {
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            **{key: value for key, value in request.items() if key != "Tags"},
            "AlarmArn": arn,
            "AlarmConfigurationUpdatedTimestamp": state.now(),
            "StateValue": known.get("StateValue", "INSUFFICIENT_DATA"),
            "StateReason": known.get("StateReason", MISSING),
            "StateUpdatedTimestamp": known.get("StateUpdatedTimestamp", state.now()),
            "StateTransitionedTimestamp": known.get("StateTransitionedTimestamp", state.now()),
        }
        # Tags of an alarm that exists are left alone:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        state.tags.setdefault(arn, {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])})
        return {}

    def describe_alarms(self, request: Fields) -> Fields:
        wanted = "MetricAlarm" in request.get("AlarmTypes", ["MetricAlarm"])
        found = [
            alarm
            for name, alarm in sorted(self._state.alarms.items())
            if wanted
            and name in (request.get("AlarmNames") or [name])
            and name.startswith(request.get("AlarmNamePrefix", ""))
            and alarm["StateValue"] == request.get("StateValue", alarm["StateValue"])
        ]
        return {"MetricAlarms": found, "CompositeAlarms": []}

    def delete_alarms(self, request: Fields) -> Fields:
        if missing := sorted(set(request["AlarmNames"]) - self._state.alarms.keys()):
            raise _absent(f"Alarms do not exist: {', '.join(missing)}", "ResourceNotFound")
        for name in request["AlarmNames"]:
            self._state.tags.pop(self._state.alarms.pop(name)["AlarmArn"], None)
        return {}

    def put_dashboard(self, request: Fields) -> Fields:
        state, name = self._state, request["DashboardName"]
        _require_body(request["DashboardBody"])
        state.dashboards[name] = {
            "DashboardName": name,
            "DashboardBody": request["DashboardBody"],
            "DashboardArn": f"arn:aws:cloudwatch::{state.account}:dashboard/{name}",
        }
        return {"DashboardValidationMessages": []}

    def get_dashboard(self, request: Fields) -> Fields:
        name = request["DashboardName"]
        if name not in self._state.dashboards:
            raise _absent(f"Dashboard {name} does not exist", "ResourceNotFound")
        return self._state.dashboards[name]

    def list_dashboards(self, request: Fields) -> Fields:
        prefix = request.get("DashboardNamePrefix", "")
        entries = [
            {"DashboardName": name, "DashboardArn": board["DashboardArn"], "Size": len(board["DashboardBody"])}
            for name, board in sorted(self._state.dashboards.items())
            if name.startswith(prefix)
        ]
        return {"DashboardEntries": entries}

    def delete_dashboards(self, request: Fields) -> Fields:
        if missing := sorted(set(request["DashboardNames"]) - self._state.dashboards.keys()):
            raise _absent(f"Dashboards do not exist: {', '.join(missing)}", "ResourceNotFound")
        for name in request["DashboardNames"]:
            del self._state.dashboards[name]
        return {}

    def list_tags(self, request: Fields) -> Fields:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tags(request["ResourceARN"]).items()]}

    def tag(self, request: Fields) -> Fields:
        self._tags(request["ResourceARN"]).update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {}

    def untag(self, request: Fields) -> Fields:
        tags = self._tags(request["ResourceARN"])
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _tags(self, arn: str) -> dict[str, str]:
        if arn not in self._state.tags:
            raise _absent(f"{arn} does not exist", "ResourceNotFoundException")
        return self._state.tags[arn]


def _require_alarm(request: Fields) -> None:
    """Raise Refused unless the alarm can be evaluated."""
    name, queries = request["AlarmName"], request.get("Metrics", [])
    if bool(queries) == ("MetricName" in request):
        message = f"The alarm {name} must have either MetricName or Metrics."
        raise Refused(Rule.ONE_WATCHED, message, code=INVALID)
    if queries and sum(query.get("ReturnData", True) for query in queries) != 1:
        message = f"Exactly one of the Metrics of the alarm {name} must return data."
        raise Refused(Rule.ONE_WATCHED, message, code=INVALID)
    if not queries and ("Statistic" in request) == ("ExtendedStatistic" in request):
        message = f"The alarm {name} must have either Statistic or ExtendedStatistic."
        raise Refused(Rule.ONE_WATCHED, message, code=INVALID)
    periods = request["EvaluationPeriods"]
    if (datapoints := request.get("DatapointsToAlarm", periods)) > periods:
        message = f"The alarm {name} needs {datapoints} datapoints of {periods} evaluation periods."
        raise Refused(Rule.DATAPOINTS, message, code=INVALID)
    period = max(_periods(request))
    most = DAY_SECONDS if period < HOUR_SECONDS else 7 * DAY_SECONDS
    if period * periods > most:
        message = f"The alarm {name} looks back {period * periods} seconds, over {most}."
        raise Refused(Rule.ALARM_SPAN, message, code=INVALID)


def _periods(request: Fields) -> list[int]:
    """Return the seconds of each period that the alarm names; a query's expression may leave it to its metrics."""
    stated = [request.get("Period"), *(query.get("Period") for query in request.get("Metrics", []))]
    stated += [query.get("MetricStat", {}).get("Period") for query in request.get("Metrics", [])]
    return [period for period in stated if period] or [HOUR_SECONDS]


def _require_body(body: str) -> None:
    try:
        widgets: Any = json.loads(body)
    except ValueError as error:
        raise _no_dashboard(f"The body is not JSON: {error}") from error
    if not isinstance(widgets, Mapping) or not isinstance(widgets.get("widgets"), list):
        raise _no_dashboard('The body must be an object with a list "widgets"')


def _no_dashboard(why: str) -> Refused:
    return Refused(Rule.DASHBOARD_BODY, f"The dashboard is invalid: {why}", code="InvalidParameterInput")


def _absent(message: str, code: str) -> Refused:
    return Refused(Rule.CLOUDWATCH_EXISTS, message, code=code, status=HTTPStatus.NOT_FOUND)
