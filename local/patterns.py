"""Whether a result goes on to a further pipeline: the embedded EventBridge says so, as it does of its own rules."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.aws import Aws
from local.queues import as_run_error

# What the API wants an event to have besides its detail.
FRAME = {
    "id": "result",
    "account": "000000000000",
    "source": "local",
    "time": "2026-01-01T00:00:00Z",
    "region": "local",
    "resources": [],
    "detail-type": "result",
}


def is_taken(aws: Aws, patterns: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> bool:
    """Return whether a CloudEvent matches one of the patterns; an empty one matches all.

    A filter policy on the body of SNS's messages is asked for in the same way: its grammar is the rules' own
    (https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html).
    """
    return any(_matches(aws, pattern, event) for pattern in patterns)


def _matches(aws: Aws, pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    if not pattern:
        return True
    with as_run_error("asking whether a result goes on"):
        answer = aws.events.test_event_pattern(
            EventPattern=json.dumps({"detail": pattern}), Event=json.dumps({**FRAME, "detail": event})
        )
    return bool(answer["Result"])
