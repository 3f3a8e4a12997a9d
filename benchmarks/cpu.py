"""CPU time of the handler's process per record: by records in a request, and by the record's size."""

import contextlib
import functools
from collections.abc import Callable

from benchmarks.measure import Case, Metric, Result, Samples, Values, alternate
from benchmarks.server import LocalServer, serve
from benchmarks.worker import OURS, Worker, function

ONE_CALL = "one call a record"
ONE_CALL_MODULE = "benchmarks.candidates.tutorial"
MICRO_BATCHES = (1, 10, 25, 100)
IN_LISTS = "micro-batches of 100, results in lists"
RECORDS = 200
# Bytes of a record, and number of records in an event, which has 6 MB at most.
SIZES = {200: 200, 1024: 200, 16 * 1024: 100, 256 * 1024: 20}
MICRO_BATCH = 25
ROUNDS = 5


def measure() -> Result:
    with serve() as server:
        by_batch = _by_micro_batch(server)
        by_size = [_by_size(server, record_bytes, records) for record_bytes, records in SIZES.items()]
    return Result(cases=[by_batch, *by_size])


def _by_micro_batch(server: LocalServer) -> Case:
    with contextlib.ExitStack() as stack:
        workers = {ONE_CALL: stack.enter_context(function(ONE_CALL_MODULE, server))}
        for size in MICRO_BATCHES:
            worker = stack.enter_context(function(OURS, server, max_records_per_request=size, requests_in_flight=4))
            workers[f"micro-batches of {size}"] = worker
        workers[IN_LISTS] = stack.enter_context(
            function(OURS, server, max_records_per_request=100, requests_in_flight=4, max_events_per_message=100)
        )
        server.configure()
        samples = alternate({name: _run(worker, RECORDS, 1024) for name, worker in workers.items()}, rounds=ROUNDS)
    return _case("200 records of 1 KiB, by micro-batch", samples, reference=f"micro-batches of {MICRO_BATCH}")


def _by_size(server: LocalServer, record_bytes: int, records: int) -> Case:
    ours = f"micro-batches of {MICRO_BATCH}"
    with (
        function(ONE_CALL_MODULE, server) as one,
        function(OURS, server, max_records_per_request=MICRO_BATCH, requests_in_flight=4) as many,
    ):
        server.configure()
        runs = {ONE_CALL: _run(one, records, record_bytes), ours: _run(many, records, record_bytes)}
        samples = alternate(runs, rounds=ROUNDS)
    size = f"{record_bytes // 1024} KiB" if record_bytes >= 1024 else f"{record_bytes} bytes"
    return _case(f"records of {size}", samples, reference=ours)


def _run(worker: Worker, records: int, record_bytes: int) -> Callable[[], Values]:
    return functools.partial(_per_record, worker, records, record_bytes)


def _per_record(worker: Worker, records: int, record_bytes: int) -> Values:
    values = worker.invoke(records, record_bytes=record_bytes)
    return {"cpu": 1000 * values["cpu"] / records}


def _case(name: str, samples: Samples, reference: str) -> Case:
    return Case(title=f"CPU per record, {name}", metrics=[Metric("cpu", "µs")], samples=samples, reference=reference)
