"""Rights and roles of the function, and its network."""

import json
from dataclasses import replace

from constructs_lib import (
    ExistingEndpoint,
    ExistingRole,
    FunctionSettings,
    InferenceSettings,
    SettingsError,
    VpcSettings,
)

import pytest

from handler.settings import HandlerSettings
from tests.constructs.conftest import SHARED, Synth
from tests.constructs.synthesized import Synthesized


def test_a_target_and_a_codec_from_a_layer_reach_the_handler(synth_pipeline: Synth) -> None:
    layer = "arn:aws:lambda:eu-central-1:123456789012:layer:codecs:3"
    inference = InferenceSettings(
        codec="codecs.mine:make",
        sort_by_length=True,
        target_model="en.tar.gz",
        inference_component_name="en",
        target_variant="b",
        targets_from_messages=True,
    )
    function_settings = FunctionSettings(timeout_seconds=90, layers=(layer,))
    synthesized = synth_pipeline(endpoint=SHARED, inference=inference, function=function_settings)
    function = synthesized.one("aws_lambda_function")
    read = HandlerSettings.from_environment(function["environment"]["variables"])
    assert function["layers"] == [layer]
    assert (read.codec, read.sort_by_length, read.targets_from_messages) == ("codecs.mine:make", True, True)
    assert (read.target_model, read.inference_component_name, read.target_variant) == ("en.tar.gz", "en", "b")
    (statement,) = synthesized.policies("function")["invoke-endpoint"]
    assert [synthesized.readable(resource) for resource in statement["Resource"]] == [
        "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT:endpoint/shared",
        "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT:inference-component/en",
    ]


def test_the_role_has_these_rights_and_no_others(smallest: Synthesized) -> None:
    arn = "arn:PARTITION:{}:eu-central-1:ACCOUNT:{}".format
    rights = {
        (action, smallest.readable(resource))
        for statements in smallest.policies("function").values()
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    stream = arn("logs", "log-group:/aws/lambda/dev-language-inference:log-stream:*")
    assert rights == {
        ("logs:CreateLogStream", stream),
        ("logs:PutLogEvents", stream),
        ("xray:PutTelemetryRecords", "*"),
        ("xray:PutTraceSegments", "*"),
        ("sqs:ReceiveMessage", arn("sqs", "dev-language-work")),
        ("sqs:DeleteMessage", arn("sqs", "dev-language-work")),
        ("sqs:GetQueueAttributes", arn("sqs", "dev-language-work")),
        ("sqs:ChangeMessageVisibility", arn("sqs", "dev-language-work")),
        ("sqs:SendMessage", arn("sqs", "dev-language-results")),
        ("sqs:SendMessage", arn("sqs", "dev-language-work-dlq")),
        ("sagemaker:InvokeEndpoint", arn("sagemaker", "endpoint/dev-language")),
    }


NETWORK = VpcSettings(subnet_ids=("subnet-0a1b", "subnet-0c2d"), security_group_ids=("sg-0e3f",))


def test_in_a_network_lambda_may_make_interfaces_and_the_code_may_not(
    synth_pipeline: Synth,
) -> None:
    synthesized = synth_pipeline(function=FunctionSettings(vpc=NETWORK))
    assert synthesized.one("aws_lambda_function")["vpc_config"] == {
        "subnet_ids": ["subnet-0a1b", "subnet-0c2d"],
        "security_group_ids": ["sg-0e3f"],
    }
    policy = json.loads(synthesized.readable(json.dumps(synthesized.policies("function")["join-network"])))
    describe, interfaces, deny = policy
    assert describe["Resource"] == ["*"]
    assert interfaces["Action"] == ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"]
    assert interfaces["Resource"] == ["arn:PARTITION:ec2:eu-central-1:ACCOUNT:*/*"]
    assert deny["Effect"] == "Deny"
    assert set(deny["Action"]) == {*describe["Action"], *interfaces["Action"]}
    assert deny["Condition"] == {
        "ArnEquals": {
            "lambda:SourceFunctionArn": "arn:PARTITION:lambda:eu-central-1:ACCOUNT:function:dev-language-inference"
        }
    }


def test_an_existing_role_gets_the_rights_under_names_of_the_function(
    synth_pipeline: Synth,
) -> None:
    arn = "arn:aws:iam::123456789012:role/teams/inference"
    synthesized = synth_pipeline(function=FunctionSettings(role=ExistingRole(arn=arn)))
    assert synthesized.one("aws_lambda_function")["role"] == arn
    attached = {
        policy["name"] for policy in synthesized.all("aws_iam_role_policy").values() if policy["role"] == "inference"
    }
    assert {
        "dev-language-inference-write-logs",
        "dev-language-inference-invoke-endpoint",
        "dev-language-inference-consume-work",
        "dev-language-inference-send-to-results",
    } <= attached
    assert not any("function" in name for name in synthesized.all("aws_iam_role"))
    managed = synth_pipeline(function=FunctionSettings(role=ExistingRole(arn=arn, attach_policies=False)))
    assert all(policy["role"] != "inference" for policy in managed.all("aws_iam_role_policy").values())
    assert managed.one("aws_lambda_function")["role"] == arn


def test_messages_may_name_the_components_that_the_function_has_the_right_to(
    synth_pipeline: Synth,
) -> None:
    inference = InferenceSettings(
        inference_component_name="de", more_inference_components=("fr", "it"), targets_from_messages=True
    )
    endpoint = ExistingEndpoint(name="translators", concurrent_requests=8)
    synthesized = synth_pipeline(inference=inference, endpoint=endpoint)
    policies = json.loads(synthesized.readable(json.dumps(synthesized.policies("function"))))
    (statement,) = policies["invoke-endpoint"]
    sagemaker = "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT"
    assert statement["Resource"] == [
        f"{sagemaker}:endpoint/translators",
        *(f"{sagemaker}:inference-component/{name}" for name in ("de", "fr", "it")),
    ]
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(inference=replace(inference, targets_from_messages=False), endpoint=endpoint)
    assert str(raised.value) == (
        "1 setting is out of bounds:\n  dev/language inference.more_inference_components = ('fr', 'it'): must be none "
        "without targets_from_messages (only messages name others than inference_component_name)"
    )
