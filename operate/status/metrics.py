"""CloudWatch's numbers of the last quarter of an hour."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..pipelines import Pipeline, QueueFacts

MINUTES = 15
PERIOD_SECONDS = 60
OF_THE_HANDLER = {
    "received": "RecordsReceived",
    "succeeded": "RecordsSucceeded",
    "returned": "RecordsReturned",
    "dead": "RecordsDeadLettered",
    "throttled": "Throttles",
    "model_errors": "ModelErrors",
    "timeouts": "Timeouts",
}
"""The handler's own metrics (docs/operations.md), by their name here."""


def recent(cloudwatch: Any, pipeline: Pipeline, work: QueueFacts) -> Mapping[str, float | None]:
    """Return sums, and of the oldest message's age the last value; None where there is no data."""
    namespace = pipeline.environment.get("METRICS_NAMESPACE") or "SageMakerInference"
    handler = {"Endpoint": pipeline.endpoint_name, "FunctionName": pipeline.function_name}
    queue, function = {"QueueName": work.name}, {"FunctionName": pipeline.function_name}
    queries = [
        _query("age", "AWS/SQS", "ApproximateAgeOfOldestMessage", queue, "Maximum"),
        _query("sent", "AWS/SQS", "NumberOfMessagesSent", queue),
        _query("deleted", "AWS/SQS", "NumberOfMessagesDeleted", queue),
        _query("invocations", "AWS/Lambda", "Invocations", function),
        _query("errors", "AWS/Lambda", "Errors", function),
        _query("throttles", "AWS/Lambda", "Throttles", function),
        _query("looped", "AWS/Lambda", "RecursiveInvocationsDropped", function),
        *(_query(id_, namespace, name, handler) for id_, name in OF_THE_HANDLER.items()),
    ]
    # To the next full minute: the one that runs has data too.
    until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries,
        StartTime=until - timedelta(minutes=MINUTES),
        EndTime=until,
        ScanBy="TimestampDescending",
    )
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    return {
        query["Id"]: (values[query["Id"]][0] if query["Id"] == "age" else sum(values[query["Id"]]))
        if values.get(query["Id"])
        else None
        for query in queries
    }


def _query(
    id_: str, namespace: str, name: str, dimensions: Mapping[str, str], statistic: str = "Sum"
) -> dict[str, Any]:
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": PERIOD_SECONDS, "Stat": statistic}}
