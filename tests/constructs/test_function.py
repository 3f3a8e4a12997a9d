import json
import re
from collections.abc import Callable
from dataclasses import replace

from constructs_lib import (
    BatchInferenceFunction,
    CodeSigning,
    ExistingEndpoint,
    ExistingRole,
    FunctionSettings,
    InferenceSettings,
    PipelineSettings,
    SettingsError,
    StackSettings,
    VpcSettings,
)
from constructs_lib.function.packaging import package_handler

import pytest
from cdktf import TerraformStack, Testing

from handler.settings import HandlerSettings
from tests.constructs.synthesized import Synthesized

LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:codecs:3"
SHARED = ExistingEndpoint(name="shared", concurrent_requests=50)


def test_the_function_has_the_defaults_that_were_asked_for(smallest: Synthesized) -> None:
    function = smallest.one("aws_lambda_function")
    assert function["function_name"] == "dev-language-inference"
    assert function["memory_size"] == 512
    assert function["timeout"] == 30
    assert function["architectures"] == ["arm64"]
    assert function["runtime"] == "python3.13"
    assert function["handler"] == "handler.index.handler"
    assert function["tracing_config"] == {"mode": "Active"}
    assert function["logging_config"]["log_format"] == "JSON"
    assert "reserved_concurrent_executions" not in function


def test_every_function_setting_arrives(synth_pipeline: Callable[..., Synthesized]) -> None:
    settings = FunctionSettings(
        memory_mib=1024,
        timeout_seconds=60,
        architecture="x86_64",
        runtime="python3.12",
        log_level="WARNING",
        log_retention_days=7,
        tracing=False,
        reserved_concurrency=50,
    )
    synthesized = synth_pipeline(function=settings)
    function = synthesized.one("aws_lambda_function")
    assert function["memory_size"] == 1024
    assert function["timeout"] == 60
    assert function["architectures"] == ["x86_64"]
    assert function["runtime"] == "python3.12"
    assert function["logging_config"]["application_log_level"] == "INFO"
    assert function["environment"]["variables"]["LOG_LEVEL"] == "WARNING"
    assert "tracing_config" not in function
    assert function["reserved_concurrent_executions"] == 50
    assert synthesized.one("aws_cloudwatch_log_group", "function")["retention_in_days"] == 7
    assert "write-traces" not in synthesized.policies("function")


def test_the_environment_is_what_the_handler_reads(synth_pipeline: Callable[..., Synthesized]) -> None:
    inference = InferenceSettings(
        codec="huggingface",
        parameters={"truncation": True},
        max_records_per_request=25,
        max_request_bytes=100_000,
        requests_in_flight=3,
        metrics_namespace="Support/Language",
    )
    synthesized = synth_pipeline(inference=inference)
    variables = synthesized.one("aws_lambda_function")["environment"]["variables"]
    assert HandlerSettings.from_environment(variables) == HandlerSettings(
        endpoint_name="dev-language",
        result_target=f"${{{synthesized.reference('aws_sqs_queue', 'results')}.url}}",
        dead_letter_queue_url=f"${{{synthesized.reference('aws_sqs_queue', 'dead-letter')}.url}}",
        queue_url=f"${{{synthesized.reference('aws_sqs_queue', 'work_queue')}.url}}",
        codec="huggingface",
        parameters={"truncation": True},
        max_records=25,
        max_bytes=100_000,
        max_concurrency=3,
        request_timeout_seconds=20,
        max_receives=5,
        metrics_namespace="Support/Language",
        log_level="INFO",
    )


def test_a_target_and_a_codec_from_a_layer_reach_the_handler(synth_pipeline: Callable[..., Synthesized]) -> None:
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


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"inference": InferenceSettings(codec="mine:make")},
            "dev/language function.layers = (): must be the layer that inference.codec is in (the handler's zip holds "
            "no code but its own)",
        ),
        (
            {"inference": InferenceSettings(codec="xml")},
            "dev/language inference.codec = 'xml': must be one of huggingface, instances, jsonlines, csv, csv-row, "
            "kserve, single, or module:function (the handler's codecs)",
        ),
        (
            {"endpoint": SHARED, "inference": InferenceSettings(target_variant="a_b")},
            "dev/language inference.target_variant = 'a_b': must be 1 to 63 letters, digits and hyphens (SageMaker "
            "TargetVariant)",
        ),
        (
            {"function": FunctionSettings(timeout_seconds=90, layers=(LAYER,) * 6)},
            f"dev/language function.layers = {(LAYER,) * 6}: must be at most 5 layers (Lambda Layers)",
        ),
        (
            {"function": FunctionSettings(layers=(1,))},  # type: ignore[arg-type]
            "dev/language function.layers = (1,): must be a tuple of text (an item is of another type)",
        ),
        (
            {"function": FunctionSettings(memory_mib=(512,))},  # type: ignore[arg-type]
            "dev/language function.memory_mib = (512,): must be a whole number (it is of type tuple)",
        ),
        (
            {"results": {"sink": "sns"}},
            "dev/language results = {'sink': 'sns'}: must be ResultsSettings (it is of type dict)",
        ),
        (
            {"inference": InferenceSettings(parameters={1: 2})},  # type: ignore[dict-item]
            "dev/language inference.parameters = {1: 2}: must be a mapping of text to JSON values (its keys or values "
            "are of another type)",
        ),
    ],
)
def test_targets_codecs_and_layers_are_checked(
    synth_pipeline: Callable[..., Synthesized], changes: dict[str, object], text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**changes)
    assert str(raised.value) == f"1 setting is out of bounds:\n  {text}"


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


