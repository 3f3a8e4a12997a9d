"""The function's environment as one typed object, rendered by constructs_lib and read by the handler.

Both sides use this class, so the deployed variables and the code that reads them cannot drift apart.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Self

KIB = 1024
MIB = 1024 * KIB
CODECS = ("huggingface", "instances", "jsonlines", "csv", "csv-row", "single")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def reserve_seconds(invocation_seconds: float) -> float:
    """Return the part of an invocation that is kept for delivering results: a fifth, 5 s at most.

    As much again is kept before it, in which no request starts any more.
    """
    return min(5.0, 0.2 * invocation_seconds)


def request_timeout_seconds(invocation_seconds: int) -> int:
    """Return how long one request may take in such an invocation: 70 s, above SageMaker's own 60 s, or what is left."""
    return max(1, min(70, int(invocation_seconds - 2 * reserve_seconds(invocation_seconds))))


class ConfigurationError(RuntimeError):
    """The deployment is wrong (environment, permissions, names): no record is to blame, and none is dead-lettered."""


@dataclass(frozen=True, kw_only=True)
class HandlerSettings:
    """What the function reads from its environment; each field is the variable of the same name in upper case."""

    endpoint_name: str
    """The SageMaker endpoint to invoke."""
    result_queue_url: str
    """SQS queue that receives one CloudEvent per scored record."""
    dead_letter_queue_url: str
    """SQS queue that receives what can never be scored, with the reason as message attributes."""
    queue_url: str = ""
    """The work queue. With it, a returned record comes again after a pause that suits what went wrong; without, after
    the queue's visibility timeout."""
    codec: str = "huggingface"
    """How records become one request body, and a response becomes one result per record: one of `CODECS`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`huggingface` only: `parameters` of every request, for instance {"truncation": true}; a record's own win."""
    max_records: int = 32
    """Most records in one request (1 or more)."""
    max_bytes: int = 4 * MIB
    """Most bytes in one request body. Default: SageMaker's limit for serverless endpoints, 4 MiB."""
    max_concurrency: int = 1
    """Most requests in flight at once in one invocation (1 or more)."""
    request_timeout_seconds: int = 70
    """How long to wait for an answer; the constructs keep it below the function's timeout (1 or more). Default: above
    the 60 s that SageMaker gives a container, so that its own answer comes first."""
    max_receives: int = 5
    """A record that the endpoint keeps failing on is dead-lettered with its reason on this receive (1 or more);
    the constructs set it to the queue's `max_receive_count`."""
    metrics_namespace: str = "SageMakerInference"
    """CloudWatch namespace of the metrics line."""
    log_level: str = "INFO"
    """One of `LOG_LEVELS`."""

    def to_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads back to an equal object."""
        return {f.name.upper(): _render(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables; a missing one has the field's default.

        Raises ConfigurationError naming every variable that is missing or out of bounds.
        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        for f in fields(cls):
            name = f.name.upper()
            if name in environment:
                try:
                    values[f.name] = _parse(f, environment[name])
                except ValueError as error:
                    faults.append(f"{name}={environment[name]!r}: {error}")
            elif f.default is MISSING and f.default_factory is MISSING:
                faults.append(f"{name} is not set")
        if faults:
            raise ConfigurationError("; ".join(faults))
        return cls(**values)


def _render(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _parse(f: Field[Any], text: str) -> object:
    if f.name == "codec" and text not in CODECS:
        raise ValueError(f"must be one of {', '.join(CODECS)}")
    if f.name == "log_level" and text not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    if f.type is int:
        number = int(text)
        if number < 1:
            raise ValueError("must be at least 1")
        return number
    if f.name == "parameters":
        parameters = json.loads(text)
        if not isinstance(parameters, dict):
            raise ValueError("must be a JSON object")
        return parameters
    if not text and f.default is MISSING:
        raise ValueError("must not be empty")
    return text
