"""The handler, warm and in a process of its own, against the benchmark's endpoint server, at six settings.

The constants of the profile are measured apart: with another endpoint, at other sizes.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from benchmarks.handler import LONG, SHORT, Service
from benchmarks.measure import Values
from benchmarks.server import LocalServer, serve
from benchmarks.worker import OURS, Worker, function
from capacity.check.comparison import Comparison, Numbers, nearest_rank, noise
from capacity.deployed import Endpoint, Function, Pipeline, Source, Variant
from capacity.profile import MIB_PER_VCPU, Profile
from capacity.service_time import ServiceTime
from capacity.simulation.discrete import Discrete
from capacity.work import Work
from handler.settings import HandlerSettings

ROUNDS, TIMES = 8, 8
CALIBRATION_ROUNDS = 3
# The calibration's endpoint answers after a moment, so that waking up from a wait is part of a request's own time.
ANSWERS_AFTER = Service(0.005, 0.0)
IN_LISTS = 1000


class Setting(NamedTuple):
    """An event, the handler's settings, and the endpoint."""

    records: int
    in_flight: int
    per_request: int
    service: Service
    places: int
    events_per_message: int = 1
    functions: int = 1
    """Functions at once, each with such an event."""

    def __str__(self) -> str:
        lists = ", results in lists" if self.events_per_message > 1 else ""
        functions = f", {self.functions} functions" if self.functions > 1 else ""
        return (
            f"{self.records:,} records, {self.in_flight} requests of {self.per_request} in flight, {self.service}, "
            f"{self.places} at once{lists}{functions}"
        )


SETTINGS = (
    Setting(10, 2, 32, SHORT, 4),
    Setting(100, 2, 10, SHORT, 4),
    Setting(200, 8, 25, LONG, 2),
    Setting(1000, 4, 125, LONG, 4),
    Setting(1000, 4, 50, SHORT, 4, IN_LISTS),
    Setting(200, 4, 25, Service(0.05, 0.002), 4, IN_LISTS, functions=2),
)


def check() -> Iterator[Comparison]:
    """Yield each setting's comparison."""
    with serve() as server:
        for setting in SETTINGS:
            # just before, because others use the machine too, and what they leave of it changes by the minute
            yield _compare(server, setting, calibrate(server))


def calibrate(server: LocalServer) -> Profile:
    """Return the handler's times on this machine: differences between events of several shapes.

    As of the settings themselves, the mean of the quietest round counts.
    """

    def seconds(records: int, per_request: int, events_per_message: int, sink: str = "sqs") -> float:
        with function(
            OURS,
            server,
            max_records_per_request=per_request,
            requests_in_flight=1,
            max_events_per_message=events_per_message,
            result_sink=sink,
        ) as worker:
            server.configure(fixed=ANSWERS_AFTER.fixed)
            requests = -(-records // per_request)
            invoke = worker.invoke if sink == "sqs" else worker.invoke_unchecked
            rounds = [_invocations(invoke, records) for _ in range(CALIBRATION_ROUNDS)]
            return min(map(statistics.mean, rounds)) - requests * ANSWERS_AFTER.fixed

    small, large = seconds(150, 150, IN_LISTS), seconds(900, 900, IN_LISTS)
    many, called = seconds(150, 10, IN_LISTS), seconds(150, 150, 1)
    unsent, both = seconds(900, 900, 1, "none"), max(0.0, large - small) / 750
    result = min(both, max(0.0, large - unsent) / 900)
    request, call = max(0.0, many - small) / 14, max(0.0, called - small) / 14
    return Profile(
        name="handler",
        invocation_cpu=max(0.0, small - request - 150 * both - call),
        request_cpu=request,
        record_cpu=both - result,
        call_cpu=call,
        result_cpu=result,
        round_trip=0.0,
        between=0.0,
        origin="measured on this machine, with an endpoint that answers after 5 ms",
    )


def _compare(server: LocalServer, setting: Setting, profile: Profile) -> Comparison:
    rounds = _measure(server, setting)
    means = [statistics.mean(seconds) for seconds in rounds]
    # Others use the machine too, and can only make it slower: the quietest round is the nearest to the handler's own.
    quietest = rounds[means.index(min(means))]
    records = setting.functions * setting.records
    measured = Numbers(records / statistics.mean(quietest), nearest_rank(quietest, 0.95))
    return Comparison(str(setting), measured, predict(setting, profile), noise(means))


def _measure(server: LocalServer, setting: Setting) -> list[list[float]]:
    """Return the seconds of each invocation, by rounds."""
    settings = {
        "max_records_per_request": setting.per_request,
        "requests_in_flight": setting.in_flight,
        "max_events_per_message": setting.events_per_message,
    }
    if setting.functions == 1:
        with function(OURS, server, **settings) as worker:
            server.configure(capacity=setting.places)
            worker.invoke(setting.records)
            _serve(server, setting)
            return [_invocations(worker.invoke, setting.records) for _ in range(ROUNDS)]
    with function(OURS, server, **settings) as one, function(OURS, server, **settings) as other:
        server.configure(capacity=setting.places)
        for worker in (one, other):
            worker.invoke(setting.records)
        _serve(server, setting)
        return [_together((one, other), setting.records) for _ in range(ROUNDS)]


def _invocations(invoke: Callable[[int], Values], records: int) -> list[float]:
    """Return the seconds of some invocations, one after the other."""
    return [invoke(records)["wall"] / 1000 for _ in range(TIMES)]


def _serve(server: LocalServer, setting: Setting) -> None:
    server.configure(fixed=setting.service.fixed, per_record=setting.service.per_record, capacity=setting.places)


def _together(workers: Sequence[Worker], records: int) -> list[float]:
    """Return the seconds of invocations that run side by side: a mean of several for each function."""
    with ThreadPoolExecutor(len(workers)) as pool:
        runs = [pool.submit(worker.invoke_unchecked, records, times=TIMES) for worker in workers]
        return [run.result()["wall"] / 1000 for run in runs]


def predict(setting: Setting, profile: Profile) -> Numbers:
    """Return what the discrete engine says of a setting: one invocation after the other on each function."""
    pipeline = Pipeline(
        stack="check",
        name="handler",
        region="eu-central-1",
        source=Source(batch_size=setting.records, window_seconds=1, maximum_concurrency=setting.functions),
        function=Function(memory_mib=MIB_PER_VCPU, timeout_seconds=600),
        handler=HandlerSettings(
            endpoint_name="check",
            dead_letter_queue_url="check",
            result_target="check",
            max_records_per_request=setting.per_request,
            requests_in_flight=setting.in_flight,
            max_events_per_message=setting.events_per_message,
        ),
        endpoint=Endpoint(
            variants=[Variant(name="check", instance_type="ml.c5.large", concurrent_requests=setting.places)]
        ),
    )
    service = setting.service
    model = ServiceTime(((0, service.fixed), (1, service.fixed + service.per_record)), str(service))
    messages = setting.records * setting.functions * 10
    run = Discrete(Work(pipeline, model, profile), [0.0] * messages, instances=[1], pollers=setting.functions).run()
    seconds = run.invocation_seconds
    return Numbers(setting.functions * setting.records / statistics.mean(seconds), nearest_rank(seconds, 0.95))
