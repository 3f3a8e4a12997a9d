"""The discrete engine: each message by itself, by the rules of the fluid, for latency at a small scale (simpy).

The number of instances stays as it is given: scaling takes minutes, and is the fluid's.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import simpy

from capacity.simulation.function import Batches
from capacity.simulation.invocation import Sandbox
from capacity.simulation.pollers import Pollers
from capacity.simulation.station import Station
from capacity.steady import instances_at, steady
from capacity.work import MESSAGES_PER_CALL, Work

Process = Generator[simpy.Event, Any, Any]
ServiceTimes = Callable[[float], float]
MESSAGES = 20_000
"""About as many are simulated: enough for the 99th percentile, in seconds."""
WARM_UP_SHARE = 0.1


@dataclass
class Events:
    """The outcome of the messages; seconds."""

    latencies: list[float] = field(default_factory=list)
    """From arrival to result, in the order of the results; without the first tenth, while the pipeline fills."""
    waits: list[float] = field(default_factory=list)
    """From arrival until an invocation began, of the same messages."""
    seconds: float = 0.0
    """From the first arrival to the last result."""
    done: int = 0
    invocations: int = 0
    requests: int = 0
    throttled: int = 0
    """Requests that the endpoint refused."""
    dead_lettered: int = 0
    batches: list[int] = field(default_factory=list)
    invocation_seconds: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Return the latency that this share of the messages stays below (nearest rank)."""
        return float(np.quantile(self.latencies, share, method="inverted_cdf")) if self.latencies else float("inf")


class Message:
    """One message on its way."""

    __slots__ = ("arrived", "receives")

    def __init__(self, arrived: float) -> None:
        self.arrived = arrived
        self.receives = 0


