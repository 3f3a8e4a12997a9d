import pytest

from handler.settings import ConfigurationError, HandlerSettings, request_timeout_seconds

CODEC_NAMES = "huggingface, instances, jsonlines, csv, csv-row, kserve, single"
REQUIRED = {
    "ENDPOINT_NAME": "e",
    "RESULT_TARGET": "https://sqs/r",
    "DEAD_LETTER_QUEUE_URL": "https://sqs/d",
}
ASYNCHRONOUS = {"ASYNCHRONOUS": "true", "ASYNC_INPUT_LOCATION": "s3://payloads/in/"}


def test_what_is_rendered_is_read_back_equal() -> None:
    settings = HandlerSettings(
        endpoint_name="e",
        result_target="s3://bucket/out/",
        dead_letter_queue_url="d",
        codec="csv",
        parameters={"a": [1, None]},
        max_records=1,
        max_bytes=2,
        max_concurrency=3,
        request_timeout_seconds=4,
        max_receives=5,
        metrics_namespace="n",
        log_level="ERROR",
        result_sink="s3",
        sort_by_length=True,
        asynchronous=True,
        async_input_location="s3://bucket/in/",
    )
    assert HandlerSettings.from_environment(settings.to_environment()) == settings


def test_what_is_left_out_has_its_default() -> None:
    assert HandlerSettings.from_environment(REQUIRED).max_records == 32


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ENDPOINT_NAME": ""}, "ENDPOINT_NAME='': must not be empty"),
        (
            {"CODEC": "xml"},
            f"CODEC='xml': must be one of {CODEC_NAMES}, or module:function",
        ),
        (
            {"CODEC": "a.b:"},
            f"CODEC='a.b:': must be one of {CODEC_NAMES}, or module:function",
        ),
        ({"RESULT_SINK": "kafka"}, "RESULT_SINK='kafka': must be one of sqs, sns, eventbridge, s3, none"),
        ({"RESULT_TARGET": ""}, "RESULT_TARGET is not set, and RESULT_SINK='sqs' needs it"),
        (
            {"RESULT_SINK": "s3", "RESULT_TARGET": "s3://bucket/a"},
            "RESULT_TARGET='s3://bucket/a': must be s3://bucket/ or s3://bucket/prefix/, with a slash last",
        ),
        (
            {"INPUT_LOCATION": "bucket"},
            "INPUT_LOCATION='bucket': must be s3://bucket/ or s3://bucket/prefix/, with a slash last",
        ),
        ({"ASYNCHRONOUS": "yes"}, "ASYNCHRONOUS='yes': must be true or false"),
        ({"ASYNCHRONOUS": "true"}, "ASYNC_INPUT_LOCATION is not set, and ASYNCHRONOUS='true' needs it"),
        (
            {**ASYNCHRONOUS, "TARGET_MODEL": "a.tar.gz", "TARGETS_FROM_MESSAGES": "true"},
            "TARGET_MODEL='a.tar.gz': asynchronous endpoints take no target (InvokeEndpointAsync); "
            "TARGETS_FROM_MESSAGES='true': asynchronous endpoints take no target (InvokeEndpointAsync)",
        ),
        (
            {**ASYNCHRONOUS, "INFERENCE_COMPONENT_NAME": "a", "TARGET_VARIANT": "b"},
            "INFERENCE_COMPONENT_NAME='a': asynchronous endpoints take no target (InvokeEndpointAsync); "
            "TARGET_VARIANT='b': asynchronous endpoints take no target (InvokeEndpointAsync)",
        ),
        (
            {**ASYNCHRONOUS, "INPUT_LOCATION": "s3://payloads/"},
            "INPUT_LOCATION='s3://payloads/': must be apart from ASYNC_INPUT_LOCATION='s3://payloads/in/', "
            "which holds requests",
        ),
        (
            {"RESULT_SINK": "s3", "RESULT_TARGET": "s3://scores/", "MAX_EVENTS_PER_MESSAGE": "2"},
            "MAX_EVENTS_PER_MESSAGE='2': must be 1 with RESULT_SINK='s3'",
        ),
        (
            {"RESULT_TARGET": "https://sqs/1/results.fifo", "MAX_EVENTS_PER_MESSAGE": "9"},
            "MAX_EVENTS_PER_MESSAGE='9': must be 1 with RESULT_TARGET='https://sqs/1/results.fifo'",
        ),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL='LOUD': must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ({"MAX_BYTES": "0"}, "MAX_BYTES='0': must be at least 1"),
        ({"PARAMETERS": "[]"}, "PARAMETERS='[]': must be a JSON object"),
        (
            {"MAX_RECORDS": "many", "MAX_RECEIVES": "-1"},
            "MAX_RECORDS='many': invalid literal for int() with base 10: 'many'; MAX_RECEIVES='-1': must be at least 1",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_its_value(changes: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        HandlerSettings.from_environment({**REQUIRED, **changes})
    assert str(raised.value) == text


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        HandlerSettings.from_environment({})
    assert str(raised.value) == ("ENDPOINT_NAME is not set; DEAD_LETTER_QUEUE_URL is not set")


@pytest.mark.parametrize(("function", "request_timeout"), [(900, 70), (90, 70), (30, 20), (10, 6), (1, 1)])
def test_a_request_leaves_time_to_deliver_its_results(function: int, request_timeout: int) -> None:
    assert request_timeout_seconds(function) == request_timeout