def test_logs_exist_before_the_function_writes_them(smallest: Synthesized) -> None:
    log_group = smallest.one("aws_cloudwatch_log_group", "function")
    assert log_group["name"] == "/aws/lambda/dev-language-inference"
    assert log_group["retention_in_days"] == 30
    function = smallest.one("aws_lambda_function")
    group = smallest.reference("aws_cloudwatch_log_group", "function")
    assert function["logging_config"]["log_group"] == f"${{{group}.name}}"
    assert smallest.reference("aws_iam_role_policy", "function_role_write-logs") in function["depends_on"]


KEY = "arn:aws:kms:eu-central-1:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
NETWORK = VpcSettings(subnet_ids=("subnet-0a1b", "subnet-0c2d"), security_group_ids=("sg-0e3f",))


def test_keys_storage_and_log_levels_arrive(synth_pipeline: Callable[..., Synthesized]) -> None:
    synthesized = synth_pipeline(
        function=FunctionSettings(
            ephemeral_storage_mib=2048, environment_key_arn=KEY, log_key_arn=KEY, system_log_level="DEBUG"
        )
    )
    function = synthesized.one("aws_lambda_function")
    assert function["ephemeral_storage"] == {"size": 2048}
    assert function["kms_key_arn"] == KEY
    assert function["logging_config"]["system_log_level"] == "DEBUG"
    assert synthesized.one("aws_cloudwatch_log_group", "function")["kms_key_id"] == KEY


def test_an_alias_is_what_the_queue_calls(synth_pipeline: Callable[..., Synthesized], smallest: Synthesized) -> None:
    synthesized = synth_pipeline(function=FunctionSettings(alias="live", provisioned_concurrency=3))
    function = synthesized.reference("aws_lambda_function", "function")
    alias = synthesized.reference("aws_lambda_alias", "alias")
    assert synthesized.one("aws_lambda_function")["publish"] is True
    assert synthesized.one("aws_lambda_alias")["function_version"] == f"${{{function}.version}}"
    mapping = synthesized.one("aws_lambda_event_source_mapping")
    assert mapping["function_name"] == f"${{{alias}.arn}}"
    warm = synthesized.one("aws_lambda_provisioned_concurrency_config")
    assert warm["qualifier"] == f"${{{alias}.name}}"
    assert warm["provisioned_concurrent_executions"] == 3
    assert synthesized.reference("aws_lambda_provisioned_concurrency_config") in mapping["depends_on"]
    for kind in ("aws_lambda_alias", "aws_lambda_provisioned_concurrency_config"):
        assert kind not in smallest.document["resource"]
    assert "publish" not in smallest.one("aws_lambda_function")


def test_published_versions_can_start_from_a_snapshot(synth_pipeline: Callable[..., Synthesized]) -> None:
    synthesized = synth_pipeline(function=FunctionSettings(alias="live", snap_start=True))
    assert synthesized.one("aws_lambda_function")["snap_start"] == {"apply_on": "PublishedVersions"}


