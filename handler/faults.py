"""Kinds of faults, the treatment of each, and the classification of errors into them.

The error code decides; the HTTP status decides only if the code is unknown.
"""

import random
import re
from enum import StrEnum
from typing import Any, NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
)

from .clients import UnreadableAnswerError
from .codecs import CodecError, RequestTooLargeError, UnexpectedResponseError
from .records import Reason


class Fault(StrEnum):
    """Kinds of failure of one request."""

    THROTTLED = "throttled"
    NOT_READY = "model-not-ready"
    UNAVAILABLE = "service-unavailable"
    DEPENDENCY = "internal-dependency"
    CONNECTION = "connection-failed"
    READ_TIMEOUT = "read-timeout"
    CONTAINER_TIMEOUT = "container-timeout"
    MODEL_REFUSED = "model-refused"
    MODEL_FAILED = "model-failed"
    TOO_LARGE = "request-too-large"
    UNEXPECTED_RESPONSE = "unexpected-response"
    CODEC_FAILED = "codec-failed"
    FAILED_ON_EVERYTHING = "failed-on-everything"
    TARGET_REFUSED = "target-refused"
    INPUT_UNAVAILABLE = "input-unavailable"
    IN_PROGRESS = "in-progress-elsewhere"
    IDEMPOTENCY_UNAVAILABLE = "idempotency-unavailable"
    UNFIT = "unfit"
    GROUP_HELD = "held-behind-its-group"
    DEADLINE = "deadline"
    NOT_SENT = "not-sent"
    CONFIGURATION = "configuration"


class InputUnavailableError(RuntimeError):
    """The object that a record points to can't be read: it is missing, access is denied, or S3 is not available."""


class Treatment(NamedTuple):
    """The way to treat a micro-batch after a fault."""

    retries: int = 0
    """Number of times that the same micro-batch is sent again."""
    delay_seconds: float = 0.0
    """Mean pause before the first retry; it doubles with each retry, with full jitter."""
    halve: bool = False
    """Whether to halve a micro-batch of several records, so that one bad record does not fail the others with it."""
    dead_letter: Reason | None = None
    """Reason with which a record that was sent alone is dead-lettered on its last receive; None: always returned."""
    dead_letter_at_once: bool = False
    """Whether to dead-letter it on any receive: only the record can have caused the fault."""
    of_each: bool = False
    """Whether the fault applies to each record of the request, so that none needs to be sent alone to prove it."""
    dead_letter_beside_success: bool = False
    """Whether to dead-letter it on any receive if another record of the invocation was scored."""
    backoff_floor_seconds: float = 0.0
    """Least time until a returned record is delivered again."""
    backoff_base_seconds: float = 10.0
    """Most that is added to it on the first receive; doubled with each receive, with full jitter."""
    circuit: bool = False
    """Whether to stop halving after many failures in a row: then the endpoint is the cause."""
    endpoint_down: bool = False
    """Whether the endpoint as a whole is down if an invocation had no other outcome."""


