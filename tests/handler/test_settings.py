from collections.abc import Callable
from dataclasses import fields

import pytest

from handler.settings import LOCATION, RENAMED, ConfigurationError, HandlerSettings, request_timeout_seconds

CODEC_NAMES = "huggingface, instances, jsonlines, csv, csv-row, kserve, single, chat"
RENDERED = HandlerSettings(
    endpoint_name="e", result_target="https://sqs/r", dead_letter_queue_url="https://sqs/d"
).to_environment()
# The variables of the code before the rename, and how it read those whose names are gone: it had defaults for all but
# ENDPOINT_NAME and DEAD_LETTER_QUEUE_URL.
BEFORE_PARSED: dict[str, Callable[[str], object]] = {
    "MAX_RECORDS": int,
    "MAX_BYTES": int,
    "MAX_CONCURRENCY": int,
    "MAX_RECEIVES": int,
    "ASYNC_INPUT_LOCATION": LOCATION.fullmatch,
}
BEFORE = {
    "ENDPOINT_NAME", "DEAD_LETTER_QUEUE_URL", "RESULT_SINK", "RESULT_TARGET", "MAX_EVENTS_PER_MESSAGE",
    "OVERFLOW_LOCATION", "INPUT_LOCATION", "QUEUE_URL", "CODEC", "PARAMETERS", "MAX_RECORDS", "MAX_BYTES",
    "SORT_BY_LENGTH", "TARGET_MODEL", "INFERENCE_COMPONENT_NAME", "TARGET_VARIANT", "TARGETS_FROM_MESSAGES",
    "FIFO_DEAD_LETTERS", "ASYNCHRONOUS", "ASYNC_INPUT_LOCATION", "ASYNC_INLINE", "ASYNC_INVOCATION_SECONDS",
    "IDEMPOTENCY_TABLE", "IDEMPOTENCY_SECONDS", "MAX_CONCURRENCY", "REQUEST_TIMEOUT_SECONDS", "MAX_RECEIVES",
    "METRICS_NAMESPACE", "LOG_LEVEL",
}  # fmt: skip
ASYNCHRONOUS = {
    "ASYNCHRONOUS": "true",
    "REQUEST_LOCATION": "s3://payloads/in/",
    "OUTPUT_LOCATION": "s3://payloads/out/",
}


def test_what_is_rendered_is_read_back_equal() -> None:
    settings = HandlerSettings(
        endpoint_name="e",
        result_target="s3://bucket/out/",
        dead_letter_queue_url="d",
        codec="csv",
        parameters={"a": [1, None]},
        max_records_per_request=1,
        max_request_bytes=2,
        requests_in_flight=3,
        request_timeout_seconds=4,
        max_receive_count=5,
        metrics_namespace="n",
        log_level="ERROR",
        result_sink="s3",
        sort_by_length=True,
        asynchronous=True,
        request_location="s3://bucket/in/",
        output_location="s3://bucket/answers/",
        csv_header="a,b",
        content_type="text/csv; header=present",
        accept="text/csv",
        send_lone_record_twice=True,
        task="fill-mask",
        accept_any_result=True,
        max_response_bytes=6,
        envelope="auto",
        body_encoding="base64",
        input_location="s3://inputs/",
        more_input_locations=("s3://others/", "s3://others/more/"),
        input_bucket_owners={"others": "210987654321"},
        pass_attributes=("tenant", "a.b"),
        correlation="/order/a~1b",
        keep_members=("id", "größe"),
        pass_message_group=True,
        idempotency_key="correlation",
        model_version="7 b",
    )
    assert HandlerSettings.from_environment(settings.to_environment()) == settings


def test_what_is_left_out_is_rendered_with_its_default() -> None:
    assert RENDERED["MAX_RECORDS_PER_REQUEST"] == "32"
    assert HandlerSettings.from_environment(RENDERED).max_records_per_request == 32


@pytest.mark.parametrize("name", [f.name.upper() for f in fields(HandlerSettings)])
def test_no_variable_has_a_default_when_it_is_read(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} is not set$"):
        HandlerSettings.from_environment({other: value for other, value in RENDERED.items() if other != name})


def test_new_code_refuses_the_variables_of_the_code_before() -> None:
    """As happens while a function is being updated, if its code comes before its variables."""
    before = {name: RENDERED.get(RENAMED.get(name, name), "") for name in BEFORE}
    with pytest.raises(ConfigurationError) as raised:
        HandlerSettings.from_environment(before)
    since = RENDERED.keys() - BEFORE - RENAMED.keys()
    assert since >= set(RENAMED.values())
    assert set(str(raised.value).split("; ")) == {f"{new} is not set" for new in since}


