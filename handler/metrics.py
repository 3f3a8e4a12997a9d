"""Metrics of one invocation, in CloudWatch's embedded metric format (EMF)."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .faults import Fault
from .records import Ledger

_TIMEOUTS = (Fault.READ_TIMEOUT, Fault.CONTAINER_TIMEOUT)
_MODEL_ERRORS = (Fault.MODEL_REFUSED, Fault.MODEL_FAILED, Fault.UNEXPECTED_RESPONSE)
_MILLISECONDS = ("RequestLatency", "SinkLatency", "HandlerOverhead")
# EMF: at most so many values of one metric in one line.
MAX_VALUES = 100


class Metrics:
    """Counters of one invocation; each invocation creates its own."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._latencies_ms: list[float] = []
        self._records_per_request: list[int] = []
        self._faults: Counter[Fault] = Counter()
        self._tokens: Counter[str] = Counter()
        self.bisections = 0
        self.bucket_tests = 0
        self.sink_seconds = 0.0
        self.scoring_seconds = 0.0

    def request(self, seconds: float, records: int) -> None:
        self._latencies_ms.append(round(1000 * seconds, 3))
        self._records_per_request.append(records)

    def generated(self, results: Iterable[Mapping[str, Any]]) -> None:
        """Count the tokens of results of the codec `chat`; those that a server does not tell count nothing."""
        self._tokens.update({"InputTokens": 0, "OutputTokens": 0, "AnswersCut": 0})  # each is there, also as 0
        for result in results:
            self._tokens["InputTokens"] += result["inputTokens"] or 0
            self._tokens["OutputTokens"] += result["outputTokens"] or 0
            self._tokens["AnswersCut"] += result["finishReason"] == "length"

    def fault(self, fault: Fault) -> None:
        self._faults[fault] += 1

    def lines(
        self, *, namespace: str, dimensions: dict[str, str], ledger: Ledger, limit: int, cold: bool
    ) -> Iterator[str]:
        """Yield the EMF line, and one more for every further 100 requests, whose lists of values are distributions."""
        returned = sum(map(len, ledger.returned.values()))
        dead_lettered = sum(map(len, ledger.dead_lettered.values()))
        overhead = time.monotonic() - self._started - self.scoring_seconds - self.sink_seconds
        values: dict[str, Any] = {
            "RecordsReceived": len(ledger.succeeded) + returned + dead_lettered,
            "RecordsSucceeded": len(ledger.succeeded),
            "RecordsReturned": returned,
            "RecordsDeadLettered": dead_lettered,
            "Requests": len(self._latencies_ms),
            "Throttles": self._faults[Fault.THROTTLED],
            "ModelErrors": sum(self._faults[fault] for fault in _MODEL_ERRORS),
            "Timeouts": sum(self._faults[fault] for fault in _TIMEOUTS),
            "Bisections": self.bisections,
            "ConcurrencyLimit": limit,
            "DeadlineDeferred": len(ledger.returned.get(Fault.DEADLINE.value, ())),
            "SinkLatency": round(1000 * self.sink_seconds, 3),
            "HandlerOverhead": round(1000 * max(0.0, overhead), 3),
            "ColdStart": int(cold),
        }
        values |= self._tokens
        if self.bucket_tests:  # a metric is paid for, and hardly any month has one
            values["BucketTests"] = self.bucket_tests
        for start in range(0, len(self._latencies_ms) or 1, MAX_VALUES):
            part = slice(start, start + MAX_VALUES)
            if self._latencies_ms:
                values["RecordsPerRequest"] = self._records_per_request[part]
                values["RequestLatency"] = self._latencies_ms[part]
            yield _line(namespace, dimensions, values)
            values = {}


def _line(namespace: str, dimensions: Mapping[str, str], values: Mapping[str, Any]) -> str:
    units = {name: "Milliseconds" if name in _MILLISECONDS else "Count" for name in values}
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    aws = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, **dimensions, **values}, separators=(",", ":"))
