"""Settings of envelopes and of the places that messages may point into, and the rights that follow."""

from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    FunctionSettings,
    InferenceSettings,
    QueueSettings,
    ServicePrincipal,
    StackSettings,
)
from constructs_lib.stack import check_stack
from constructs_lib.validation.derived import derive
from constructs_lib.validation.warnings import chain_warnings

import pytest

from handler.settings import HandlerSettings
from tests.constructs.conftest import MODEL, Synth
from tests.constructs.synthesized import Synthesized
from tests.constructs.test_refused import PIPELINE

KEY = "arn:aws:kms:eu-central-1:123456789012:key/inputs"
LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:codec:1"
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://payloads/in/", output_location="s3://payloads/out/"
)
PLACES = InferenceSettings(
    envelope="s3",
    body_encoding="base64",
    input_location="s3://calls/incoming/",
    more_input_locations=("s3://partner-calls/", "s3://calls/incoming/"),
    input_bucket_owners={"partner-calls": "210987654321"},
)
READS = [
    ["arn:PARTITION:s3:::calls/incoming/*"],
    ["arn:PARTITION:s3:::partner-calls/*"],
]


def reads(synthesized: Synthesized, role: str, policy: str) -> list[list[str]]:
    """Return the resources of each statement by which a role may get objects."""
    return [
        [synthesized.readable(resource) for resource in statement["Resource"]]
        for statement in synthesized.policies(role)[policy]
        if statement["Action"] == ["s3:GetObject"]
    ]


