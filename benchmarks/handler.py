"""Records through a function, one invocation: wall time against the peers, and against the endpoint's own limit."""

import contextlib
import math
from typing import NamedTuple

from benchmarks.measure import Bar, Case, Metric, Result, Spread, Values, alternate, limit_seconds
from benchmarks.server import LocalServer, serve
from benchmarks.worker import OURS, Worker, function

OUR_NAME = "this project"
LIMIT = "the endpoint's limit"
PEERS = {
    "one call a record": "benchmarks.candidates.tutorial",
    "Powertools BatchProcessor": "benchmarks.candidates.powertools_batch",
    "Powertools AsyncBatchProcessor": "benchmarks.candidates.powertools_async",
    "boto3 in a thread pool": "benchmarks.candidates.threads",
}
BEST_PEERS = tuple(PEERS)[1:]
PEER_NOTES = {
    "one call a record": "InvokeEndpoint and SendMessage, one after the other",
    "Powertools BatchProcessor": "the same in its record handler",
    "Powertools AsyncBatchProcessor": "the same with asyncio.to_thread, 16 threads",
    "boto3 in a thread pool": "16 threads, SendMessageBatch of ten",
}
# What an endpoint on instances serves at once by default (InstanceCapacity.concurrent_requests_per_instance).
CAPACITY = 4
ROUNDS = {200: 3, 1000: 2}


class Service(NamedTuple):
    """How long the endpoint takes for a request."""

    fixed: float
    per_record: float

    def __str__(self) -> str:
        return f"{self.fixed * 1000:g} ms + {self.per_record * 1000:g} ms a record"


SERVICES = (Service(0.020, 0.0005), Service(0.005, 0.002))


def our_settings(records: int, capacity: int = CAPACITY) -> dict[str, int]:
    """Return what suits such events: as many requests at once as the endpoint serves, two after each other in each
    place, so that results of the first leave while the second is scored."""
    return {"max_concurrency": capacity, "max_records": math.ceil(records / (2 * capacity))}


def measure() -> Result:
    cases, bars, remarks = [], [], []
    with serve() as server:
        for service in SERVICES:
            for records, rounds in ROUNDS.items():
                case, load = compare(server, service, records, rounds)
                cases.append(case)
                remarks.append(f"{case.title}: {load}")
                if service is SERVICES[0]:
                    bars += _bars(case, records)
    return Result(cases=cases, bars=bars, remarks=remarks)


def compare(
    server: LocalServer, service: Service, records: int, rounds: int, capacity: int = CAPACITY
) -> tuple[Case, str]:
    """Return the comparison, and how busy the server was with it."""
    limit = limit_seconds(records, fixed=service.fixed, per_record=service.per_record, capacity=capacity)
    settings = our_settings(records, capacity)
    with contextlib.ExitStack() as stack:
        workers = {OUR_NAME: stack.enter_context(function(OURS, server, **settings))}
        workers |= {name: stack.enter_context(function(module, server)) for name, module in PEERS.items()}
        server.configure(capacity=capacity)
        for worker in workers.values():
            worker.invoke(records)  # connections, and whatever a first call sets up
        server.configure(fixed=service.fixed, per_record=service.per_record, capacity=capacity)

        def run(worker: Worker) -> Values:
            return worker.invoke(records)

        samples = alternate(
            {name: (lambda worker=worker: run(worker)) for name, worker in workers.items()}, rounds=rounds, warmups=0
        )
        report = server.report()
    title = f"{records:,} records of 1 KiB, {service}, {capacity} at once"
    notes = {OUR_NAME: ", ".join(f"{name.upper()}={value}" for name, value in settings.items()), **PEER_NOTES}
    case = Case(
        title=title,
        metrics=[Metric("wall", "s"), Metric("cpu", "s")],
        samples={LIMIT: [{"wall": limit, "cpu": 0.0}] * rounds, **samples},
        reference=OUR_NAME,
        notes={LIMIT: "what its service times add up to", **notes},
    )
    seconds = sum(sum(case.values(name)) for name in samples)
    late_ms = 1000 * report["late"] / report["requests"]
    return case, f"the local server used {report['cpu'] / seconds:.0%} of a processor, answers {late_ms:.2f} ms late"


def _bars(case: Case, records: int) -> list[Bar]:
    best = min(BEST_PEERS, key=lambda name: case.spread(name).median)
    return [
        Bar(
            claim=f"{records:,} records: one call a record takes so many times ours",
            ratio=case.ratios("one call a record"),
            at_least=20,
        ),
        Bar(claim=f"{records:,} records: {best} takes so many times ours", ratio=case.ratios(best), at_least=3),
        Bar(
            claim=f"{records:,} records: ours takes so many times the endpoint's limit",
            ratio=case.ratios(OUR_NAME, to=LIMIT),
            at_most=1.25,
        ),
    ]
