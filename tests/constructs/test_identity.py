"""Settings of whose message a result is: bounds, environment, rights, and what watches message groups."""

import json
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    IdempotencySettings,
    InferenceSettings,
    MonitoringSettings,
    QueueSettings,
    ResultsSettings,
    SettingsError,
)

import pytest

from handler.settings import HandlerSettings
from tests.constructs.conftest import MODEL, Synth
from tests.constructs.monitored import graph_of
from tests.constructs.synthesized import Synthesized

ALL = ResultsSettings(
    pass_attributes=("tenant", "a.b"), correlation="/order/id", keep_members=("id", "meta"), pass_message_group=True
)
KEYED = IdempotencySettings(key="correlation", model_version="7")


def environment(synthesized: Synthesized, part: str = "") -> HandlerSettings:
    variables = synthesized.one("aws_lambda_function", part)["environment"]["variables"]
    return HandlerSettings.from_environment(variables)


def test_the_function_reads_them(synth_pipeline: Synth, smallest: Synthesized) -> None:
    read = environment(synth_pipeline(results=ALL, idempotency=KEYED))
    assert (read.pass_attributes, read.keep_members) == (("tenant", "a.b"), ("id", "meta"))
    assert (read.correlation, read.pass_message_group) == ("/order/id", True)
    assert (read.idempotency_key, read.model_version) == ("correlation", "7")
    default = environment(smallest)
    assert not default.identifies
    assert (default.idempotency_key, default.model_version) == ("message-id", "")


def test_the_function_of_notifications_reads_contexts_where_there_are_any(synth_pipeline: Synth) -> None:
    capacity = AsyncCapacity(
        instance_type="ml.g5.xlarge", request_location="s3://payloads/in/", output_location="s3://payloads/out/"
    )
    endpoint = EndpointSettings(model=MODEL, capacity=capacity)
    synthesized = synth_pipeline(endpoint=endpoint, results=ALL)
    (statement,) = synthesized.policies("notify_function")["read-contexts"]
    resources = [synthesized.readable(resource) for resource in statement["Resource"]]
    assert (statement["Action"], resources) == (["s3:GetObject"], ["arn:PARTITION:s3:::payloads/in/*"])
    assert "read-contexts" not in synth_pipeline(endpoint=endpoint).policies("notify_function")