def test_each_place_is_read_by_the_function_and_by_no_one_else(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(inference=PLACES)
    assert reads(synthesized, "function", "read-inputs") == READS
    assert "exchange-objects" not in synthesized.policies("endpoint")
    variables = synthesized.one("aws_lambda_function")["environment"]["variables"]
    read = HandlerSettings.from_environment(variables)
    assert (read.envelope, read.body_encoding, read.more_input_locations, read.input_bucket_owners) == (
        "s3",
        "base64",
        ("s3://partner-calls/", "s3://calls/incoming/"),
        {"partner-calls": "210987654321"},
    )


def test_the_containers_of_an_asynchronous_endpoint_read_them_too(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(
        endpoint=EndpointSettings(model=MODEL, capacity=ASYNC), inference=PLACES, bucket_key_arns=(KEY,)
    )
    assert reads(synthesized, "language_function", "read-inputs") == READS
    assert reads(synthesized, "endpoint", "exchange-objects") == [["arn:PARTITION:s3:::payloads/in/*"], *READS]
    (key,) = [
        statement
        for statement in synthesized.policies("endpoint")["exchange-objects"]
        if statement["Action"] == ["kms:Decrypt"]
    ]
    assert key["Resource"] == [KEY]
    assert not reads(synthesized, "notify_function", "read-answers")[1:]


@pytest.mark.parametrize(
    ("inference", "envelope"),
    [
        (InferenceSettings(), "refuse"),
        (InferenceSettings(codec="csv"), "refuse"),
        (InferenceSettings(codec="company:codec"), "as-is"),
        (InferenceSettings(codec="company:codec", envelope="refuse"), "refuse"),
        (InferenceSettings(envelope="as-is"), "as-is"),
    ],
)
def test_a_codec_of_ones_own_gets_envelopes_unless_a_setting_says_otherwise(
    inference: InferenceSettings, envelope: str
) -> None:
    assert derive(replace(PIPELINE, inference=inference)).inference.envelope == envelope


def refused(**inference: Any) -> list[str]:
    pipeline = replace(PIPELINE, inference=InferenceSettings(**inference), function=FunctionSettings(layers=(LAYER,)))
    settings = StackSettings(region="eu-central-1", pipelines={"x": pipeline})
    return [str(violation).removeprefix("dev/x inference.") for violation in check_stack("dev", settings)]


@pytest.mark.parametrize(
    ("inference", "text"),
    [
        (
            {"envelope": "soap"},
            "envelope = 'soap': must be one of refuse, as-is, auto, sns, s3, eventbridge, cloudevents, extended-client "
            "(the handler's envelopes)",
        ),
        ({"body_encoding": "hex"}, "body_encoding = 'hex': must be one of text, base64 (the handler's encodings)"),
        (
            {"envelope": "s3"},
            "input_location = None: must be s3://bucket/prefix/ (the envelope s3 points to objects)",
        ),
        (
            {"envelope": "extended-client"},
            "input_location = None: must be s3://bucket/prefix/ (the envelope extended-client points to objects)",
        ),
        (
            {"more_input_locations": ("s3://bucket/",)},
            "more_input_locations = ('s3://bucket/',): must be none without input_location (they are further ones)",
        ),
        (
            {"input_location": "s3://bucket/", "more_input_locations": ("s3://other",)},
            "more_input_locations[0] = 's3://other': must be s3://bucket/ or s3://bucket/prefix/, with a slash last "
            "(Amazon S3)",
        ),
        (
            {"input_location": "s3://bucket/a/", "input_bucket_owners": {"bukket": "123456789012"}},
            "input_bucket_owners.bukket = 'bukket': must be one of bucket (only those are read)",
        ),
        (
            {"input_bucket_owners": {"bucket": "123456789012"}},
            "input_bucket_owners.bucket = 'bucket': must be a bucket of input_location (only those are read)",
        ),
        (
            {"input_location": "s3://bucket/a/", "input_bucket_owners": {"bucket": "12345"}},
            "input_bucket_owners.bucket = '12345': must be an account id of 12 digits (AWS account ids)",
        ),
    ],
)
def test_what_can_t_work_is_a_violation(inference: dict[str, Any], text: str) -> None:
    assert refused(**inference) == [text]


@pytest.mark.parametrize(
    ("envelope", "service", "is_warned"),
    [
        (None, "s3.amazonaws.com", True),
        ("sns", "s3.amazonaws.com", True),
        ("extended-client", "s3.amazonaws.com", True),
        ("s3", "s3.amazonaws.com", False),
        ("auto", "s3.amazonaws.com", False),
        ("as-is", "s3.amazonaws.com", False),
        (None, "events.amazonaws.com", False),
    ],
)
def test_notifications_that_would_be_refused_are_warned_of(envelope: str | None, service: str, is_warned: bool) -> None:
    pipeline = replace(
        PIPELINE,
        queue=QueueSettings(senders=(ServicePrincipal(service=service, source_arn="arn:aws:s3:::inputs"),)),
        inference=InferenceSettings(envelope=envelope, input_location="s3://inputs/"),
    )
    text = (
        f"queue.senders has Amazon S3, and inference.envelope is {envelope or 'refuse'}: its notifications are "
        "dead-lettered; s3 has their objects scored [bucket-events-refused]"
    )
    warnings = [str(warning) for warning in chain_warnings(derive(pipeline)) if warning.id == "bucket-events-refused"]
    assert warnings == ([text] if is_warned else [])


@pytest.mark.parametrize("envelope", ["auto", "sns", "eventbridge", "cloudevents", "as-is", "refuse"])
def test_other_envelopes_need_no_place(envelope: str) -> None:
    assert refused(envelope=envelope) == []


def test_no_place_may_hold_whole_requests() -> None:
    pipeline = replace(
        PIPELINE,
        endpoint=EndpointSettings(model=MODEL, capacity=ASYNC),
        inference=InferenceSettings(
            input_location="s3://calls/", more_input_locations=("s3://other/", "s3://payloads/")
        ),
    )
    settings = StackSettings(region="eu-central-1", pipelines={"x": pipeline})
    assert [str(violation) for violation in check_stack("dev", settings)] == [
        "dev/x inference.more_input_locations[1] = 's3://payloads/': must be apart from "
        "endpoint.capacity.request_location, s3://payloads/in/ (what lies there is a whole request)"
    ]
