"""One call a record, as the usual function does it: its measured time, and what a month of it would cost."""

import json
import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capacity.cost import MONTH_SECONDS, Usage
from capacity.steady import Steady
from capacity.work import Work

PROJECT = Path(__file__).resolve().parent.parent
# What make bench measured here comes before what the project has.
MEASURED = (PROJECT / ".build" / "bench" / "handler.json", PROJECT / "docs" / "benchmarks" / "handler.json")
PEER = "one call a record"
TITLE = re.compile(r"([\d,]+) records of 1 KiB, ([\d.]+) ms \+ ([\d.]+) ms a record, \d+ at once")


@dataclass(frozen=True)
class Peer:
    """The time that one call a record takes besides the model, as make bench measured it."""

    overhead_seconds: float
    """Of each record: InvokeEndpoint and SendMessage of a warm function, one after the other, on one processor."""
    measured: str
    """The day."""


@dataclass(frozen=True)
class PeerUsage:
    """A month of one call a record at the same rate."""

    usage: Usage
    message_seconds: float
    instances: Mapping[str, int]
    """By variant: as many as it needs, whatever the range allows."""


def measured_peer(files: Sequence[Path] = MEASURED) -> Peer | None:
    """Return what was measured; None if there is no measurement that can be read."""
    for path in files:
        try:
            content = json.loads(path.read_bytes())
            overheads = list(_overheads(content))
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if overheads:
            return Peer(statistics.median(overheads), content.get("measured", "an unknown day"))
    return None


def _overheads(content: Mapping[str, Any]) -> Iterator[float]:
    for case in content["cases"]:
        if (title := TITLE.match(case["title"])) and PEER in case["samples"]:
            records, fixed, each = int(title[1].replace(",", "")), float(title[2]), float(title[3])
            for run in case["samples"][PEER]:
                yield max(0.0, run["wall"] / records - fixed - each) / 1000


def peer_usage(work: Work, steady: Steady, peer: Peer) -> PeerUsage:
    """Return the month's usage of a function that calls the endpoint, and sends the result, for each record."""
    profile, rate = work.profile, min(steady.rate, steady.capacity)
    service = work.model.seconds(1)
    seconds = service + 2 * profile.round_trip + peer.overhead_seconds / work.share
    instances = {}
    for load in steady.loads:
        busy = rate * work.pipeline.endpoint.share(load.variant) * service
        scaling = load.variant.scaling
        per_instance = (
            scaling.target if scaling and scaling.metric == "concurrent" else load.variant.concurrent_requests
        )
        needed = math.ceil(busy / per_instance - 1e-9)
        instances[load.variant.name] = max(load.variant.fewest_instances, needed) if load.variant.instance_type else 1
    messages = rate * MONTH_SECONDS
    batch = steady.invocation.records
    usage = Usage(
        seconds=MONTH_SECONDS,
        messages=messages,
        invocations=messages / batch,
        function_seconds=messages * seconds,
        requests=messages,
        model_seconds=messages * service,
        instance_hours={name: count * MONTH_SECONDS / 3600 for name, count in instances.items()},
        results_per_call=1.0,
    )
    return PeerUsage(usage, seconds, instances)
