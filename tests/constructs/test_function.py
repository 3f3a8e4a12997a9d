"""Function of a pipeline: settings, environment, logs, versions and signed code."""

from dataclasses import replace
from pathlib import Path

from constructs_lib import CodeSigning, FunctionSettings, InferenceSettings, PipelineSettings
from constructs_lib.function.packaging import package_handler

from handler.settings import HandlerSettings
from tests.constructs.conftest import Synth, SynthStack, stack_of
from tests.constructs.synthesized import Synthesized


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


def test_every_function_setting_arrives(synth_pipeline: Synth) -> None:
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


def test_the_environment_is_what_the_handler_reads(synth_pipeline: Synth) -> None:
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
        task="text-classification",
        parameters={"truncation": True},
        max_records_per_request=25,
        max_request_bytes=100_000,
        batch_inside=True,
        max_padded_tokens=4096,
        sort_by_length=True,
        requests_in_flight=3,
        request_timeout_seconds=20,
        max_receive_count=5,
        metrics_namespace="Support/Language",
        log_level="INFO",
    )


def test_logs_exist_before_the_function_writes_them(smallest: Synthesized) -> None:
    log_group = smallest.one("aws_cloudwatch_log_group", "function")
    assert log_group["name"] == "/aws/lambda/dev-language-inference"
    assert log_group["retention_in_days"] == 30
    function = smallest.one("aws_lambda_function")
    group = smallest.reference("aws_cloudwatch_log_group", "function")
    assert function["logging_config"]["log_group"] == f"${{{group}.name}}"
    assert smallest.reference("aws_iam_role_policy", "function_role_write-logs") in function["depends_on"]


KEY = "arn:aws:kms:eu-central-1:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"


def test_keys_storage_and_log_levels_arrive(synth_pipeline: Synth) -> None:
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


def test_an_alias_is_what_the_queue_calls(synth_pipeline: Synth, smallest: Synthesized) -> None:
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


def test_published_versions_can_start_from_a_snapshot(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(function=FunctionSettings(alias="live", snap_start=True))
    assert synthesized.one("aws_lambda_function")["snap_start"] == {"apply_on": "PublishedVersions"}


def test_code_is_signed_before_lambda_takes_it(synth_pipeline: Synth, tmp_path: Path) -> None:
    config = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdefg"
    signing = CodeSigning(config_arn=config, profile_name="release", location="s3://code/inference/")
    synthesized = synth_pipeline(function=FunctionSettings(code_signing=signing))
    _, content_hash = package_handler(tmp_path)
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
    pipeline_settings: PipelineSettings, synth_stack: SynthStack
) -> None:
    config = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdefg"
    signing = CodeSigning(config_arn=config, profile_name="release", location="s3://code/")
    pipeline = replace(pipeline_settings, function=FunctionSettings(code_signing=signing))
    synthesized = synth_stack(stack_of(one=pipeline, two=pipeline))
    folders = {unsigned["key"].rpartition("/")[0] for unsigned in synthesized.all("aws_s3_object").values()}
    assert folders == {"unsigned/dev-one-inference", "unsigned/dev-two-inference"}
