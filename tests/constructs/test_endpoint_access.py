"""Access of an endpoint to data, networks and keys; roles."""

import json
import re
from dataclasses import replace
from typing import Any

from constructs_lib import (
    DataCapture,
    EndpointSettings,
    ExistingEndpoint,
    ExistingRole,
    InferenceSettings,
    ModelEndpoint,
)

from cdktf import TerraformStack

from tests.constructs.conftest import Synth, SynthInPlainStack
from tests.constructs.endpoints import ASYNC, CONFIGURATION, CONTAINER, KEY, VPC, endpoint_with
from tests.constructs.synthesized import Synthesized, policy_name

OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/5678abcd"


def _statements(synthesized: Synthesized, policy: str) -> list[tuple[list[str], list[str], Any]]:
    return [
        (
            statement["Action"],
            [synthesized.readable(resource) for resource in statement["Resource"]],
            json.loads(synthesized.readable(json.dumps(statement.get("Condition")))),
        )
        for statement in synthesized.policies("endpoint")[policy]
    ]


def _via(service: str) -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": f"{service}.eu-central-1.amazonaws.com"}}


def test_requests_and_answers_are_captured(synth_pipeline: Synth) -> None:
    capture = DataCapture(location="s3://audit/language/", sampling_percent=20, kms_key_arn=KEY)
    synthesized = synth_pipeline(endpoint=endpoint_with(data_capture=capture))
    assert synthesized.one(CONFIGURATION)["data_capture_config"] == {
        "enable_capture": True,
        "initial_sampling_percentage": 20,
        "destination_s3_uri": "s3://audit/language/",
        "kms_key_id": KEY,
        "capture_options": [{"capture_mode": "Input"}, {"capture_mode": "Output"}],
    }
    put = (["s3:PutObject"], ["arn:PARTITION:s3:::audit/language/*"], None)
    assert _statements(synthesized, "capture-data") == [put]
    assert _statements(synthesized, "use-keys") == [(["kms:Decrypt", "kms:GenerateDataKey"], [KEY], _via("s3"))]


def test_answers_alone_are_captured(synth_pipeline: Synth) -> None:
    capture = DataCapture(location="s3://audit/language/", requests=False)
    configuration = synth_pipeline(endpoint=endpoint_with(data_capture=capture)).one(CONFIGURATION)
    assert configuration["data_capture_config"]["capture_options"] == [{"capture_mode": "Output"}]


def test_a_model_in_a_vpc_may_make_interfaces_in_its_subnets_alone(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=endpoint_with(vpc=VPC))
    assert synthesized.one("aws_sagemaker_model")["vpc_config"] == {
        "subnets": ["subnet-0a1", "subnet-0b2"],
        "security_group_ids": ["sg-0c3"],
    }
    arn = "arn:PARTITION:ec2:eu-central-1:ACCOUNT:{}".format
    subnets = [arn("subnet/subnet-0a1"), arn("subnet/subnet-0b2")]
    create, change, describe = _statements(synthesized, "use-network")
    assert create == (
        ["ec2:CreateNetworkInterface"],
        [arn("network-interface/*"), *subnets, arn("security-group/sg-0c3")],
        None,
    )
    assert change == (
        [
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        ],
        [arn("network-interface/*")],
        {"ArnEquals": {"ec2:Subnet": subnets}},
    )
    assert describe[1] == ["*"]
    assert all(action.startswith("ec2:Describe") for action in describe[0])


