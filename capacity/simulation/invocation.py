"""Invocations as discrete events, by the handler's rules: micro-batches, requests in flight, back-off, results.

The handler is one Python process: its work takes turns on one processor, and waits for answers don't.
"""

import math
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import simpy

from capacity.work import MESSAGES_PER_CALL
from handler.faults import TREATMENTS, Fault

if TYPE_CHECKING:
    from capacity.simulation.discrete import Discrete, Message

Process = Generator[simpy.Event, Any, Any]
THROTTLED = TREATMENTS[Fault.THROTTLED]


class Sandbox:
    """A function's process, which lives on from one invocation to the next."""

    def __init__(self, run: "Discrete") -> None:
        self._run = run
        self._env = run.env
        self._processor = simpy.Resource(run.env, 1)
        self._senders = simpy.Resource(run.env, run.work.profile.senders)
        self._limit = run.work.places
        """Requests in flight: halved when the endpoint refuses one, raised by one with each success (executor)."""

    def invoke(self, batch: Sequence["Message"]) -> Process:
        """Take a batch to its end."""
        profile = self._run.work.profile
        yield from self._compute(profile.invocation_cpu)
        waiting = list(_micro_batches(batch, self._run.work.most_per_request))
        results: list[Message] = []
        sends: list[simpy.Event] = []
        running: dict[simpy.Event, Sequence[Message]] = {}
        while waiting or running:
            while waiting and len(running) < max(1, self._limit):
                items = waiting.pop(0)
                yield from self._compute(profile.request_cpu + len(items) * profile.record_cpu / 2)
                running[self._env.process(self._request(items))] = items
            yield simpy.AnyOf(self._env, list(running)) if len(running) > 1 else next(iter(running))
            for done in [event for event in running if event.processed or event.triggered]:
                items = running.pop(done)
                if done.value:
                    yield from self._compute(len(items) * profile.record_cpu / 2)
                    results += items
                else:
                    self._give_back(items)
            results = self._flush(results, sends, everything=False)
        self._flush(results, sends, everything=True)
        if sends:
            yield simpy.AllOf(self._env, sends)

    def _compute(self, seconds: float) -> Process:
        """Use the processor for so long, at the function's share of it."""
        if not seconds:
            return
        cores = self._run.cores
        with self._processor.request() as own:
            yield own
            if cores is None:
                yield self._env.timeout(seconds / self._run.work.share)
                return
            with cores.request() as core:
                yield core
                yield self._env.timeout(seconds / self._run.work.share)

    def _request(self, items: Sequence["Message"]) -> Generator[simpy.Event, Any, bool]:
        """Return whether it was answered; a refusal is tried again as the handler does."""
        run = self._run
        for attempt in range(1 + THROTTLED.retries):
            if attempt:
                yield self._env.timeout(run.random.uniform(0, 2 * THROTTLED.delay_seconds * 2 ** (attempt - 1)))
            run.events.requests += 1
            if run.work.profile.round_trip:
                yield self._env.timeout(run.work.profile.round_trip)
            station = run.pick_station()
            if station.refuses and not station.has_place():
                run.events.throttled += 1
                self._limit = max(1, self._limit // 2)
                continue
            yield from station.serve(len(items), run.random.randrange)
            self._limit = min(run.work.places, self._limit + 1)
            return True
        return False

    def _give_back(self, items: Sequence["Message"]) -> None:
        """Return messages with a pause; after their last receive SQS moves them to the dead-letter queue."""
        run = self._run
        for message in items:
            if message.receives >= run.work.pipeline.queue.max_receive_count:
                run.dead_letter(message)
                continue
            most = THROTTLED.backoff_base_seconds * 2 ** (message.receives - 1)
            run.put_later(message, THROTTLED.backoff_floor_seconds + run.random.uniform(0, min(900.0, most)))

    def _flush(self, results: list["Message"], sends: list[simpy.Event], *, everything: bool) -> list["Message"]:
        """Send results in full calls, at the end the rest too; return what is kept."""
        handler = self._run.work.pipeline.handler
        if handler.result_sink == "none":
            self._run.settle(results)
            return []
        size = MESSAGES_PER_CALL * handler.max_events_per_message
        while len(results) >= size or (everything and results):
            sends.append(self._env.process(self._send(results[:size])))
            results = results[size:]
        return results

    def _send(self, results: Sequence["Message"]) -> Process:
        with self._senders.request() as sender:
            yield sender
            profile = self._run.work.profile
            yield from self._compute(profile.call_cpu + len(results) * profile.result_cpu)
            yield self._env.timeout(profile.round_trip)
        self._run.settle(results)


def _micro_batches(batch: Sequence["Message"], most: int) -> Generator[Sequence["Message"], None, None]:
    """Yield micro-batches; the last two are of like size (handler.microbatch)."""
    full, rest = divmod(len(batch), most)
    sizes = [most] * full + ([rest] if rest else [])
    if rest and full:
        both = most + rest
        sizes[-2:] = [math.ceil(both / 2), both // 2]
    start = 0
    for size in sizes:
        yield batch[start : start + size]
        start += size
