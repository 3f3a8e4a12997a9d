import base64
import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from constructs_lib import ExistingEndpoint, FunctionSettings, InferenceSettings, SettingsError
from constructs_lib.packaging import HANDLER_PACKAGE, package_handler, without_words

import pytest

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
        max_concurrency=3,
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


def _package(folder: Path, files: dict[str, str]) -> Path:
    package = folder / "handler"
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


def test_two_clones_give_the_same_bytes(tmp_path: Path) -> None:
    files = {"__init__.py": "", "index.py": "a = 1\n", "inner/more.py": "b = 2\n"}
    here, there = _package(tmp_path / "here", files), _package(tmp_path / "a far away place", files)
    for path in there.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (there / "__pycache__").mkdir()
    (there / "__pycache__" / "index.cpython-311.pyc").write_bytes(b"cache")

    first, first_hash = package_handler(here, tmp_path / "build-1")
    second, second_hash = package_handler(there, tmp_path / "build-2")
    assert first.read_bytes() == second.read_bytes()
    assert first_hash == second_hash
    with zipfile.ZipFile(second) as archive:
        assert archive.namelist() == ["handler/__init__.py", "handler/index.py", "handler/inner/more.py"]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_what_is_said_for_readers_stays_behind_and_lines_keep_their_numbers() -> None:
    source = '''"""Says
what it is."""

# why
A = "# no comment"  # a comment


class B:
    """Only words."""

    c: int = 1
    """What c is,
    at length."""

    def d(self) -> str:
        """Says so."""
        return """not
words"""
'''
    assert without_words(source).splitlines() == [
        *["...", "", "", "", 'A = "# no comment"', "", "", "class B:", "    ...", "", "    c: int = 1", "    ..."],
        *["", "", "    def d(self) -> str:", "        ...", '        return """not', 'words"""'],
    ]


def test_the_handler_without_words_is_the_same_program() -> None:
    for path in HANDLER_PACKAGE.rglob("*.py"):
        assert len(without_words(path.read_text()).splitlines()) == len(path.read_text().splitlines())
        compile(without_words(path.read_text()), path, "exec")


def test_a_rename_changes_the_hash(tmp_path: Path) -> None:
    _, before = package_handler(_package(tmp_path / "1", {"a.py": "x = 1\n"}), tmp_path / "build")
    _, after = package_handler(_package(tmp_path / "2", {"b.py": "x = 1\n"}), tmp_path / "build")
    assert before != after


def test_the_zip_is_small_and_the_function_knows_its_content(smallest: Synthesized) -> None:
    archive, content_hash = package_handler()
    assert archive.stat().st_size <= 40 * 1024
    function = smallest.one("aws_lambda_function")
    assert base64.b64decode(function["source_code_hash"]).hex() == content_hash
    assert len(content_hash) == hashlib.sha256().digest_size * 2
    assert function["filename"].endswith(f"/{content_hash[:32]}/handler.zip")
