"""A pipeline at a rate: batches, instances, latency."""

from dataclasses import replace

import pytest

from capacity.deployed import Endpoint, Source, Variant
from capacity.queueing import mean_wait
from capacity.scaling_settings import Scaling
from capacity.simulation.discrete import Discrete, poisson
from capacity.steady import steady
from tests.capacity.pipelines import SCALED, work


def test_few_messages_come_alone() -> None:
    found = steady(work(), 10)
    assert found.invocation.records == 1
    assert found.invocations_per_second == pytest.approx(10)
    assert found.concurrency == pytest.approx(10 * 0.0205)


def test_batches_fill_before_pollers_are_added() -> None:
    found = steady(work(), 400)
    # five pollers: 400 / b x (20 ms + b x 0.5 ms) = 5
    assert found.invocation.records == pytest.approx(400 * 0.02 / (5 - 400 * 0.0005), rel=0.001)
    assert found.concurrency == pytest.approx(5, rel=0.001)


def test_pollers_are_added_when_full_batches_are_not_enough() -> None:
    found = steady(work(), 4000)
    assert found.invocation.records == 10
    assert found.concurrency == pytest.approx(4000 / 10 * 0.025)


def test_a_window_fills_batches() -> None:
    found = steady(work(source=Source(batch_size=100, window_seconds=2, maximum_concurrency=16)), 100)
    # what comes within the window, and while each of the five pollers is at work
    assert found.invocation.records == pytest.approx(100 * (2 + found.invocation.seconds) / 5)
    assert found.latency is not None
    assert found.latency.gathering == pytest.approx(1.0, rel=0.03)


def test_a_message_that_comes_alone_waits_for_the_whole_window() -> None:
    given = work(source=Source(batch_size=100, window_seconds=2, maximum_concurrency=16))
    found, run = steady(given, 0.01), Discrete(given, poisson(0.01, 1000)).run()
    assert found.latency is not None
    assert run.percentile(0.5) == pytest.approx(found.latency.mean) == pytest.approx(2 + 0.0205)
    assert run.percentile(0.95) == pytest.approx(found.latency.p95) == pytest.approx(2 + 0.0205)


def test_a_batch_holds_what_came_while_its_poller_was_at_work_as_the_discrete_engine_has_it() -> None:
    # two pollers, six seconds of work and five of the window: each comes back after eleven
    slow = work(model="6s", source=Source(batch_size=64, window_seconds=5, maximum_concurrency=2))
    found, run = steady(slow, 2), Discrete(slow, poisson(2, 2000)).run()
    assert found.invocation.records == pytest.approx(2 * 11 / 2, rel=0.01)
    assert run.done / run.invocations == pytest.approx(found.invocation.records, rel=0.1)
    assert found.latency is not None
    assert run.percentile(0.95) == pytest.approx(found.latency.p95, rel=0.25)
    # one is back every 5.5 s and gathers for five: in the half second between a message waits a quarter, on average
    assert found.latency.waiting == pytest.approx(0.5 * 0.5 / 2 / 5.5, rel=0.01)


@pytest.mark.parametrize(
    ("scaling", "instances"),
    [
        (Scaling(minimum=2, maximum=8, metric="concurrent", target=2.8), 4),  # 10 busy / 2.8
        (Scaling(minimum=1, maximum=3, metric="concurrent", target=2.8), 3),
        (Scaling(minimum=1, maximum=8, metric="invocations", target=6000), 4),  # 400 a second
    ],
)
def test_instances_follow_the_tracked_metric(scaling: Scaling, instances: int) -> None:
    endpoint = Endpoint(variants=[replace(SCALED, scaling=scaling)])
    found = steady(work(endpoint=endpoint, source=Source(maximum_concurrency=50)), 4000)
    assert found.loads[0].busy == pytest.approx(10)
    assert found.loads[0].instances == instances


def test_requests_wait_only_where_they_outnumber_places() -> None:
    # five invocations at four places take turns: a fifth of a request beyond each place
    one = Endpoint(variants=[replace(SCALED, scaling=None, instances=1)])
    waiting = steady(work(endpoint=one), 1000)
    assert waiting.latency is not None
    service = 0.02 + 0.0005 * waiting.invocation.records_per_request
    assert waiting.latency.at_endpoint == pytest.approx(
        min(service / 4, mean_wait(4, 1000 / waiting.invocation.records, service))
    )
    enough = steady(work(), 1000)
    assert enough.latency is not None
    assert enough.latency.at_endpoint == pytest.approx(0, abs=1e-3)


def test_what_is_not_carried_has_no_latency() -> None:
    found = steady(work(), 7000)
    assert not found.stable
    assert found.latency is None


def test_a_shadow_variant_gets_copies_and_does_not_bound() -> None:
    shadow = Variant(name="shadow", shadow=True, instance_type="ml.c5.large", instances=1, concurrent_requests=1)
    found = steady(work(endpoint=Endpoint(variants=[SCALED, shadow])), 4000)
    assert found.capacity == pytest.approx(6400)
    assert found.loads[1].busy == pytest.approx(found.loads[0].busy)