ATTRIBUTES = "1 to 256 of A-Z a-z 0-9 - _ and single dots, not AWS.… nor Amazon.… (SQS MessageAttributes)"
CORRELATION = (
    "the name of a message attribute, or a JSON Pointer of at most 512 characters such as /order/id (SQS "
    "MessageAttributes, RFC 6901)"
)
OWN = "(the handler's events and dead letters)"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"results": ResultsSettings(pass_attributes=("a..b",))}, f"pass_attributes[0] = 'a..b': must be {ATTRIBUTES}"),
        (
            {"results": ResultsSettings(pass_attributes=("AWS.id",))},
            f"pass_attributes[0] = 'AWS.id': must be {ATTRIBUTES}",
        ),
        ({"results": ResultsSettings(correlation="/a~2")}, f"correlation = '/a~2': must be {CORRELATION}"),
        ({"results": ResultsSettings(correlation="a b")}, f"correlation = 'a b': must be {CORRELATION}"),
        (
            {"results": ResultsSettings(pass_attributes=tuple("abcde"), correlation="f")},
            "pass_attributes = ('a', 'b', 'c', 'd', 'e'): must be at most 5 names, the one of correlation included "
            + OWN,
        ),
        (
            {"results": ResultsSettings(pass_attributes=("reason", "a"))},
            "pass_attributes = ('reason', 'a'): must be names without reason, which the handler itself gives " + OWN,
        ),
        (
            {"results": ResultsSettings(correlation="detail")},
            "correlation = 'detail': must be another name than detail, which the handler itself gives " + OWN,
        ),
        (
            {"results": ResultsSettings(keep_members=("id", "result"))},
            "keep_members = ('id', 'result'): must be names without result, which the handler itself gives " + OWN,
        ),
        (
            {"results": ResultsSettings(keep_members=("id", "id"))},
            "keep_members = ('id', 'id'): must be names that differ " + OWN,
        ),
        (
            {"results": ResultsSettings(keep_members=tuple(f"m{number}" for number in range(21)))},
            f"keep_members = {repr(tuple(f'm{number}' for number in range(21)))[:79]}…: must be at most 20 names {OWN}",
        ),
        (
            {"results": ResultsSettings(keep_members=("",))},
            "keep_members[0] = '': must be 1 to 128 characters, none of them a control character (names in JSON)",
        ),
        (
            {"results": ResultsSettings(correlation="/id"), "inference": InferenceSettings(codec="csv")},
            "correlation = '/id': must be the name of a message attribute with the codec csv (the messages are rows, "
            "and no JSON)",
        ),
        (
            {"results": ResultsSettings(keep_members=("id",)), "inference": InferenceSettings(codec="csv-row")},
            "keep_members = ('id',): must be none with the codec csv-row (the messages are rows, and no JSON)",
        ),
    ],
)
def test_what_can_not_be_told_is_named(synth_pipeline: Synth, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**changes)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language results.{text}"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"idempotency": IdempotencySettings(key="correlation")},
            "idempotency.key = 'correlation': must be message-id, or results.correlation is to be set (two bodies "
            "alone may be of two senders)",
        ),
        (
            {"idempotency": IdempotencySettings(model_version="1")},
            "idempotency.model_version = '1': must be None, or key correlation (a message's id is that message's "
            "alone)",
        ),
        (
            {"idempotency": IdempotencySettings(key="body")},
            "idempotency.key = 'body': must be one of message-id, correlation (the handler's keys)",
        ),
        (
            {"idempotency": IdempotencySettings(key="correlation", model_version="x" * 65), "results": ALL},
            f"idempotency.model_version = '{'x' * 65}': must be 1 to 64 printable characters (part of a key)",
        ),
        (
            {"monitoring": MonitoringSettings(noisy_groups=1), "queue": QueueSettings(fifo=True)},
            "monitoring.noisy_groups = 1: must be None with queue.fifo (SQS finds noisy groups on standard queues "
            "alone)",
        ),
        (
            {"monitoring": MonitoringSettings(quiet_groups_age_seconds=345_600)},
            "monitoring.quiet_groups_age_seconds = 345600: must be less than queue.message_retention_seconds, 345600 "
            "seconds (no message grows so old)",
        ),
        (
            {"monitoring": MonitoringSettings(noisy_groups=-1)},
            "monitoring.noisy_groups = -1: must be 0 to 1000 message groups (alarm threshold)",
        ),
    ],
)
def test_what_can_not_be_a_key_or_a_threshold_is_named(
    synth_pipeline: Synth, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**changes)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_message_groups_are_watched_by_sqs_own_metrics(synth_pipeline: Synth, watched: Synthesized) -> None:
    monitoring = MonitoringSettings(quiet_groups_age_seconds=120, noisy_groups=3)
    synthesized = synth_pipeline(monitoring=monitoring)
    alarms = {alarm["alarm_name"]: alarm for alarm in synthesized.all("aws_cloudwatch_metric_alarm").values()}
    quiet, noisy = alarms["dev-language-quiet-groups-age"], alarms["dev-language-noisy-groups"]
    assert (quiet["metric_name"], quiet["threshold"], quiet["period"]) == (
        "ApproximateAgeOfOldestMessageInQuietGroups", 120, 60,
    )  # fmt: skip
    assert (noisy["metric_name"], noisy["threshold"], noisy["evaluation_periods"]) == (
        "ApproximateNumberOfNoisyGroups", 3, 3,
    )  # fmt: skip
    assert quiet["dimensions"] == noisy["dimensions"] == {"QueueName": "dev-language-work"}
    shown = json.dumps(graph_of(synthesized, "Messages in quiet groups"))
    for state in ("Visible", "NotVisible", "Delayed"):
        assert f"ApproximateNumberOfMessages{state}InQuietGroups" in shown
    by_default = {alarm["alarm_name"] for alarm in watched.all("aws_cloudwatch_metric_alarm").values()}
    assert not {name for name in by_default if "groups" in name}
    assert "Groups" not in watched.one("aws_cloudwatch_dashboard")["dashboard_body"]
