"""The discrete engine: each wait is that of the queueing model, and the model's mean is the formula's."""

import heapq
import random
from dataclasses import replace

import numpy as np
import pytest

from capacity.deployed import Endpoint, Source, Variant
from capacity.profile import AWS
from capacity.queueing import mean_wait
from capacity.simulation.discrete import Discrete, poisson
from capacity.steady import steady
from capacity.work import Work
from tests.capacity.pipelines import SCALED, work

MANY_PLACES = Endpoint(variants=[replace(SCALED, concurrent_requests=1000)])


def _single(servers: int) -> Work:
    """Return a pipeline whose invocations are the servers of a queue, a message each."""
    source = Source(batch_size=1, maximum_concurrency=servers)
    return work("10ms", endpoint=MANY_PLACES, source=source, result_sink="none")


def _waits(moments: list[float], services: list[float], servers: int) -> list[float]:
    """Return each customer's wait (Kiefer and Wolfowitz): the server that is free first takes the next."""
    free = [0.0] * servers
    waits = []
    for moment, service in zip(moments, services, strict=True):
        start = max(moment, heapq.heappop(free))
        heapq.heappush(free, start + service)
        waits.append(start - moment)
    return waits


@pytest.mark.parametrize(("servers", "rate", "variation"), [(1, 60.0, 0.0), (3, 200.0, 1.0)], ids=["M/D/1", "M/M/3"])
def test_it_is_the_queueing_model(servers: int, rate: float, variation: float) -> None:
    def times(seed: int, count: int) -> list[float]:
        generator = random.Random(seed)
        return [generator.expovariate(100) if variation else 0.01 for _ in range(count)]

    moments, services = poisson(rate, 1500, seed=1), times(2, 1500)
    drawn = iter(services)
    run = Discrete(_single(servers), moments, service=lambda _: next(drawn), pollers=servers).run()
    expected = _waits(moments, services, servers)
    latencies = [wait + service for wait, service in zip(expected, services, strict=True)]
    assert sorted(run.latencies) == pytest.approx(sorted(_without_the_first_done(moments, latencies)), abs=1e-9)
    # and over many customers the model's mean is the formula's, within 2 %
    long = _waits(poisson(rate, 300_000, seed=3), times(4, 300_000), servers)
    assert float(np.mean(long)) == pytest.approx(mean_wait(servers, rate, 0.01, variation), rel=0.02)


def _without_the_first_done(moments: list[float], latencies: list[float]) -> list[float]:
    """Return the latencies but those of the first tenth of the results."""
    done = sorted(zip(moments, latencies, strict=True), key=lambda one: one[0] + one[1])
    return [latency for _, latency in done[len(done) // 10 :]]


def test_messages_that_wait_share_a_batch_and_its_requests_go_side_by_side() -> None:
    given = work(
        source=Source(batch_size=100, window_seconds=1, maximum_concurrency=1),
        max_records_per_request=25,
        endpoint=MANY_PLACES,
    )
    run = Discrete(given, [0.0] * 100, pollers=1).run()
    assert run.batches == [100]
    # four requests of 25, two at once: two rounds of 32.5 ms
    assert run.invocation_seconds == [pytest.approx(2 * 0.0325)]
    assert run.requests == 4


@pytest.mark.parametrize(("goes_on", "longest"), [(False, 60.0), (True, 2.0)])
def test_messages_that_go_on_leave_none_to_wait_for_a_window(goes_on: bool, longest: float) -> None:
    """The next would have filled the batch; those that end do wait for their window."""
    given = work("10ms", source=Source(batch_size=3, window_seconds=60), endpoint=MANY_PLACES, result_sink="none")
    run = Discrete(given, [0.0, 1.0, 2.0, 3.0, 4.0], pollers=1, warm_up=0, goes_on=goes_on).run()
    assert run.batches == [3, 2]
    assert max(run.latencies) == pytest.approx(longest + 0.01)


def test_requests_wait_for_a_place() -> None:
    one_place = Endpoint(variants=[Variant(name="v", instance_type="ml.c5.large", concurrent_requests=1)])
    run = Discrete(work("10ms", endpoint=one_place, source=Source(batch_size=1)), [0.0] * 4, pollers=4).run()
    assert sorted(run.latencies) == pytest.approx([0.01, 0.02, 0.03, 0.04])


def test_random_routing_leaves_places_empty_while_requests_wait() -> None:
    spread = Endpoint(variants=[replace(SCALED, scaling=None, instances=4, concurrent_requests=1, random_routing=True)])
    shared = Endpoint(variants=[replace(SCALED, scaling=None, instances=4, concurrent_requests=1)])
    source = Source(batch_size=1, maximum_concurrency=100)
    moments = poisson(200, 1500)
    means = [
        float(np.mean(Discrete(work("10ms", endpoint=endpoint, source=source), moments, pollers=50).run().latencies))
        for endpoint in (shared, spread)
    ]
    assert means[1] > 1.2 * means[0]


def test_a_serverless_endpoint_refuses_and_every_message_still_ends_once() -> None:
    serverless = Endpoint(variants=[Variant(name="v", memory_mib=2048, concurrent_requests=1)])
    given = work("2s", endpoint=serverless, source=Source(batch_size=1, maximum_concurrency=10))
    run = Discrete(given, [0.0] * 40, pollers=10).run()
    assert run.throttled > 0
    assert run.done + run.dead_lettered == 40


def test_formula_and_engine_agree_on_a_pipeline() -> None:
    given = work(profile=AWS)
    run, at = Discrete(given, poisson(100, 2000)).run(), steady(given, 100)
    assert at.latency is not None
    assert float(np.mean(run.latencies)) == pytest.approx(at.latency.mean, rel=0.15)
