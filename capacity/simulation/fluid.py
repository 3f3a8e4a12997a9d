"""The fluid engine: a pipeline second by second, messages as a liquid that flows through its parts."""

import numpy as np

from capacity.simulation.arrivals import Arrivals
from capacity.simulation.course import Course
from capacity.simulation.endpoint import TRIES, pause_seconds, places_together, throttled_share
from capacity.simulation.function import Batches
from capacity.simulation.pollers import Pollers
from capacity.simulation.queue import FluidQueue
from capacity.simulation.scaling import START_SECONDS, Fleet, Seen
from capacity.steady import gathering_seconds
from capacity.work import Work

NAMES = (
    *("arrived", "done", "backlog", "age", "latency", "batch", "invocations", "function_seconds", "concurrency"),
    *("requests", "model_seconds", "utilization", "throttled"),
)


class Fluid:
    """One pipeline; each run begins anew."""

    def __init__(self, work: Work, start_seconds: float = START_SECONDS) -> None:
        """`start_seconds` is what an instance takes until it serves. The model must answer in time (`too_slow`)."""
        self._work = work
        self._start = start_seconds

    def run(self, arrivals: Arrivals) -> Course:
        """Return the course of the arrivals' time."""
        return _Run(self._work, arrivals, self._start).course()


class _Run:
    def __init__(self, work: Work, arrivals: Arrivals, start_seconds: float) -> None:
        pipeline = work.pipeline
        self._work, self._arrivals = work, arrivals
        self._queue = FluidQueue(pipeline.queue.retention_seconds, pipeline.queue.delay_seconds)
        self._inner = FluidQueue(pipeline.queue.retention_seconds)
        self._pollers = Pollers(work)
        self._batches = Batches(work)
        self._fleets = [Fleet(variant, arrivals.seconds, start_seconds) for variant in pipeline.endpoint.variants]
        self._series = {name: np.zeros(arrivals.seconds) for name in NAMES}
        self._instances = {fleet.variant.name: np.zeros(arrivals.seconds) for fleet in self._fleets}
        self._dead = 0.0
        self._is_async = pipeline.endpoint.queues_requests

    def course(self) -> Course:
        enabled = self._work.pipeline.source.enabled
        for second, arriving in enumerate(self._arrivals.per_second.tolist()):
            self._queue.add(second, arriving)
            self._queue.expire(second)
            if enabled:
                self._pass(second, arriving)
            self._record(second, arriving)
        return Course(
            **self._series,
            most_concurrency=self._pollers.most,
            instances=self._instances,
            expired=self._queue.expired,
            dead_lettered=self._dead,
        )

    def _pass(self, second: int, arriving: float) -> None:
        """Let messages flow for one second."""
        batches, pollers, series = self._batches, self._pollers, self._series
        ready = self._queue.ready(second)
        places = 0.0 if self._is_async else places_together(self._work, self._fleets)
        place = batches.position(ready, pollers.now, self._queue.backlog - ready, places)
        size = batches.per_request(place)
        model = self._work.model.seconds(size)
        function = batches.carried(pollers.now)
        endpoint = function if self._is_async else places * size / model
        flowing = min(ready, function, endpoint)
        is_endpoint_full = not self._is_async and endpoint <= min(ready, function)
        running = pollers.now if flowing < ready - 1e-9 else min(pollers.now, flowing * batches.busy(place))
        in_flight = running * batches.at_once(place)
        waited = self._queue.take(second, flowing)
        done = flowing - self._throttle(second, flowing, in_flight, is_full=is_endpoint_full)
        latency = waited + batches.seconds(place) + self._gathering(flowing, place)
        if is_endpoint_full and flowing:  # the pollers that run share what the endpoint carries
            latency = waited + running * batches.sizes[place] / flowing
        outstanding = in_flight if is_endpoint_full else flowing / size * model
        if self._is_async:
            done, latency, outstanding = self._answer(second, flowing, latency)
        records = batches.sizes[place]
        series["done"][second], series["latency"][second], series["batch"][second] = done, latency, records
        series["invocations"][second] = flowing / records
        series["concurrency"][second] = running
        series["function_seconds"][second] = running if is_endpoint_full else flowing / records * batches.seconds(place)
        series["requests"][second] = flowing / size
        series["model_seconds"][second] = done / size * model
        self._follow(second, outstanding, flowing / size, model)
        pollers.follow(messages_wait=flowing < ready - 1e-6, needed=flowing * batches.busy(-1))

    def _gathering(self, flowing: float, place: int) -> float:
        window = self._work.pipeline.source.window_seconds
        return gathering_seconds(window, self._batches.sizes[place], flowing / self._pollers.now)[1] if flowing else 0.0

    def _throttle(self, second: int, flowing: float, in_flight: float, *, is_full: bool) -> float:
        """Return the messages that a serverless endpoint refuses; dead-letter those on their last receive."""
        share = throttled_share(self._fleets, in_flight) if is_full else 0.0
        if not share:
            return 0.0
        each = share**TRIES
        refused = flowing * each
        dead = refused * each ** (self._work.pipeline.queue.max_receive_count - 1)
        self._dead += dead
        self._queue.give_back(second, refused - dead, pause_seconds(1))
        self._series["throttled"][second] = refused
        return refused

    def _answer(self, second: int, submitted: float, latency: float) -> tuple[float, float, float]:
        """Let an asynchronous endpoint work on its own queue; return done, latency and what it holds."""
        service = self._work.model.seconds(1)
        self._inner.add(second, submitted)
        places = sum(fleet.places for fleet in self._fleets if not fleet.variant.shadow)
        done = min(self._inner.backlog, places / service)
        in_work = min(self._inner.backlog, float(places))
        waited = self._inner.take(second, done)
        return done, latency + waited + service, max(in_work, self._inner.backlog)

    def _follow(self, second: int, outstanding: float, requests: float, model: float) -> None:
        """Let scaling see the second, and note how full the fullest variant is."""
        endpoint, fullest = self._work.pipeline.endpoint, 0.0
        seen = Seen(age=self._queue.age(second), visible=self._queue.backlog)
        for fleet in self._fleets:
            share = endpoint.share(fleet.variant)
            seen.outstanding, seen.requests = outstanding * share, requests * share
            if not fleet.variant.shadow and fleet.places:
                fullest = max(fullest, min(1.0, requests * share * model / fleet.places))
            fleet.follow(second, seen)
            self._instances[fleet.variant.name][second] = fleet.billed
        if self._is_async and outstanding:
            places = sum(fleet.places for fleet in self._fleets)
            fullest = min(1.0, outstanding / places) if places else 1.0
        self._series["utilization"][second] = fullest

    def _record(self, second: int, arriving: float) -> None:
        series = self._series
        series["arrived"][second] = arriving
        series["backlog"][second] = self._queue.backlog + self._inner.backlog
        series["age"][second] = max(self._queue.age(second), self._inner.age(second))