TREATMENTS = {
    Fault.THROTTLED: Treatment(retries=3, delay_seconds=0.2),
    Fault.NOT_READY: Treatment(retries=1, delay_seconds=1.0, backoff_floor_seconds=30.0, backoff_base_seconds=30.0),
    Fault.UNAVAILABLE: Treatment(retries=2, delay_seconds=0.1, endpoint_down=True),
    Fault.DEPENDENCY: Treatment(retries=1, delay_seconds=0.1, endpoint_down=True),
    # The endpoint closed an idle connection, so the request never arrived: retry without a pause.
    Fault.CONNECTION: Treatment(retries=1, endpoint_down=True),
    # The container may still be working on the request: to send the same again would add to its load.
    Fault.READ_TIMEOUT: Treatment(
        halve=True, dead_letter=Reason.UNPROCESSABLE, backoff_floor_seconds=60.0, circuit=True, endpoint_down=True
    ),
    Fault.CONTAINER_TIMEOUT: Treatment(
        halve=True, dead_letter=Reason.UNPROCESSABLE, backoff_floor_seconds=60.0, circuit=True
    ),
    Fault.MODEL_REFUSED: Treatment(halve=True, dead_letter=Reason.MODEL_ERROR, dead_letter_beside_success=True),
    # Many containers report bad input as 500.
    Fault.MODEL_FAILED: Treatment(
        retries=1, delay_seconds=0.1, halve=True, dead_letter=Reason.UNPROCESSABLE, circuit=True
    ),
    Fault.TOO_LARGE: Treatment(halve=True, dead_letter=Reason.TOO_LARGE, dead_letter_at_once=True),
    Fault.UNEXPECTED_RESPONSE: Treatment(halve=True, dead_letter=Reason.UNPROCESSABLE, circuit=True),
    Fault.CODEC_FAILED: Treatment(halve=True, dead_letter=Reason.UNPROCESSABLE, circuit=True),
    # Not one request of the invocation succeeded, and these records were not sent alone any more.
    Fault.FAILED_ON_EVERYTHING: Treatment(
        of_each=True, dead_letter=Reason.UNPROCESSABLE, backoff_floor_seconds=60.0, endpoint_down=True
    ),
    # The record itself named that model, component or variant.
    Fault.TARGET_REFUSED: Treatment(of_each=True, dead_letter=Reason.TARGET_REFUSED, dead_letter_beside_success=True),
    # If the function may not list the bucket, S3 gives the same answer for a missing object as for a denied one.
    Fault.INPUT_UNAVAILABLE: Treatment(of_each=True, dead_letter=Reason.INPUT_UNAVAILABLE, backoff_base_seconds=30.0),
    # The other invocation that has the record needs at most the function's timeout.
    Fault.IN_PROGRESS: Treatment(backoff_floor_seconds=30.0, backoff_base_seconds=30.0),
    Fault.IDEMPOTENCY_UNAVAILABLE: Treatment(),
    # A malformed record of a message group, where keeping the order is more important than making progress.
    Fault.UNFIT: Treatment(),
    Fault.GROUP_HELD: Treatment(),
    Fault.DEADLINE: Treatment(),
    Fault.NOT_SENT: Treatment(),
}

_BY_CODE = {
    "ThrottlingException": Fault.THROTTLED,
    "Throttling": Fault.THROTTLED,
    "TooManyRequestsException": Fault.THROTTLED,
    "RequestLimitExceeded": Fault.THROTTLED,
    "RequestTimeout": Fault.UNAVAILABLE,
    "RequestTimeoutException": Fault.UNAVAILABLE,
    "ModelNotReadyException": Fault.NOT_READY,
    "InternalFailure": Fault.UNAVAILABLE,
    "InternalServerException": Fault.UNAVAILABLE,
    "ServiceUnavailable": Fault.UNAVAILABLE,
    "ServiceUnavailableException": Fault.UNAVAILABLE,
    "InternalDependencyException": Fault.DEPENDENCY,
    "RequestEntityTooLarge": Fault.TOO_LARGE,
    "RequestEntityTooLargeException": Fault.TOO_LARGE,
    # No such endpoint or variant, no right, no valid signature: the deployment is at fault, not the data.
    "ValidationError": Fault.CONFIGURATION,
    "ValidationException": Fault.CONFIGURATION,
    "AccessDeniedException": Fault.CONFIGURATION,
    "AccessDenied": Fault.CONFIGURATION,
    "ExpiredTokenException": Fault.CONFIGURATION,
    "ExpiredToken": Fault.CONFIGURATION,
    "UnrecognizedClientException": Fault.CONFIGURATION,
    "InvalidClientTokenId": Fault.CONFIGURATION,
    "InvalidSignatureException": Fault.CONFIGURATION,
    "SignatureDoesNotMatch": Fault.CONFIGURATION,
}