class Discrete:
    """One run of a pipeline."""

    def __init__(
        self,
        work: Work,
        moments: Sequence[float],
        *,
        instances: Sequence[int] | None = None,
        seed: int = 0,
        service: ServiceTimes | None = None,
        pollers: int | None = None,
        warm_up: float = WARM_UP_SHARE,
        goes_on: bool = False,
    ) -> None:
        """`moments` are the arrivals, sorted (seconds).

        `instances` are those of each production variant; by default what scaling settles at for the mean rate.
        `service` gives the time of a request by its records; by default always the model's. `pollers`: so many
        invocations and no more; by default as many as the rate needs, and more while messages wait, as Lambda does.
        `warm_up` is the share of the results, the first ones, whose latencies are left out. `goes_on`: the messages are
        a part of many more, so the last ones do not wait for a batching window that the next would have ended.
        """
        self.work = work
        self.env = simpy.Environment()
        self.random = random.Random(seed)
        self.events = Events()
        self._moments = moments
        self._queue: deque[Message] = deque()
        self._receiving: list[simpy.Event] = []
        """Receives that are open, since the queue was empty."""
        self._left = self.env.event()
        """Until a message finds no open receive."""
        self._goes_on = goes_on
        self._cut = self.env.event()
        """Where messages that go on are cut off."""
        self._skipped = round(warm_up * len(moments))
        self._settled = 0
        self._pollers = Pollers(work)
        self._pollers.now = max(self._pollers.now, math.ceil(steady(work, self._rate()).concurrency))
        self._fixed = pollers
        self._running = 0
        self.stations = list(self._stations(instances, service or work.model.seconds))
        self._shared = simpy.Resource(self.env, 1)
        cores = work.profile.cores
        self.cores = simpy.Resource(self.env, int(cores)) if cores != float("inf") else None

    def run(self) -> Events:
        """Return what came of all messages."""
        self.env.process(self._arrive())
        if self._fixed is None:
            self.env.process(self._ramp())
        self._start_pollers(self._fixed or round(self._pollers.now))
        self._all_settled = self.env.event()
        self.env.run(until=self._all_settled)
        self.events.seconds = self.env.now - (self._moments[0] if len(self._moments) else 0.0)
        self.env.run(until=math.nextafter(self.env.now, math.inf))  # the last invocations end, too
        return self.events

    def _stations(self, instances: Sequence[int] | None, service: ServiceTimes) -> Iterator[Station]:
        endpoint, rate = self.work.pipeline.endpoint, self._rate()
        for number, variant in enumerate(endpoint.production):
            count = instances[number] if instances else _settled_instances(self.work, variant.name, rate)
            yield Station(self.env, variant, count, endpoint.share(variant), service)

    def _rate(self) -> float:
        span = self._moments[-1] - self._moments[0] if len(self._moments) > 1 else 1.0
        return len(self._moments) / max(span, 1e-9)

    def _arrive(self) -> Process:
        for moment, sent in groupby(self._moments):
            if moment > self.env.now:
                yield self.env.timeout(moment - self.env.now)
            messages = [Message(self.env.now) for _ in sent]
            if self.work.profile.sending:
                self.env.process(self._send(messages))
            else:
                self._put_all(messages)
        if self._goes_on:
            self._cut.succeed()

    def _send(self, messages: Sequence[Message]) -> Process:
        """Let a call that sends messages, which came at one moment, pass through the emulator of a local run."""
        yield from self._pass_through(self.work.profile.sending)
        self._put_all(messages)

    def _pass_through(self, seconds: float) -> Process:
        with self._shared.request() as turn:
            yield turn
            yield self.env.timeout(seconds)

    def _put_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.put(message)

    def put(self, message: Message) -> None:
        self._queue.append(message)
        if self._receiving:  # SQS answers any of them
            self._receiving.pop(self.random.randrange(len(self._receiving))).succeed()
        elif not self._left.triggered:
            self._left.succeed()

    def pick_station(self) -> Station:
        """Return a variant by its share of the requests."""
        if len(self.stations) == 1:
            return self.stations[0]
        return self.random.choices(self.stations, [one.share for one in self.stations])[0]

    def put_later(self, message: Message, pause: float) -> None:
        self.env.process(self._after(message, pause))

    def _after(self, message: Message, pause: float) -> Process:
        yield self.env.timeout(pause)
        self.put(message)

    def settle(self, messages: Sequence[Message]) -> None:
        """Note results."""
        for message in messages:
            self._settled += 1
            if self._settled > self._skipped:
                self.events.latencies.append(self.env.now - message.arrived)
        self.events.done += len(messages)
        self._end_if_all_settled()

    def dead_letter(self, message: Message) -> None:
        del message
        self._settled += 1
        self.events.dead_lettered += 1
        self._end_if_all_settled()

    def _end_if_all_settled(self) -> None:
        if self._settled >= len(self._moments) and not self._all_settled.triggered:
            self._all_settled.succeed()

    def _ramp(self) -> Process:
        """Add pollers as Lambda does, once a second while messages wait, and else take them away again."""
        first, needed = self._running, Batches(self.work).busy(-1) * self._rate()
        while True:
            if not self._queue and self._running <= first:
                yield self._left
                self._left = self.env.event()
            yield self.env.timeout(1.0)
            self._pollers.follow(messages_wait=len(self._queue) > self._running, needed=needed)
            self._start_pollers(int(self._pollers.now) - self._running)

    def _start_pollers(self, count: int) -> None:
        for _ in range(count):
            self._running += 1
            self.env.process(self._poll())

    def _poll(self) -> Process:
        sandbox, profile = Sandbox(self), self.work.profile
        if profile.first:
            yield self.env.timeout(profile.first)
        while True:
            batch = yield from self._gather()
            if profile.shared:
                yield from self._pass_through(profile.shared)
            for message in batch:
                message.receives += 1
            if len(self.events.latencies) or self._skipped == 0:
                self.events.waits += [self.env.now - message.arrived for message in batch]
            self.events.batches.append(len(batch))
            self.events.invocations += 1
            started = self.env.now
            yield from sandbox.invoke(batch)
            self.events.invocation_seconds.append(self.env.now - started)
            if profile.between:
                yield self.env.timeout(profile.between)
            if self._fixed is None and self._running > max(1.0, self._pollers.now):
                self._running -= 1  # Lambda takes it away
                return

    def _gather(self) -> Generator[simpy.Event, Any, list[Message]]:
        """Wait for a batch: what a receive finds, or what comes within the window."""
        source, full = self.work.pipeline.source, self.work.full_batch
        while not self._queue:
            yield self._receive()
        most = full if source.window_seconds else min(full, MESSAGES_PER_CALL)
        batch = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        end = self.env.now + source.window_seconds
        while source.window_seconds and len(batch) < full and self.env.now < end and not self._cut.triggered:
            receive = self._receive()
            yield receive | self.env.timeout(end - self.env.now) | self._cut
            if receive in self._receiving:
                self._receiving.remove(receive)
            batch += [self._queue.popleft() for _ in range(min(full - len(batch), len(self._queue)))]
        return batch

    def _receive(self) -> simpy.Event:
        """Open a receive, which a message that comes may answer."""
        self._receiving.append(self.env.event())
        return self._receiving[-1]


def _settled_instances(work: Work, name: str, rate: float) -> int:
    found = steady(work, rate)
    load = next(load for load in found.loads if load.variant.name == name)
    return max(1, instances_at(load.variant, load.requests_per_second, load.busy))


def poisson(rate: float, messages: int, seed: int = 0) -> list[float]:
    """Return the moments of so many messages that come at random, so many a second."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, messages)
    moments: list[float] = np.cumsum(gaps).tolist()
    return moments
