"""What one invocation did, as one line in CloudWatch's embedded metric format (EMF)."""

import json
import time
from collections import Counter
from typing import Any

from handler.faults import Fault
from handler.records import Ledger

_TIMEOUTS = (Fault.READ_TIMEOUT, Fault.CONTAINER_TIMEOUT)
_MODEL_ERRORS = (Fault.MODEL_REFUSED, Fault.MODEL_FAILED, Fault.UNEXPECTED_RESPONSE)
_MILLISECONDS = ("RequestLatency", "SinkLatency", "HandlerOverhead")


class Metrics:
    """Counts during one invocation; made anew for the next."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._latencies_ms: list[float] = []
        self._records_per_request: list[int] = []
        self._faults: Counter[Fault] = Counter()
        self.bisections = 0
        self.sink_seconds = 0.0
        self.scoring_seconds = 0.0

    def request(self, seconds: float, records: int) -> None:
        self._latencies_ms.append(round(1000 * seconds, 3))
        self._records_per_request.append(records)

    def fault(self, fault: Fault) -> None:
        self._faults[fault] += 1

    def line(self, *, namespace: str, dimensions: dict[str, str], ledger: Ledger, limit: int, cold: bool) -> str:
        """Return the EMF line. A list of values is a distribution; EMF admits 100 of them."""
        returned = sum(map(len, ledger.returned.values()))
        dead_lettered = sum(map(len, ledger.dead_lettered.values()))
        overhead = time.monotonic() - self._started - self.scoring_seconds - self.sink_seconds
        values: dict[str, Any] = {
            "RecordsReceived": len(ledger.succeeded) + returned + dead_lettered,
            "RecordsSucceeded": len(ledger.succeeded),
            "RecordsReturned": returned,
            "RecordsDeadLettered": dead_lettered,
            "Requests": len(self._latencies_ms),
            "RecordsPerRequest": self._records_per_request[:100],
            "RequestLatency": self._latencies_ms[:100],
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
        values = {name: value for name, value in values.items() if value != []}
        units = {name: "Milliseconds" if name in _MILLISECONDS else "Count" for name in values}
        directive = {
            "Namespace": namespace,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
        }
        aws = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": aws, **dimensions, **values}, separators=(",", ":"))
