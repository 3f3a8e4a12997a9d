"""The function's environment as one typed object, rendered by constructs_lib and read by the handler.

Both sides use this class, so the variables and the code that reads them can't drift apart. While a function is being
updated they may be of two versions for a moment: then neither version runs on defaults, it fails (see `RENAMED`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Self

KIB = 1024
MIB = 1024 * KIB
CODECS = ("huggingface", "instances", "jsonlines", "csv", "csv-row", "kserve", "single", "chat")
CHAT_STYLES = ("openai", "inputs")
_JSON = r"application/([\w.-]+\+)?json"
ACCEPTED: Mapping[str, str] = {
    "huggingface": _JSON,
    "instances": _JSON,
    "kserve": _JSON,
    "chat": _JSON,
    "jsonlines": r"application/(x-)?(jsonlines|jsonl|ndjson)",
    "csv": "text/csv",
    "csv-row": "text/csv",
    "single": rf"{_JSON}|text/[\w.-]+",
}
"""Content types of answers that each codec can decode, as regular expressions; a parameter may follow."""
ENVELOPES = ("refuse", "as-is", "auto", "sns", "s3", "eventbridge", "cloudevents", "extended-client")
BODY_ENCODINGS = ("text", "base64")
OWN_CODEC = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
RESULT_SINKS = ("sqs", "sns", "eventbridge", "s3", "none")
PACKED_SINKS = ("sqs", "sns")
# The CloudEvent's type of results. EventBridge's source is what stands before its last dot: rules match on both.
EVENT_TYPE, EVENT_SOURCE = "sagemaker.inference.result", "sagemaker.inference"
IDEMPOTENCY_KEYS = ("message-id", "correlation")
# SQS and SNS: MessageAttributes, names; what begins in these words is AWS's own.
ATTRIBUTE_NAME = r"(?!(?i:aws\.|amazon\.))(?=.{1,256}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
# RFC 6901
JSON_POINTER = r"(/([^/~\x00-\x1f\x7f]|~[01])*)+"
MEMBER_NAME = r"[^\x00-\x1f\x7f]{1,128}"
CORRELATION = f"{ATTRIBUTE_NAME}|(?=.{{1,512}}$){JSON_POINTER}"
# A dead letter has five attributes of its own, and SQS takes ten; as many more are left for those that are passed on,
# the one of `correlation` included.
MAX_PASSED_ATTRIBUTES = 5
DEAD_LETTER_ATTRIBUTES = ("reason", "sourceMessageId", "endpoint", "receiveCount", "detail")
MAX_KEPT_MEMBERS = 20
EVENT_MEMBERS = (
    "attributes",
    "endpoint",
    "failureLocation",
    "inferenceId",
    "inputLocation",
    "outputLocation",
    "recordIndex",
    "result",
    "resultLocation",
)
"""Members of the data of a result's event that the handler gives it."""
LOCATION = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([^\s*?]*/)?", re.ASCII)
BOUNDS: Mapping[str, tuple[int, int]] = {
    "async_invocation_seconds": (1, 3600),  # SageMaker: InvocationTimeoutSeconds
    "idempotency_seconds": (60, 366 * 86_400),
    "max_events_per_message": (1, 10_000),  # no batch is larger
    "max_padded_tokens": (0, 10_000_000),
    "max_receive_count": (1, 1000),  # SQS: RedrivePolicy maxReceiveCount
    "max_records_per_request": (1, 10_000),  # no batch is larger
    "max_request_bytes": (1, 25 * MIB),  # SageMaker: InvokeEndpoint Body
    "max_response_bytes": (1, 100 * MIB),
    "request_timeout_seconds": (1, 70),
    "requests_in_flight": (1, 1000),  # threads in one function
}
"""Least and most of each number, in the settings of the constructs and in the environment."""
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Variables that earlier code reads under another name. New code refuses old variables, since it has no default for a
# variable that is not set. Earlier code had defaults for all but two: it would ignore the new names and run on them.
# So the old names stay, with a value that it can't read as a number or as a location. Its ConfigurationError names
# them, and the value says what happened. (To rename one of the two that it requires would also make it fail, but with
# an error about a variable that has nothing to do with it.) A later rename adds a line here; a line may go as soon as
# no function runs the earlier code any more.
RENAMED = {
    "MAX_RECORDS": "MAX_RECORDS_PER_REQUEST",
    "MAX_BYTES": "MAX_REQUEST_BYTES",
    "MAX_CONCURRENCY": "REQUESTS_IN_FLIGHT",
    "MAX_RECEIVES": "MAX_RECEIVE_COUNT",
    "ASYNC_INPUT_LOCATION": "REQUEST_LOCATION",
}