def test_customer_keys_are_used_through_their_service_alone(synth_pipeline: Synth) -> None:
    settings = endpoint_with(
        model=replace(CONTAINER, model_data_url="s3://models/a.tar.gz"),
        volume_key_arn=KEY,
        bucket_key_arns=(OTHER_KEY,),
        log_key_arn=KEY,
    )
    synthesized = synth_pipeline(endpoint=settings)
    assert synthesized.one(CONFIGURATION)["kms_key_arn"] == KEY
    assert synthesized.one("aws_cloudwatch_log_group", "endpoint")["kms_key_id"] == KEY
    assert _statements(synthesized, "use-keys") == [
        (["kms:Decrypt"], [OTHER_KEY], _via("s3")),
        (["kms:CreateGrant"], [KEY], {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        (["kms:DescribeKey"], [KEY], None),
    ]


def test_an_existing_role_gets_the_policies(synth_pipeline: Synth) -> None:
    role = ExistingRole(arn="arn:aws:iam::123456789012:role/ml/scorer")
    synthesized = synth_pipeline(endpoint=endpoint_with(role=role))
    assert synthesized.one("aws_sagemaker_model")["execution_role_arn"] == role.arn
    assert not any("endpoint" in name for name in synthesized.all("aws_iam_role"))
    policies = [p for p in synthesized.all("aws_iam_role_policy").values() if p["role"] == "scorer"]
    assert {re.sub("-[0-9a-f]{8}$", "-HASH", policy_name(policy)) for policy in policies} == {
        "dev-language-endpoint-pull-image-HASH",
        "dev-language-endpoint-watch-alarms-HASH",
        "dev-language-endpoint-write-logs-and-metrics",
    }
    bare = synth_pipeline(endpoint=endpoint_with(role=replace(role, attach_policies=False)))
    assert not any(p["role"] == "scorer" for p in bare.all("aws_iam_role_policy").values())


def test_asynchronous_answers_leave_by_s3_and_topics(synth_in_plain_stack: SynthInPlainStack) -> None:
    topics = tuple(f"arn:aws:sns:eu-central-1:123456789012:scorer-{name}" for name in ("success", "error"))
    capacity = replace(ASYNC, failure_location="s3://work/failed/", output_key_arn=KEY)

    def build(stack: TerraformStack) -> None:
        settings = EndpointSettings(model=CONTAINER, capacity=capacity)
        ModelEndpoint(stack, "endpoint", name="scorer", settings=settings, notifications=(topics[0], topics[1]))

    synthesized = synth_in_plain_stack(build)
    configuration = synthesized.one(CONFIGURATION)
    assert configuration["async_inference_config"] == {
        "client_config": {"max_concurrent_invocations_per_instance": 4},
        "output_config": {
            "s3_output_path": "s3://work/out/",
            "s3_failure_path": "s3://work/failed/",
            "kms_key_id": KEY,
            "notification_config": {"success_topic": topics[0], "error_topic": topics[1]},
        },
    }
    # SageMaker starts no endpoint without instances; scaling then takes them away.
    assert configuration["production_variants"][0]["initial_instance_count"] == 1
    assert configuration["lifecycle"]["ignore_changes"] == ["production_variants[0].initial_instance_count"]
    statements = {
        (action, synthesized.readable(resource))
        for policy in ("exchange-objects", "notify")
        for statement in synthesized.policies("endpoint")[policy]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    assert statements == {
        ("s3:GetObject", "arn:PARTITION:s3:::work/in/*"),
        ("s3:PutObject", "arn:PARTITION:s3:::work/out/*"),
        ("s3:AbortMultipartUpload", "arn:PARTITION:s3:::work/out/*"),
        ("s3:PutObject", "arn:PARTITION:s3:::work/failed/*"),
        ("s3:AbortMultipartUpload", "arn:PARTITION:s3:::work/failed/*"),
        *(("sns:Publish", topic) for topic in topics),
    }
    (key,) = synthesized.policies("endpoint")["use-keys"]
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], [KEY])


def test_nothing_is_created_of_an_endpoint_that_exists(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(
        endpoint=ExistingEndpoint(name="shared", concurrent_requests=100),
        inference=InferenceSettings(inference_component_name="scorer"),
    )
    assert not any(kind.startswith("aws_sagemaker") for kind in synthesized.document["resource"])
    assert synthesized.document["output"]["language_endpoint_name"]["value"] == "shared"
    assert synthesized.one("aws_lambda_function")["environment"]["variables"]["ENDPOINT_NAME"] == "shared"
    (invoke,) = synthesized.policies("function")["invoke-endpoint"]
    assert [synthesized.readable(resource) for resource in invoke["Resource"]] == [
        "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT:endpoint/shared",
        "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT:inference-component/scorer",
    ]
    mapping = synthesized.one("aws_lambda_event_source_mapping")
    assert all(address.startswith("aws_iam_role_policy.") for address in mapping["depends_on"])
    assert mapping["scaling_config"]["maximum_concurrency"] == 50
