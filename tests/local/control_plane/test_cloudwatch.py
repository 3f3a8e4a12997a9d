"""CloudWatch's alarms and dashboards refuse what breaks a rule, and are read back with all that was given."""

import json
from typing import Any

from local.control_plane import Rule
from tests.local.control_plane.breaking import breaks
from tests.local.control_plane.conftest import Account

INVALID = "ValidationError"
BOARD = "arn:aws:cloudwatch::123456789012:dashboard/d"


def query(name: str, **more: Any) -> dict[str, Any]:
    metric = {"Metric": {"Namespace": "N", "MetricName": name}, "Period": 300, "Stat": "Sum"}
    return {"Id": name, "MetricStat": metric, "ReturnData": False, **more}


def expression(**more: Any) -> dict[str, Any]:
    return {"MetricName": None, "Namespace": None, "Statistic": None, "Period": None, **more}


def test_an_alarm_is_read_back_with_the_defaults_that_the_provider_looks_for(account: Account) -> None:
    account.alarm("a", TreatMissingData="notBreaching", Tags=[{"Key": "stack", "Value": "dev"}])
    (alarm,) = account.cloudwatch.describe_alarms(AlarmNames=["a"], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a"
    assert (alarm["ActionsEnabled"], alarm["AlarmActions"], alarm["OKActions"]) == (True, [], [])
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (0.5, "notBreaching")
    assert (alarm["StateValue"], alarm["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    tags = account.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "stack", "Value": "dev"}]


def test_an_alarm_put_again_is_changed_and_keeps_its_tags(account: Account) -> None:
    account.alarm("a", Tags=[{"Key": "stack", "Value": "dev"}])
    account.alarm("a", Threshold=7.0, Tags=[{"Key": "stack", "Value": "other"}])
    (alarm,) = account.cloudwatch.describe_alarms()["MetricAlarms"]
    assert alarm["Threshold"] == 7.0
    arn = alarm["AlarmArn"]
    assert account.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "stack", "Value": "dev"}]
    account.cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "stack", "Value": "prod"}])
    account.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["other"])
    assert account.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "stack", "Value": "prod"}]


def test_alarms_are_found_by_name_prefix_and_state(account: Account) -> None:
    for name in ("a-1", "a-2", "b-1"):
        account.alarm(name)
    found = account.cloudwatch.describe_alarms(AlarmNamePrefix="a-")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["a-1", "a-2"]
    assert account.cloudwatch.describe_alarms(StateValue="OK")["MetricAlarms"] == []
    assert account.cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["MetricAlarms"] == []
    account.cloudwatch.delete_alarms(AlarmNames=["a-1", "b-1"])
    assert account.plane.resources == ["alarm a-2"]


def test_an_alarm_of_an_expression(account: Account) -> None:
    queries = [{"Id": "share", "Expression": "100 * dead / all", "ReturnData": True}, query("dead"), query("all")]
    account.alarm("a", **expression(Metrics=queries))
    (alarm,) = account.cloudwatch.describe_alarms()["MetricAlarms"]
    assert alarm["Metrics"] == queries


@breaks(Rule.ONE_WATCHED, "The alarm a must have either MetricName or Metrics.", code=INVALID)
def test_an_alarm_of_both_a_metric_and_an_expression(account: Account) -> None:
    account.alarm("a", Metrics=[query("all", ReturnData=True)])


@breaks(Rule.ONE_WATCHED, "Exactly one of the Metrics of the alarm a must return data.", code=INVALID)
def test_an_expression_of_which_two_return_data(account: Account) -> None:
    account.alarm("a", **expression(Metrics=[query("all", ReturnData=True), query("dead", ReturnData=True)]))


@breaks(Rule.ONE_WATCHED, "The alarm a must have either Statistic or ExtendedStatistic.", code=INVALID)
def test_an_alarm_of_two_statistics(account: Account) -> None:
    account.alarm("a", ExtendedStatistic="p99")


@breaks(Rule.DATAPOINTS, "The alarm a needs 4 datapoints of 3 evaluation periods.", code=INVALID)
def test_more_datapoints_than_periods(account: Account) -> None:
    account.alarm("a", DatapointsToAlarm=4)


@breaks(Rule.ALARM_SPAN, "The alarm a looks back 86700 seconds, over 86400.", code=INVALID)
def test_an_alarm_over_a_day_in_short_periods(account: Account) -> None:
    account.alarm("a", Period=300, EvaluationPeriods=289)


@breaks(Rule.ALARM_SPAN, "The alarm a looks back 608400 seconds, over 604800.", code=INVALID)
def test_an_alarm_over_a_week_in_hours(account: Account) -> None:
    account.alarm("a", Period=3600, EvaluationPeriods=169)


@breaks(
    Rule.API_MODEL,
    "1 validation error detected: Value 'Over' at 'comparisonOperator' failed to satisfy constraint: Member must "
    "satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, "
    "LessThanOrEqualToThreshold, LessThanLowerOrGreaterThanUpperThreshold, LessThanLowerThreshold, "
    "GreaterThanUpperThreshold]",
    code=INVALID,
)
def test_a_comparison_that_is_not_known(account: Account) -> None:
    account.alarm("a", ComparisonOperator="Over")


@breaks(Rule.CLOUDWATCH_EXISTS, "Alarms do not exist: b", code="ResourceNotFound")
def test_the_deletion_of_an_alarm_that_is_not_there(account: Account) -> None:
    account.alarm("a")
    account.cloudwatch.delete_alarms(AlarmNames=["a", "b"])


def test_a_dashboard_is_read_back_and_deleted(account: Account) -> None:
    body = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "ä & <b>"}}]})
    account.cloudwatch.put_dashboard(DashboardName="d", DashboardBody=body)
    board = account.cloudwatch.get_dashboard(DashboardName="d")
    assert (board["DashboardBody"], board["DashboardArn"]) == (body, BOARD)
    (entry,) = account.cloudwatch.list_dashboards(DashboardNamePrefix="d")["DashboardEntries"]
    assert entry["DashboardArn"] == BOARD
    account.cloudwatch.delete_dashboards(DashboardNames=["d"])
    assert account.plane.resources == []


@breaks(
    Rule.DASHBOARD_BODY,
    'The dashboard is invalid: The body must be an object with a list "widgets"',
    code="InvalidParameterInput",
)
def test_a_dashboard_without_widgets(account: Account) -> None:
    account.cloudwatch.put_dashboard(DashboardName="d", DashboardBody="{}")


@breaks(
    Rule.DASHBOARD_BODY,
    "The dashboard is invalid: The body is not JSON: Expecting value: line 1 column 1 (char 0)",
    code="InvalidParameterInput",
)
def test_a_dashboard_that_is_no_json(account: Account) -> None:
    account.cloudwatch.put_dashboard(DashboardName="d", DashboardBody="widgets")


@breaks(Rule.CLOUDWATCH_EXISTS, "Dashboards do not exist: d", code="ResourceNotFound")
def test_the_deletion_of_a_dashboard_that_is_not_there(account: Account) -> None:
    account.cloudwatch.delete_dashboards(DashboardNames=["d"])


@breaks(Rule.CLOUDWATCH_EXISTS, "arn:x does not exist", code="ResourceNotFoundException")
def test_a_tag_of_nothing(account: Account) -> None:
    account.cloudwatch.tag_resource(ResourceARN="arn:x", Tags=[{"Key": "a", "Value": "b"}])