def test_in_a_network_lambda_may_make_interfaces_and_the_code_may_not(
    synth_pipeline: Callable[..., Synthesized],
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


def test_code_is_signed_before_lambda_takes_it(synth_pipeline: Callable[..., Synthesized]) -> None:
    config = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdefg"
    signing = CodeSigning(config_arn=config, profile_name="release", location="s3://code/inference/")
    synthesized = synth_pipeline(function=FunctionSettings(code_signing=signing))
    _, content_hash = package_handler()
    unsigned, function_name = synthesized.one("aws_s3_object"), "dev-language-inference"
    assert (unsigned["bucket"], unsigned["key"]) == (
        "code",
        f"inference/unsigned/{function_name}/{content_hash[:16]}.zip",
    )
    assert unsigned["override_provider"] == {"default_tags": {"tags": {}}}
    job = synthesized.one("aws_signer_signing_job")
    reference = synthesized.reference("aws_s3_object")
    assert job["source"]["s3"]["version"] == f"${{{reference}.version_id}}"
    assert job["destination"]["s3"] == {"bucket": "code", "prefix": "inference/signed/"}
    assert job["profile_name"] == "release"
    function = synthesized.one("aws_lambda_function")
    signed = f"{synthesized.reference('aws_signer_signing_job')}.signed_object[0].s3[0]"
    assert (function["s3_bucket"], function["s3_key"]) == (f"${{{signed}.bucket}}", f"${{{signed}.key}}")
    assert function["code_signing_config_arn"] == config
    assert "filename" not in function


def test_functions_of_the_same_code_share_no_object_that_one_would_delete(
    pipeline_settings: PipelineSettings, synth_stack: Callable[[StackSettings], Synthesized]
) -> None:
    config = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdefg"
    signing = CodeSigning(config_arn=config, profile_name="release", location="s3://code/")
    pipeline = replace(pipeline_settings, function=FunctionSettings(code_signing=signing))
    synthesized = synth_stack(StackSettings(region="eu-central-1", pipelines={"one": pipeline, "two": pipeline}))
    folders = {unsigned["key"].rpartition("/")[0] for unsigned in synthesized.all("aws_s3_object").values()}
    assert folders == {"unsigned/dev-one-inference", "unsigned/dev-two-inference"}


def test_an_existing_role_gets_the_rights_under_names_of_the_function(
    synth_pipeline: Callable[..., Synthesized],
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


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            FunctionSettings(provisioned_concurrency=2),
            "function.provisioned_concurrency = 2: must be None without alias (Lambda does it for published versions "
            "alone)",
        ),
        (
            FunctionSettings(snap_start=True),
            "function.snap_start = True: must be None without alias (Lambda does it for published versions alone)",
        ),
        (
            FunctionSettings(alias="live", snap_start=True, provisioned_concurrency=2),
            "function.provisioned_concurrency = 2: must be None with snap_start (Lambda SnapStart)",
        ),
        (
            FunctionSettings(alias="live", snap_start=True, ephemeral_storage_mib=1024),
            "function.ephemeral_storage_mib = 1024: must be at most 512 with snap_start (Lambda SnapStart)",
        ),
        (
            FunctionSettings(alias="live", snap_start=True, runtime="python3.11"),
            "function.runtime = 'python3.11': must be python3.12 or newer with snap_start (Lambda SnapStart)",
        ),
        (
            FunctionSettings(alias="live", provisioned_concurrency=11, reserved_concurrency=10),
            "function.provisioned_concurrency = 11: must be at most reserved_concurrency, 10 (it is part of it)",
        ),
        (
            FunctionSettings(alias="7"),
            "function.alias = '7': must be 1 to 128 of A-Z a-z 0-9 - _, not digits alone (Lambda alias Name)",
        ),
        (
            FunctionSettings(role=ExistingRole(arn="inference")),
            "function.role.arn = 'inference': must be the ARN of an IAM role (AWS ARN formats)",
        ),
    ],
)
def test_what_a_function_can_not_be_is_named(
    synth_pipeline: Callable[..., Synthesized], settings: FunctionSettings, text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(function=settings)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_an_environment_over_lambdas_limit_is_named(synth_pipeline: Callable[..., Synthesized]) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(inference=InferenceSettings(parameters={"candidate_labels": ["x" * 4000]}))
    assert re.fullmatch(
        r"1 setting is out of bounds:\n  dev/language function\.environment = '4\d\d\d bytes': must be at most 4096 "
        r"bytes; PARAMETERS alone has 40\d\d \(Lambda quotas\)",
        str(raised.value),
    )


def test_a_function_by_itself_checks_its_environment() -> None:
    handler = HandlerSettings(endpoint_name="e", dead_letter_queue_url="${var.url}", codec="x" * 4000)
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        BatchInferenceFunction(stack, "function", name="scorer", handler_settings=handler)
    (violation,) = raised.value.violations
    assert (violation.path, violation.property) == ("plain/function", "environment")
    assert violation.bound == "at most 4096 bytes; CODEC alone has 4005"


def test_a_function_name_is_checked_as_it_comes_out() -> None:
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        BatchInferenceFunction(
            stack,
            "function",
            name="f" * 65,
            handler_settings=HandlerSettings(endpoint_name="e", result_target="r", dead_letter_queue_url="d"),
        )
    assert str(raised.value) == (
        f"1 setting is out of bounds:\n  plain/function name = '{'f' * 65}': must be 1 to 48 letters, digits, - and _ "
        "(IAM RoleName, with the region)"
    )


def test_messages_may_name_the_components_that_the_function_has_the_right_to(
    synth_pipeline: Callable[..., Synthesized],
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
