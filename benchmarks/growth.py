"""Events of 10 to 10,000 records: the cost of a record must not grow with their number."""

import functools

from benchmarks.measure import Bar, Case, Metric, Result, Values, alternate
from benchmarks.server import serve
from benchmarks.worker import OURS, Worker, function

# Records of an event, and number of such events in one measurement.
EVENTS = {10: 100, 100: 10, 1_000: 2, 10_000: 1}
SETTINGS = {"max_records_per_request": 32, "requests_in_flight": 4}
ROUNDS = 5
LIMIT = 1.2


def measure() -> Result:
    with serve() as server, function(OURS, server, **SETTINGS) as worker:
        server.configure()
        runs = {_name(records): functools.partial(_per_record, worker, records) for records in EVENTS}
        samples = alternate(runs, rounds=ROUNDS)
    case = Case(
        title="Time per record, endpoint and queue answer at once",
        metrics=[Metric("cpu", "µs"), Metric("wall", "µs")],
        samples=samples,
        reference=_name(min(EVENTS)),
        notes={name: ", ".join(f"{key.upper()}={value}" for key, value in SETTINGS.items()) for name in samples},
    )
    largest, middle, smallest = _name(10_000), _name(1_000), _name(10)
    bars = [
        Bar(
            claim=f"{metric.name} per record, {larger} to {smaller}",
            ratio=case.ratios(larger, smaller, metric.name),
            at_most=LIMIT,
        )
        for metric in case.metrics
        for larger, smaller in ((largest, smallest), (largest, middle))
    ]
    return Result(cases=[case], bars=bars)


def _per_record(worker: Worker, records: int) -> Values:
    values = worker.invoke(records, times=EVENTS[records])
    return {name: 1000 * value / records for name, value in values.items()}


def _name(records: int) -> str:
    return f"{records:,} records"