def reserve_seconds(invocation_seconds: float) -> float:
    """Return the seconds at the end of an invocation that are reserved for delivering results: a fifth, 5 s at most.

    During as many seconds before that, no request starts any more.
    """
    return min(5.0, 0.2 * invocation_seconds)


def request_timeout_seconds(invocation_seconds: int) -> int:
    """Return the seconds that a request may take in such an invocation: 70 (SageMaker has 60), or what is left."""
    return max(1, min(70, int(invocation_seconds - 2 * reserve_seconds(invocation_seconds))))


class ConfigurationError(RuntimeError):
    """The deployment is wrong (environment, permissions, names): no record is to blame, and none is dead-lettered."""


@dataclass(frozen=True, kw_only=True)
class HandlerSettings:
    """Settings in the function's environment; each field is the variable of the same name in upper case."""

    endpoint_name: str
    """The SageMaker endpoint to invoke."""
    dead_letter_queue_url: str
    """SQS queue for records that can never be scored, with the reason as a message attribute."""
    result_sink: str = "sqs"
    """The sink for one CloudEvent per scored record: one of `RESULT_SINKS`."""
    result_target: str = ""
    """The sink's queue URL (`sqs`), topic ARN (`sns`), bus name (`eventbridge`), or s3://bucket/prefix/ (`s3`)."""
    max_events_per_message: int = 1
    """Most results in one message (1 or more): over 1 each message is a list of CloudEvents, however few they are. Only
    for a standard queue (`sqs`) or topic (`sns`)."""
    pass_attributes: tuple[str, ...] = ()
    """Names of message attributes that results and dead letters have again, at most `MAX_PASSED_ATTRIBUTES`."""
    correlation: str = ""
    """Where the subject of a result comes from: the name of a message attribute, or a JSON Pointer into the body. By
    default it is the message's id."""
    keep_members: tuple[str, ...] = ()
    """Members of a JSON record that its result has again."""
    pass_message_group: bool = False
    """Whether the message group of a standard queue's message goes on with its result and its dead letter."""
    overflow_location: str = ""
    """s3://bucket/prefix/ for results that are over the sink's limit; without it they are dead-lettered."""
    input_location: str = ""
    """s3://bucket/prefix/ that a message {"s3": "s3://…"} may point into; without it no message may."""
    more_input_locations: tuple[str, ...] = ()
    """Further places that a message may point into."""
    input_bucket_owners: Mapping[str, str] = field(default_factory=dict)
    """Accounts that own those of the buckets that are not of the function's account, by bucket."""
    envelope: str = "refuse"
    """Treatment of messages that another service has put into an envelope: one of `ENVELOPES`. `refuse`
    dead-letters them, `as-is` takes them for data, a name opens this kind, `auto` opens each."""
    body_encoding: str = "text"
    """`base64` if a message's body stands for bytes, one of `BODY_ENCODINGS`; objects on S3 are bytes as they are."""
    queue_url: str = ""
    """The work queue's URL. With it, the pause until a returned record is delivered again depends on the fault; without
    it, the queue's visibility timeout applies."""
    codec: str = "huggingface"
    """The format of requests and responses: one of `CODECS`, or `module:function` of your own (from a layer), which is
    called with these settings and returns a `codecs.Codec`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`huggingface` and `chat` only: `parameters` of every request, for instance {"truncation": true} or
    {"max_tokens": 256}; a record's own win."""
    chat_style: str = "openai"
    """`chat` only: the form of requests and answers, one of `CHAT_STYLES`: OpenAI's Chat Completions API, or
    {"inputs": prompt, "parameters": {…}}."""
    prompt_template: str = ""
    """`chat` only: the prompt of a record, with its members in braces, for instance "Summarize: {body}"; `{body}` is
    the whole text of a record that is no JSON object. Empty: a record has its "prompt", or "messages"."""
    system_prompt: str = ""
    """`chat` in the style `openai` only: a system message before each prompt; a record's own messages stay as they
    are. Empty: there is none."""
    session_attribute: str = ""
    """With one record a request: the message attribute that names a session, whose requests an endpoint with
    prefix-aware routing sends to the same instance (InvokeEndpoint PrefixAwareId). Empty: none does."""
    max_records_per_request: int = 32
    """Most records in one request (1 or more)."""
    max_response_bytes: int = 25 * MIB
    """Most bytes of one answer (1 or more); the request of a longer one counts as failed. Default: 25 MiB, which is
    SageMaker's limit for real-time endpoints."""
    max_request_bytes: int = 4 * MIB
    """Most bytes in one request body. Default: SageMaker's limit for serverless endpoints, 4 MiB;
    asynchronous ones take 1 GB."""
    request_key: str = "instances"
    """`instances` only: member of a request that holds the records; empty if the request is a bare list."""
    response_key: str = "predictions"
    """`instances` only: member of an answer that holds the results; empty if the answer is a bare list."""
    request_members: Mapping[str, Any] = field(default_factory=dict)
    """`instances` and `single` only: further members of every request, for instance {"signature_name": "score"}; of
    `single`, those of the record's own body win."""
    csv_header: str = ""
    """`csv` and `csv-row` only: a first line of every request; empty for none."""
    content_type: str = ""
    """Content type of requests; empty for the codec's own."""
    accept: str = ""
    """Content type that answers are asked for in (`ACCEPTED`); empty for the codec's own."""
    send_lone_record_twice: bool = False
    """Whether a request with one record has it twice, for containers that can't take one; its size then counts twice.
    Not with `single`."""
    task: str = ""
    """`huggingface` only: the model's pipeline task, for instance `fill-mask`; with it, the result of a record that is
    alone in its request has the same shape as in a shared one. Empty: the task is not known."""
    accept_any_result: bool = False
    """Whether results are accepted that look like an error, {"error": …} or null, or like another codec's answer."""
    batch_inside: bool = False
    """`huggingface` only: whether the inputs of a request are one batch of the model too, by the pipeline's parameter
    `batch_size`, where they are of like length. A model that refuses it gets none any more."""
    max_padded_tokens: int = 0
    """Most tokens of a request if each of its records were padded to the longest, estimated as a quarter of its bytes;
    a longer record is alone. 0: there is no such bound."""
    sort_by_length: bool = False
    """Whether records of like length share requests, for models that pad to the longest; not on FIFO queues."""
    target_model: str = ""
    """Multi-model endpoints: the archive of the model to use."""
    inference_component_name: str = ""
    """Endpoints with inference components: the one to use."""
    target_variant: str = ""
    """The production variant to use, whatever the weights."""
    targets_from_messages: bool = False
    """Whether the message attributes TargetModel, InferenceComponentName and TargetVariant win over those three."""
    fifo_dead_letters: bool = False
    """FIFO queues: whether a record that can't be scored is dead-lettered and its message group goes on without it.
    Otherwise it is returned, with everything after it in its group, until SQS redrives it."""
    asynchronous: bool = False
    """Whether to invoke an asynchronous endpoint; results then come by its notifications (`handler.notify`). It takes
    no target."""
    request_location: str = ""
    """`asynchronous` only, and needed then: s3://bucket/prefix/ where the requests are put, apart from
    `input_location`. A message {"s3": "s3://…"} that points into it, as the dead letter of a failed inference does, is
    submitted without a change to that object."""
    output_location: str = ""
    """`asynchronous` only, and needed then: s3://bucket/prefix/ where SageMaker puts answers. A notification that names
    an answer elsewhere is refused."""
    async_inline: bool = False
    """`asynchronous` only: whether requests up to 128,000 bytes travel inline instead. It saves a PUT, but the dead
    letter of a failed inference is blank then: it can't be redriven."""
    async_invocation_seconds: int = 900
    """`asynchronous` only: seconds that an instance may work on one request (1 or more). SageMaker allows an hour at
    most. Default: SageMaker's own, 15 minutes."""
    idempotency_table: str = ""
    """DynamoDB table (key `id`, TTL `expires_at`) that remembers results, so that a record delivered twice is scored
    once; by default nothing is remembered, and its result leaves twice with the same id."""
    idempotency_seconds: int = 4 * 86_400
    """Seconds that a result is remembered for (1 or more)."""
    idempotency_key: str = "message-id"
    """What makes two records the same one, of `IDEMPOTENCY_KEYS`: the message's id, or `correlation` together with what
    the model gets. The latter gives results their ids too."""
    model_version: str = ""
    """Text that is part of the key with `correlation`: with another one, records are scored anew."""
    requests_in_flight: int = 1
    """Most requests in flight at once in one invocation (1 or more)."""
    request_timeout_seconds: int = 70
    """Seconds to wait for an answer; the constructs keep it below the function's timeout (1 or more). Default: above
    the 60 s that SageMaker gives a container, so that SageMaker's own answer comes first."""
    max_receive_count: int = 5
    """A record that the endpoint keeps failing on is dead-lettered with its reason on this receive (1 or more);
    the constructs set it to the queue's `max_receive_count`."""
    metrics_namespace: str = "SageMakerInference"
    """CloudWatch namespace of the metrics line."""
    log_level: str = "INFO"
    """One of `LOG_LEVELS`."""

    @property
    def passed_attributes(self) -> tuple[str, ...]:
        """Names of the message attributes that are passed on, that of the correlation first."""
        named = (self.correlation,) if self.correlation and not self.correlation.startswith("/") else ()
        return tuple(dict.fromkeys((*named, *self.pass_attributes)))

    @property
    def identifies(self) -> bool:
        """Whether anything of a message but its id and its trace may go on with its result."""
        named = self.pass_attributes or self.correlation or self.keep_members or self.pass_message_group
        return bool(named) or self.envelope in ("cloudevents", "auto")

    def to_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads back to an equal object, and the `RENAMED` ones."""
        variables = {f.name.upper(): _render(getattr(self, f.name)) for f in fields(self)}
        return variables | {old: f"renamed to {new}" for old, new in RENAMED.items()}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables. None has a default here: `to_environment` renders all of them.

        Raises ConfigurationError naming every variable that is missing or out of bounds.
        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        for f in fields(cls):
            name = f.name.upper()
            if name not in environment:
                faults.append(f"{name} is not set")
                continue
            try:
                values[f.name] = _parse(f, environment[name])
            except ValueError as error:
                faults.append(f"{name}={environment[name]!r}: {error}")
        if not faults:
            faults = list(_relations(settings := cls(**values)))
        if faults:
            raise ConfigurationError("; ".join(faults))
        return settings


def _relations(settings: HandlerSettings) -> Iterator[str]:
    """Yield a fault for each value that contradicts another one."""
    sink, target = settings.result_sink, settings.result_target
    if sink != "none" and not target:
        yield f"RESULT_TARGET is not set, and RESULT_SINK={sink!r} needs it"
    elif sink == "s3" and not LOCATION.fullmatch(target):
        yield f"RESULT_TARGET={target!r}: must be s3://bucket/ or s3://bucket/prefix/, with a slash last"
    if settings.max_events_per_message > 1 and (sink not in PACKED_SINKS or target.endswith(".fifo")):
        where = f"RESULT_SINK={sink!r}" if sink not in PACKED_SINKS else f"RESULT_TARGET={target!r}"
        yield f"MAX_EVENTS_PER_MESSAGE='{settings.max_events_per_message}': must be 1 with {where}"
    for name, bound in identity_faults(settings.pass_attributes, settings.correlation, settings.keep_members):
        yield f"{name.upper()}={_render(getattr(settings, name))!r}: must be {bound}"
    if settings.idempotency_key == "correlation" and not settings.correlation:
        yield "IDEMPOTENCY_KEY='correlation': must be message-id without CORRELATION"
    for name, bound in codec_faults(settings):
        yield f"{name.upper()}={_render(getattr(settings, name))!r}: must be {bound}"
    needing = settings.envelope if settings.envelope in ("s3", "extended-client") else ""
    if not settings.input_location and (settings.more_input_locations or needing):
        what = f"ENVELOPE={needing!r} needs it" if needing else "MORE_INPUT_LOCATIONS are further ones"
        yield f"INPUT_LOCATION is not set, and {what}"
    if settings.asynchronous:
        yield from _asynchronous_relations(settings)


def identity_faults(
    pass_attributes: Sequence[str], correlation: str | None, keep_members: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield each of the three settings that the handler can't keep to, with what it must be."""
    correlating = {correlation} if correlation and not correlation.startswith("/") else set()
    if len({*pass_attributes} | correlating) > MAX_PASSED_ATTRIBUTES:
        yield "pass_attributes", f"at most {MAX_PASSED_ATTRIBUTES} names, the one of correlation included"
    for name, values, taken in (
        ("pass_attributes", pass_attributes, DEAD_LETTER_ATTRIBUTES),
        ("keep_members", keep_members, EVENT_MEMBERS),
    ):
        if len({*values}) < len(values):
            yield name, "names that differ"
        if clash := [value for value in values if value in taken]:
            yield name, f"names without {', '.join(clash)}, which the handler itself gives"
    if correlating & {*DEAD_LETTER_ATTRIBUTES}:
        yield "correlation", f"another name than {correlation}, which the handler itself gives"
    if len(keep_members) > MAX_KEPT_MEMBERS:
        yield "keep_members", f"at most {MAX_KEPT_MEMBERS} names"


