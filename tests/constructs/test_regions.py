"""Regions and partitions: settings of another than the stack's, and service names in each partition."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib import (
    ContainerModel,
    EndpointSettings,
    ExistingRole,
    FunctionSettings,
    HuggingFaceModel,
    MonitoringSettings,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    ServerlessCapacity,
    ServicePrincipal,
    StackSettings,
)
from constructs_lib.stack import check_stack
from constructs_lib.validation.derived import derive
from constructs_lib.validation.limits import LONGEST_REGION
from constructs_lib.validation.regions import REGIONS, partition, unknown_region
from constructs_lib.validation.warnings import pipeline_warnings

import botocore
import pytest

from tests.constructs.conftest import SynthStack
from tests.constructs.everything import EVERYTHING

KEY = "arn:aws:kms:us-east-1:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:codec:1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/scorer:1"


ENDPOINT = EndpointSettings(
    model=HuggingFaceModel(model_id="owner/model", task="text-classification"),
    capacity=ServerlessCapacity(memory_mib=4096, max_concurrency=4),
)


def _said(pipeline: PipelineSettings, region: str = "eu-central-1") -> list[str]:
    return [str(violation) for violation in check_stack("dev", StackSettings(region=region, pipelines={"x": pipeline}))]


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"queue": QueueSettings(kms_key_arn=KEY)}, "queue.kms_key_arn", KEY),
        ({"bucket_key_arns": (KEY,)}, "bucket_key_arns[0]", KEY),
        ({"function": FunctionSettings(layers=(LAYER,))}, "function.layers[0]", LAYER),
        ({"monitoring": MonitoringSettings(topic_arn=TOPIC)}, "monitoring.topic_arn", TOPIC),
        ({"endpoint": EndpointSettings(model=ContainerModel(image_uri=IMAGE))}, "endpoint.model.image_uri", IMAGE),
    ],
)
def test_what_is_in_another_region_is_named(
    pipeline_settings: PipelineSettings, changes: dict[str, Any], name: str, value: str
) -> None:
    assert _said(replace(pipeline_settings, **changes)) == [
        f"dev/x {name} = '{value}': must be of the stack's region, eu-central-1 (services use what is in their own)"
    ]


def test_every_arn_of_another_region_is_named_and_none_of_the_same() -> None:
    assert _said(EVERYTHING) == []
    named = {text.split(" ")[1] for text in _said(EVERYTHING, region="eu-west-1")}
    assert named == {
        "bucket_key_arns[0]",
        "endpoint.bucket_key_arns[0]",
        "endpoint.data_capture.kms_key_arn",
        "endpoint.log_key_arn",
        "endpoint.model.image_uri",
        "endpoint.volume_key_arn",
        "event_source.filter_key_arn",
        "function.code_signing.config_arn",
        "function.environment_key_arn",
        "function.log_key_arn",
        "idempotency.kms_key_arn",
        "monitoring.topic_key_arn",
        "queue.kms_key_arn",
        "results.kms_key_arn",
    }


def test_roles_senders_and_secrets_may_be_anywhere_in_the_partition(pipeline_settings: PipelineSettings) -> None:
    sender = ServicePrincipal(service="sns.amazonaws.com", source_arn=TOPIC)
    model = HuggingFaceModel(
        model_id="owner/model",
        task="text-classification",
        token_secret_arn="arn:aws:secretsmanager:us-east-1:123456789012:secret:hub-AbCdEf",
        bundle_location="s3://bucket/bundle/",
    )
    role = ExistingRole(arn="arn:aws:iam::123456789012:role/scorer")
    pipeline = replace(
        pipeline_settings,
        queue=QueueSettings(senders=(sender,)),
        endpoint=EndpointSettings(model=model),
        function=FunctionSettings(role=role),
    )
    assert _said(pipeline) == []
    assert _said(replace(pipeline_settings, function=FunctionSettings(role=role)), region="cn-north-1") == [
        "dev/x function.role.arn = 'arn:aws:iam::123456789012:role/scorer': must be an ARN of partition aws-cn "
        "(cn-north-1 is in it)"
    ]


def test_of_a_reference_no_region_is_known(pipeline_settings: PipelineSettings) -> None:
    for key in ("${var.key}", "arn:aws:kms:${var.region}:123456789012:key/0f6ab3ea"):
        assert _said(replace(pipeline_settings, results=ResultsSettings(kms_key_arn=key))) == []


@pytest.mark.parametrize(
    ("region", "meant"),
    [
        ("eu-centrl-1", "; did you mean eu-central-1?"),
        ("us-eats-1", "; did you mean us-east-1?"),
        ("us-gov-wst-1", "; did you mean us-gov-west-1?"),
        ("xy-moon-7", ""),
    ],
)
def test_a_region_that_nobody_knows_is_said_and_can_be_acknowledged(region: str, meant: str) -> None:
    assert _said(PipelineSettings(endpoint=ENDPOINT), region) == [], "a new region must be possible"
    said = f"the stack's region is {region}: AWS's SDKs know none of this name{meant} [unknown-region]"
    settings = derive(PipelineSettings(endpoint=ENDPOINT, function=FunctionSettings(timeout_seconds=75)))
    assert [str(warning) for warning in pipeline_warnings(settings, region)] == [said]
    known = replace(settings, acknowledged={"unknown-region": "it opened last week"})
    assert [*pipeline_warnings(known, region)] == []


@pytest.mark.parametrize("region", ["eu-central-1", "cn-north-1", "us-isof-south-1", "${var.region}"])
def test_a_region_that_is_known_or_terraform_s_to_know_is_not(region: str) -> None:
    assert unknown_region(region) is None


def test_partitions_are_those_of_the_sdk() -> None:
    text = (Path(botocore.__file__).parent / "data" / "partitions.json").read_text(encoding="utf-8")
    regions = {
        name: (found["id"], found["outputs"]["dnsSuffix"])
        for found in json.loads(text)["partitions"]
        for name in found["regions"]
        if not name.endswith("-global")
    }
    assert {name: partition(name) for name in regions} == regions
    assert tuple(sorted(regions)) == REGIONS
    assert len(LONGEST_REGION) == max(map(len, regions))
    assert {found["id"] for found in json.loads(text)["partitions"]} == {found for found, _ in regions.values()}


@pytest.mark.parametrize(
    ("region", "via"),
    [
        ("eu-central-1", "sqs.eu-central-1.amazonaws.com"),
        ("cn-north-1", "sqs.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "sqs.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_a_key_is_used_through_the_service_as_its_partition_names_it(
    synth_stack: SynthStack, pipeline_settings: PipelineSettings, region: str, via: str
) -> None:
    key = f"arn:{partition(region)[0]}:kms:{region}:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
    pipeline = replace(pipeline_settings, queue=QueueSettings(kms_key_arn=key))
    policies = synth_stack(StackSettings(region=region, pipelines={"x": pipeline})).policies("function")
    conditions = [
        statement["Condition"] for policy in policies.values() for statement in policy if "Condition" in statement
    ]
    assert {"StringEquals": {"kms:ViaService": via}} in conditions
    assert all("kms:ViaService" not in str(other) or via in str(other) for other in conditions)
