"""Records through a function, one invocation: wall time against the peers, and against the endpoint's own limit."""

import contextlib
import functools
import math
from typing import NamedTuple

from benchmarks.measure import Bar, Case, Metric, Result, alternate, limit_seconds
from benchmarks.server import LocalServer, serve
from benchmarks.worker import OURS, function

OUR_NAME = "this project"
PACKED = "this project, results in lists"
LIMIT = "the endpoint's limit"
SENDS = "sending the results alone"
SENDS_MODULE = "benchmarks.candidates.sends"
PEERS = {
    "one call a record": "benchmarks.candidates.tutorial",
    "Powertools BatchProcessor": "benchmarks.candidates.powertools_batch",
    "Powertools AsyncBatchProcessor": "benchmarks.candidates.powertools_async",
    "boto3 in a thread pool": "benchmarks.candidates.threads",
}
BEST_PEERS = tuple(PEERS)[1:]
NOTES = {
    SENDS: "SendMessageBatch of ten, 4 threads, no inference",
    "one call a record": "InvokeEndpoint and SendMessage, one after the other",
    "Powertools BatchProcessor": "the same in its record handler",
    "Powertools AsyncBatchProcessor": "the same with asyncio.to_thread, 16 threads",
    "boto3 in a thread pool": "16 threads, SendMessageBatch of ten",
}
# With more records in one request, the results of all of them are sent at the end, while the endpoint is idle. Lists of
# results are sent so fast that this does not matter.
MOST_RECORDS = 128
EVENTS_PER_MESSAGE = 1000
# Candidates that take a fraction of the others' time are run several times a round.
TIMES = 5


class Service(NamedTuple):
    """The time that the endpoint takes for a request."""

    fixed: float
    per_record: float

    def __str__(self) -> str:
        return f"{self.fixed * 1000:g} ms + {self.per_record * 1000:g} ms a record"


SHORT = Service(0.020, 0.0005)
LONG = Service(0.005, 0.002)
# Four at once is an instance's default (InstanceCapacity.concurrent_requests_per_instance); 16 suits the peers best.
COMPARISONS = (
    (SHORT, 200, 4, 3),
    (SHORT, 200, 16, 2),
    (SHORT, 1000, 4, 2),
    (LONG, 200, 4, 3),
    (LONG, 1000, 4, 2),
)
"""Service, records, requests at once, rounds."""
CAPACITIES = (1, 2, 4, 8, 16)
LIMIT_ROUNDS = 5


def our_settings(records: int, capacity: int) -> dict[str, int]:
    """Return the best settings for such events: as many requests at once as the endpoint serves, and few in all."""
    share = math.ceil(records / capacity)
    return {
        "requests_in_flight": capacity,
        "max_records_per_request": math.ceil(share / math.ceil(share / MOST_RECORDS)),
    }


def packed_settings(records: int, capacity: int) -> dict[str, int]:
    """Return the best settings for such events with lists of results: one request for each place of the endpoint."""
    return {
        "requests_in_flight": capacity,
        "max_records_per_request": math.ceil(records / capacity),
        "max_events_per_message": EVENTS_PER_MESSAGE,
    }


def measure() -> Result:
    cases: list[Case] = []
    bars: list[Bar] = []
    remarks: list[str] = []
    with serve() as server:
        for service, records, capacity, rounds in COMPARISONS:
            case, load = compare(server, service, records, capacity, rounds, peers=True)
            cases.append(case)
            remarks.append(f"{case.title}: {load}")
            bars += _bars(case, records, capacity) if service is SHORT else ()
        cases += [compare(server, SHORT, 1000, capacity, LIMIT_ROUNDS, peers=False)[0] for capacity in CAPACITIES]
    return Result(cases=cases, bars=bars, remarks=remarks)


def compare(
    server: LocalServer, service: Service, records: int, capacity: int, rounds: int, *, peers: bool
) -> tuple[Case, str]:
    """Return the comparison, and how busy the server was with it."""
    settings = {OUR_NAME: our_settings(records, capacity), PACKED: packed_settings(records, capacity)}
    modules = {SENDS: SENDS_MODULE, **(PEERS if peers else {})}
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(function(OURS, server, **ours)) for name, ours in settings.items()}
        workers |= {name: stack.enter_context(function(module, server)) for name, module in modules.items()}
        server.configure(capacity=capacity)
        for worker in workers.values():
            worker.invoke(records)  # the first call opens connections
        server.configure(fixed=service.fixed, per_record=service.per_record, capacity=capacity)
        runs = {
            name: functools.partial(worker.invoke, records, times=1 if name in PEERS else TIMES)
            for name, worker in workers.items()
        }
        samples = alternate(runs, rounds=rounds, warmups=0)
        report = server.report()
    limit = limit_seconds(records, fixed=service.fixed, per_record=service.per_record, capacity=capacity)
    title = f"{records:,} records of 1 KiB, {service}, {capacity} at once"
    case = Case(
        title=title if peers else f"{title}, distance to the limit",
        metrics=[Metric("wall", "ms"), Metric("cpu", "ms")],
        samples={LIMIT: [{"wall": 1000 * limit, "cpu": 0.0}] * rounds, **samples},
        reference=OUR_NAME,
        notes={
            LIMIT: "the sum of its service times",
            **{
                name: ", ".join(f"{key.upper()}={value}" for key, value in ours.items())
                for name, ours in settings.items()
            },
            **NOTES,
        },
    )
    seconds = sum(sum(case.values(name)) * (1 if name in PEERS else TIMES) for name in samples) / 1000
    late_ms = 1000 * report["late"] / report["requests"]
    return case, f"the local server used {report['cpu'] / seconds:.0%} of a processor, answers {late_ms:.2f} ms late"


def _bars(case: Case, records: int, capacity: int) -> list[Bar]:
    best = min(BEST_PEERS, key=lambda name: case.spread(name).median)
    where = f"{records:,} records, {capacity} at once"
    return [
        Bar(claim=f"{where}: one call a record, to ours", ratio=case.ratios("one call a record"), at_least=20),
        Bar(claim=f"{where}: {best}, the best peer, to ours", ratio=case.ratios(best), at_least=3),
        *(
            Bar(claim=f"{where}: {name}, to the endpoint's limit", ratio=case.ratios(name, to=LIMIT), at_most=1.25)
            for name in (OUR_NAME, PACKED)
        ),
    ]