def codec_faults(settings: Any) -> Iterator[tuple[str, str]]:
    """Yield each setting that the codec has no use for, or can't fulfil, with what it must be.

    `settings` are a HandlerSettings or the constructs' InferenceSettings, which name them alike.
    """
    codec = settings.codec
    only: dict[str, tuple[object, tuple[str, ...]]] = {
        "request_key": ("instances", ("instances",)),
        "response_key": ("predictions", ("instances",)),
        "request_members": ({}, ("instances", "single")),
        "csv_header": ("", ("csv", "csv-row")),
        "batch_inside": (False, ("huggingface",)),
        "send_lone_record_twice": (False, tuple(name for name in CODECS if name not in ("single", "chat"))),
        "chat_style": ("openai", ("chat",)),
        "prompt_template": ("", ("chat",)),
        "system_prompt": ("", ("chat",)),
    }
    for name, (default, codecs) in only.items():
        if (getattr(settings, name) or type(default)()) != default and codec not in codecs and codec in CODECS:
            yield name, f"{_shown(default)} with codec {codec}"
    yield from _chat_faults(settings)
    if codec == "instances" and settings.request_members and not settings.request_key:
        yield "request_members", "empty with an empty request_key: a bare list has no members"
    if codec == "instances" and settings.request_key in settings.request_members:
        yield "request_members", f"without {settings.request_key}, which holds the records"
    if "\n" in (settings.csv_header or "") or "\r" in (settings.csv_header or ""):
        yield "csv_header", "one line"
    accept = settings.accept
    if accept and codec in ACCEPTED and not re.fullmatch(rf"({ACCEPTED[codec]})(\s*;.*)?", accept):
        yield "accept", f"a content type that the codec {codec} can decode, {ACCEPTED[codec]}"


