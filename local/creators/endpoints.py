"""Models, endpoints, what scales them and what watches all of it: created on the control plane."""

import time
from typing import Any

from local.aws import Aws
from local.creators.api import request_of
from local.creators.base import Arguments, Creator
from local.errors import LocalRunError
from local.template import Template

IN_SERVICE_SECONDS = 30


class Endpoints(Creator):
    """Creates what SageMaker, Application Auto Scaling and CloudWatch have of a stack."""

    def __init__(self, aws: Aws, template: Template) -> None:
        super().__init__(aws, template)
        self.methods = {
            "aws_appautoscaling_policy": self._policy,
            "aws_appautoscaling_scheduled_action": self._scheduled_action,
            "aws_appautoscaling_target": self._target,
            "aws_cloudwatch_dashboard": self._dashboard,
            "aws_cloudwatch_metric_alarm": self._alarm,
            "aws_sagemaker_endpoint": self._endpoint,
            "aws_sagemaker_endpoint_configuration": self._configuration,
            "aws_sagemaker_model": self._model,
        }

    def _model(self, arguments: Arguments) -> dict[str, Any]:
        sagemaker, tags = self.aws.sagemaker, self.tag_list(arguments)
        request = request_of(sagemaker, "CreateModel", arguments, {"name": "model_name", "container": "containers"})
        arn = sagemaker.create_model(**request, Tags=tags)["ModelArn"]
        return {"id": request["ModelName"], "arn": arn}

    def _configuration(self, arguments: Arguments) -> dict[str, Any]:
        sagemaker, tags = self.aws.sagemaker, self.tag_list(arguments)
        names = {"name": "endpoint_config_name", "kms_key_arn": "kms_key_id"}
        request = request_of(sagemaker, "CreateEndpointConfig", arguments, names)
        arn = sagemaker.create_endpoint_config(**request, Tags=tags)["EndpointConfigArn"]
        return {"id": request["EndpointConfigName"], "arn": arn}

    def _endpoint(self, arguments: Arguments) -> dict[str, Any]:
        """Create the endpoint and wait until it is InService, as Terraform does."""
        sagemaker, tags = self.aws.sagemaker, self.tag_list(arguments)
        request = request_of(sagemaker, "CreateEndpoint", arguments, {"name": "endpoint_name"})
        arn, name = sagemaker.create_endpoint(**request, Tags=tags)["EndpointArn"], request["EndpointName"]
        deadline = time.monotonic() + IN_SERVICE_SECONDS
        while (endpoint := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] != "InService":
            if endpoint["EndpointStatus"] != "Creating" or time.monotonic() > deadline:
                why = endpoint.get("FailureReason", f"after {IN_SERVICE_SECONDS} s")
                raise LocalRunError(f"the endpoint {name} is {endpoint['EndpointStatus']}, not InService: {why}")
            time.sleep(0.05)
        return {"id": name, "arn": arn}

    def _target(self, arguments: Arguments) -> dict[str, Any]:
        tags = self.tags(arguments)
        request = request_of(self.aws.autoscaling, "RegisterScalableTarget", arguments)
        arn = self.aws.autoscaling.register_scalable_target(**request, Tags=tags)["ScalableTargetARN"]
        return {"id": request["ResourceId"], "arn": arn}

    def _policy(self, arguments: Arguments) -> dict[str, Any]:
        request = request_of(self.aws.autoscaling, "PutScalingPolicy", arguments, {"name": "policy_name"})
        return {"id": request["PolicyName"], "arn": self.aws.autoscaling.put_scaling_policy(**request)["PolicyARN"]}

    def _scheduled_action(self, arguments: Arguments) -> dict[str, Any]:
        names = {"name": "scheduled_action_name"}
        request = request_of(self.aws.autoscaling, "PutScheduledAction", arguments, names)
        self.aws.autoscaling.put_scheduled_action(**request)
        return {"id": request["ScheduledActionName"]}

    def _alarm(self, arguments: Arguments) -> dict[str, Any]:
        cloudwatch, tags = self.aws.cloudwatch, self.tag_list(arguments)
        if "metric_query" in arguments:
            arguments["metrics"] = [_query(query) for query in arguments.pop("metric_query")]
        if "dimensions" in arguments:
            arguments["dimensions"] = _dimensions(arguments["dimensions"])
        request = request_of(cloudwatch, "PutMetricAlarm", arguments)
        cloudwatch.put_metric_alarm(**request, Tags=tags)
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[request["AlarmName"]])["MetricAlarms"]
        return {"id": request["AlarmName"], "arn": alarm["AlarmArn"]}

    def _dashboard(self, arguments: Arguments) -> dict[str, Any]:
        request = request_of(self.aws.cloudwatch, "PutDashboard", arguments)
        self.aws.cloudwatch.put_dashboard(**request)
        board = self.aws.cloudwatch.get_dashboard(DashboardName=request["DashboardName"])
        return {"id": request["DashboardName"], "dashboard_arn": board["DashboardArn"]}


def _query(query: Arguments) -> Arguments:
    """Return the query as the provider sends it: silent unless it says otherwise, its statistic beside its metric.

    https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/cloudwatch_metric_alarm
    """
    query = {"return_data": False, **query}
    if "metric" not in query:
        return query
    metric = dict(query["metric"])
    statistic = {key: metric.pop(key) for key in ("period", "stat", "unit") if key in metric}
    dimensions = {"dimensions": _dimensions(metric["dimensions"])} if "dimensions" in metric else {}
    rest = {key: value for key, value in query.items() if key != "metric"}
    return {**rest, "metric_stat": {**statistic, "metric": {**metric, **dimensions}}}


def _dimensions(by_name: Arguments) -> list[Arguments]:
    return [{"name": name, "value": value} for name, value in by_name.items()]