def test_the_code_before_refuses_the_new_variables() -> None:
    """As happens while a function is being updated, if its variables come before its code."""
    assert set(RENDERED) >= BEFORE  # none of them falls back to its default
    refused = set()
    for name, parse in BEFORE_PARSED.items():
        try:
            accepted = parse(RENDERED[name])
        except ValueError:
            accepted = None
        if accepted is None:
            refused.add(name)
    assert refused == set(BEFORE_PARSED) == BEFORE - {f.name.upper() for f in fields(HandlerSettings)}
    assert RENDERED["MAX_CONCURRENCY"] == "renamed to REQUESTS_IN_FLIGHT"


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
        (
            {"ENVELOPE": "soap", "BODY_ENCODING": "hex"},
            "ENVELOPE='soap': must be one of refuse, as-is, auto, sns, s3, eventbridge, cloudevents, extended-client; "
            "BODY_ENCODING='hex': must be one of text, base64",
        ),
        *(
            (
                {"MORE_INPUT_LOCATIONS": value},
                f"MORE_INPUT_LOCATIONS={value!r}: must be a JSON list of s3://bucket/ or s3://bucket/prefix/, "
                "with a slash last",
            )
            for value in ('["s3://bucket"]', '"s3://bucket/"', "[7]")
        ),
        (
            {"PASS_ATTRIBUTES": '["a b"]', "KEEP_MEMBERS": '[""]'},
            """PASS_ATTRIBUTES='["a b"]': must be a JSON list of names of message attributes; """
            """KEEP_MEMBERS='[""]': must be a JSON list of names of members""",
        ),
        (
            {"CORRELATION": "a/b", "IDEMPOTENCY_KEY": "body"},
            "CORRELATION='a/b': must be the name of a message attribute, or a JSON Pointer such as /order/id; "
            "IDEMPOTENCY_KEY='body': must be one of message-id, correlation",
        ),
        (
            {"IDEMPOTENCY_KEY": "correlation", "KEEP_MEMBERS": '["result"]'},
            """KEEP_MEMBERS='["result"]': must be names without result, which the handler itself gives; """
            "IDEMPOTENCY_KEY='correlation': must be message-id without CORRELATION",
        ),
        ({"INPUT_BUCKET_OWNERS": "[]"}, "INPUT_BUCKET_OWNERS='[]': must be a JSON object"),
        ({"ENVELOPE": "s3"}, "INPUT_LOCATION is not set, and ENVELOPE='s3' needs it"),
        (
            {"MORE_INPUT_LOCATIONS": '["s3://bucket/"]'},
            "INPUT_LOCATION is not set, and MORE_INPUT_LOCATIONS are further ones",
        ),
        (
            {
                **ASYNCHRONOUS,
                "INPUT_LOCATION": "s3://inputs/",
                "MORE_INPUT_LOCATIONS": '["s3://payloads/in/a/", "s3://bbb/"]',
            },
            "MORE_INPUT_LOCATIONS='s3://payloads/in/a/': must be apart from REQUEST_LOCATION='s3://payloads/in/', "
            "which holds requests",
        ),
        ({"ASYNCHRONOUS": "yes"}, "ASYNCHRONOUS='yes': must be true or false"),
        (
            {"ASYNCHRONOUS": "true"},
            "OUTPUT_LOCATION is not set, and ASYNCHRONOUS='true' needs it; "
            "REQUEST_LOCATION is not set, and ASYNCHRONOUS='true' needs it",
        ),
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
            "INPUT_LOCATION='s3://payloads/': must be apart from REQUEST_LOCATION='s3://payloads/in/', "
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
        ({"MAX_REQUEST_BYTES": "0"}, "MAX_REQUEST_BYTES='0': must be 1 to 26214400"),
        ({"PARAMETERS": "[]"}, "PARAMETERS='[]': must be a JSON object"),
        (
            {"MAX_RECORDS_PER_REQUEST": "many", "MAX_RECEIVE_COUNT": "-1"},
            "MAX_RECORDS_PER_REQUEST='many': invalid literal for int() with base 10: 'many'; "
            "MAX_RECEIVE_COUNT='-1': must be 1 to 1000",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_its_value(changes: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        HandlerSettings.from_environment({**RENDERED, **changes})
    assert str(raised.value) == text


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        HandlerSettings.from_environment({})
    assert str(raised.value).startswith("ENDPOINT_NAME is not set; DEAD_LETTER_QUEUE_URL is not set; RESULT_SINK is")
    assert str(raised.value).count(" is not set") == len(fields(HandlerSettings))


@pytest.mark.parametrize(("function", "request_timeout"), [(900, 70), (90, 70), (30, 20), (10, 6), (1, 1)])
def test_a_request_leaves_time_to_deliver_its_results(function: int, request_timeout: int) -> None:
    assert request_timeout_seconds(function) == request_timeout