def _chat_faults(settings: Any) -> Iterator[tuple[str, str]]:
    alone = settings.codec in ("single", "chat") or settings.max_records_per_request == 1
    if settings.session_attribute and not alone:
        yield "session_attribute", "empty, or max_records_per_request 1: a request has one session"
    if settings.codec != "chat":
        return
    if settings.prompt_template and not re.search(r"\{\w+\}", settings.prompt_template):
        yield "prompt_template", "with a member of the record in braces, for instance {body}"
    if settings.system_prompt and settings.chat_style == "inputs":
        yield "system_prompt", "empty with chat_style inputs: the prompt template can hold it"
    for name in ("stream", "n"):
        if name in settings.parameters:
            yield "parameters", f"without {name}: a record has one answer, in one piece"


def _shown(default: object) -> str:
    return "empty" if default in ("", {}) else str(default)


def _asynchronous_relations(settings: HandlerSettings) -> Iterator[str]:
    requests = settings.request_location
    if not settings.output_location:
        yield "OUTPUT_LOCATION is not set, and ASYNCHRONOUS='true' needs it"
    if not requests:
        yield "REQUEST_LOCATION is not set, and ASYNCHRONOUS='true' needs it"
    for inputs in filter(None, (settings.input_location, *settings.more_input_locations) if requests else ()):
        if requests.startswith(inputs) or inputs.startswith(requests):
            name = "INPUT_LOCATION" if inputs == settings.input_location else "MORE_INPUT_LOCATIONS"
            yield f"{name}={inputs!r}: must be apart from REQUEST_LOCATION={requests!r}, which holds requests"
    for name in ("target_model", "inference_component_name", "target_variant", "targets_from_messages"):
        if value := getattr(settings, name):
            yield f"{name.upper()}={_render(value)!r}: asynchronous endpoints take no target (InvokeEndpointAsync)"


