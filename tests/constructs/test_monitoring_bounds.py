"""Bounds of monitoring, relations to other settings among them."""

import re
from dataclasses import replace
from typing import Any

from constructs_lib import EndpointSettings, InferencePipeline, MonitoringSettings, PipelineSettings, SettingsError
from constructs_lib.validation.cross_resource import chain_violations
from constructs_lib.validation.derived import derive

import pytest
from cdktf import TerraformStack, TerraformVariable

from tests.constructs.conftest import MODEL, Synth, SynthInPlainStack
from tests.constructs.monitored import ASYNC

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
THEIRS = "arn:aws:sns:eu-central-1:123456789012:on-call"


@pytest.mark.parametrize(
    ("monitoring", "text"),
    [
        (
            MonitoringSettings(topic_arn=THEIRS, subscribers=("a@example.com",)),
            "monitoring.subscribers = ('a@example.com',): must be empty with topic_arn (a topic of yours keeps its "
            "own)",
        ),
        (
            MonitoringSettings(topic_arn=THEIRS, topic_key_arn=KEY),
            f"monitoring.topic_key_arn = '{KEY}': must be None with topic_arn (a topic of yours keeps its own)",
        ),
        (
            MonitoringSettings(subscribers=("a@example.com", "a@example.com")),
            "monitoring.subscribers = ('a@example.com', 'a@example.com'): must be each address once (SNS keeps one "
            "subscription of each)",
        ),
        (
            MonitoringSettings(subscribers=("a@example.com", "on-call")),
            "monitoring.subscribers[1] = 'on-call': must be e-mail addresses (SNS Subscribe)",
        ),
        (
            MonitoringSettings(queue_age_seconds=345_600),
            "monitoring.queue_age_seconds = 345600: must be less than queue.message_retention_seconds, 345600 seconds "
            "(no message grows so old)",
        ),
        (
            MonitoringSettings(model_latency_ms=20_000),
            "monitoring.model_latency_ms = 20000: must be less than what a request may take, 20000 ms (nobody waits "
            "longer)",
        ),
        (
            MonitoringSettings(duration_percent=100),
            "monitoring.duration_percent = 100: must be 1 to 99 % (alarm threshold)",
        ),
        (
            MonitoringSettings(unscored_percent=-1),
            "monitoring.unscored_percent = -1: must be 0 to 99 % (alarm threshold)",
        ),
        (
            MonitoringSettings(drain_seconds=0),
            "monitoring.drain_seconds = 0: must be 1 to 1209600 seconds (SQS MessageRetentionPeriod)",
        ),
        (
            MonitoringSettings(arrivals_within_minutes=4),
            "monitoring.arrivals_within_minutes = 4: must be 5 to 1440 minutes (alarm threshold)",
        ),
        (
            MonitoringSettings(idle_endpoint_hours=169),
            "monitoring.idle_endpoint_hours = 169: must be 1 to 168 hours (CloudWatch: by the hour, an alarm looks "
            "back seven days)",
        ),
        (
            MonitoringSettings(at_maximum_minutes=1441),
            "monitoring.at_maximum_minutes = 1441: must be 1 to 1440 minutes (CloudWatch: an alarm looks back a day)",
        ),
    ],
)
def test_alarms_that_can_not_be_are_named(synth_pipeline: Synth, monitoring: MonitoringSettings, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(monitoring=monitoring)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_an_asynchronous_request_may_take_longer_than_the_function_waits() -> None:
    settings = PipelineSettings(
        endpoint=EndpointSettings(model=MODEL, capacity=ASYNC), monitoring=MonitoringSettings(model_latency_ms=900_000)
    )
    (violation,) = chain_violations("dev/language", derive(settings))
    assert str(violation) == (
        "dev/language monitoring.model_latency_ms = 900000: must be less than what a request may take, 900000 ms "
        "(nobody waits longer)"
    )
    in_time = replace(settings, monitoring=MonitoringSettings(model_latency_ms=899_999))
    assert chain_violations("dev/language", derive(in_time)) == []


def test_thresholds_must_be_known_when_synthesizing(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        unknown: Any = TerraformVariable(stack, "seconds", type="number").number_value
        monitoring = MonitoringSettings(queue_age_seconds=unknown)
        pipeline = PipelineSettings(endpoint=EndpointSettings(model=MODEL), monitoring=monitoring)
        InferencePipeline(stack, "language", name="dev-language", settings=pipeline)

    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(build)
    assert re.fullmatch(
        r"1 setting is out of bounds:\n  plain/language monitoring\.queue_age_seconds = a Terraform reference: must be "
        r"known when synthesizing \(checks and derived settings need it\)",
        str(raised.value),
    )