_BY_TYPE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Fault], ...] = (
    ((UnexpectedResponseError, UnreadableAnswerError), Fault.UNEXPECTED_RESPONSE),
    (RequestTooLargeError, Fault.TOO_LARGE),
    (CodecError, Fault.CODEC_FAILED),
    (ReadTimeoutError, Fault.READ_TIMEOUT),
    (
        (ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError, IncompleteReadError),
        Fault.CONNECTION,
    ),
    (BotoCoreError, Fault.CONFIGURATION),
)

# Messages of a serverless endpoint, and of the API's own validation, about a request body that is too large.
_OVERSIZE = r"(?i)oversize body|length less than or equal"


CAP_SECONDS = 900.0
# The operating system's generator. A seeded one would give sandboxes restored from one snapshot the same numbers.
_RANDOM = random.SystemRandom()


def jittered_seconds(base: float, attempt: int) -> float:
    """Return a pause after the given attempt, counted from 1: full jitter over the base, which doubles with each."""
    return _RANDOM.uniform(0, min(CAP_SECONDS, base * 2 ** min(attempt - 1, 20)))


def classify(error: Exception) -> Fault:
    """Return the kind of fault that a request's exception stands for. Raises that exception if it is not known."""
    if isinstance(error, ClientError):
        return _classify_client_error(error)
    for types, fault in _BY_TYPE:
        if isinstance(error, types):
            return fault
    raise error


def describe(error: Exception) -> str:
    """Return what a person needs to know of a request's error: the container's own message first, if it gave one."""
    response = getattr(error, "response", None)
    said = response.get("OriginalMessage") if isinstance(response, dict) else None
    if not isinstance(said, str) or not said.strip():
        return str(error)
    status = response.get("OriginalStatusCode") if isinstance(response, dict) else None
    return f"{said.strip()} (the container's status {status})"


def blamed_on_record(error: Exception, *, names_target: bool, points_to_request: bool) -> Fault:
    """Return CONFIGURATION, unless the refused target or request location came from the record itself."""
    answer: Any = getattr(error, "response", {}).get("Error", {})
    invalid = answer.get("Code", "").startswith("Validation")
    if re.match(r"(?i)endpoint \S+ (of account|not found)", answer.get("Message") or ""):
        return Fault.CONFIGURATION
    if names_target and (invalid or answer.get("Code", "").startswith("AccessDenied")):
        return Fault.TARGET_REFUSED
    return Fault.INPUT_UNAVAILABLE if points_to_request and invalid else Fault.CONFIGURATION


def _classify_client_error(error: ClientError) -> Fault:
    code = error.response.get("Error", {}).get("Code", "")
    if code == "ModelError":
        return _classify_model_error(error.response.get("OriginalStatusCode"))
    if code.startswith("Validation"):
        message = error.response["Error"].get("Message") or ""
        if re.search(_OVERSIZE, message):
            return Fault.TOO_LARGE
        if "no capacity" in message:  # an inference component at zero copies
            return Fault.NOT_READY
    if code in _BY_CODE:
        return _BY_CODE[code]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    by_status = {413: Fault.TOO_LARGE, 429: Fault.THROTTLED, 530: Fault.DEPENDENCY}
    if status in by_status or status >= 500:
        return by_status.get(status, Fault.UNAVAILABLE)
    # Without a code the answer is not SageMaker's, and may concern this request alone; botocore then fills in the
    # status. A denial stays one, whoever answers.
    has_code = code and code != str(status)
    return Fault.CONFIGURATION if has_code or status in (401, 403, 404) else Fault.UNEXPECTED_RESPONSE


def _classify_model_error(original_status: Any) -> Fault:
    """Classify the container's own status, which SageMaker wraps; 0 or none means no answer within its 60 s."""
    if not isinstance(original_status, int):
        return Fault.CONTAINER_TIMEOUT if original_status is None else Fault.MODEL_FAILED
    by_status = {0: Fault.CONTAINER_TIMEOUT, 413: Fault.TOO_LARGE, 429: Fault.THROTTLED}
    if original_status in by_status:
        return by_status[original_status]
    return Fault.MODEL_FAILED if original_status >= 500 else Fault.MODEL_REFUSED