_CHOICES = {
    "body_encoding": BODY_ENCODINGS,
    "chat_style": CHAT_STYLES,
    "envelope": ENVELOPES,
    "idempotency_key": IDEMPOTENCY_KEYS,
    "log_level": LOG_LEVELS,
    "result_sink": RESULT_SINKS,
}


def _render(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _parse(f: Field[Any], text: str) -> object:
    _check_text(f, text)
    if f.type is bool:
        return text == "true"
    if f.type is int:
        number, (low, high) = int(text), BOUNDS[f.name]
        if not low <= number <= high:
            raise ValueError(f"must be {low} to {high}")
        return number
    if f.name in ("parameters", "request_members", "input_bucket_owners"):
        members = json.loads(text)
        if not isinstance(members, dict):
            raise ValueError("must be a JSON object")
        return members
    if f.name == "more_input_locations":
        return _locations(json.loads(text))
    if f.name in _NAMES:
        return _names(json.loads(text), *_NAMES[f.name])
    return text


def _locations(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(one, str) and LOCATION.fullmatch(one) for one in values):
        raise ValueError("must be a JSON list of s3://bucket/ or s3://bucket/prefix/, with a slash last")
    return tuple(values)


_NAMES = {
    "pass_attributes": (ATTRIBUTE_NAME, "names of message attributes"),
    "keep_members": (MEMBER_NAME, "names of members"),
}


def _names(values: Any, pattern: str, what: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(one, str) and re.fullmatch(pattern, one) for one in values):
        raise ValueError(f"must be a JSON list of {what}")
    return tuple(values)


def _check_text(f: Field[Any], text: str) -> None:
    if f.name == "codec" and text not in CODECS and not OWN_CODEC.fullmatch(text):
        raise ValueError(f"must be one of {', '.join(CODECS)}, or module:function")
    if f.name == "correlation" and text and not re.fullmatch(CORRELATION, text):
        raise ValueError("must be the name of a message attribute, or a JSON Pointer such as /order/id")
    if f.name in _CHOICES and text not in _CHOICES[f.name]:
        raise ValueError(f"must be one of {', '.join(_CHOICES[f.name])}")
    if f.name.endswith("_location") and text and not LOCATION.fullmatch(text):
        raise ValueError("must be s3://bucket/ or s3://bucket/prefix/, with a slash last")
    if f.type is bool and text not in ("true", "false"):
        raise ValueError("must be true or false")
    if not text and f.default is MISSING:
        raise ValueError("must not be empty")
