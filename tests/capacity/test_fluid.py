"""The fluid engine against what can be worked out by hand: drains, ramps, losses, scaling from and to zero."""

from dataclasses import replace

import pytest

from capacity.deployed import Endpoint, Queue, Source, Variant
from capacity.limits import limits
from capacity.queueing import drain_seconds
from capacity.scaling_settings import Scaling, Step
from capacity.simulation.arrivals import parse_arrivals
from capacity.simulation.fluid import Fluid
from tests.capacity.pipelines import SCALED, work

ALWAYS_ON = Source(maximum_concurrency=5)


def test_what_is_carried_flows_through() -> None:
    course = Fluid(work()).run(parse_arrivals("400", hours=1))
    assert course.done.sum() == pytest.approx(400 * 3600)
    assert course.backlog.max() == 0
    usage = course.usage()
    # five pollers are busy all the time, as the formulas have it
    assert usage.function_seconds == pytest.approx(5 * 3600, rel=0.02)


@pytest.mark.parametrize("rate", [100, 900])
def test_a_burst_drains_at_what_is_carried_more_than_arrives(rate: int) -> None:
    given = work(source=ALWAYS_ON)
    carried = limits(given)[0].per_second
    course = Fluid(given).run(parse_arrivals(f"{rate}", hours=2, burst=1_000_000))
    expected = drain_seconds(1_000_000, rate, carried)
    assert course.drained_at() == pytest.approx(expected, rel=0.02)
    assert course.age.max() == pytest.approx(expected * (1 - rate / carried), rel=0.02)


def test_pollers_ramp_by_five_a_second() -> None:
    given = work(
        source=Source(maximum_concurrency=305), endpoint=Endpoint(variants=[replace(SCALED, concurrent_requests=500)])
    )
    course = Fluid(given).run(parse_arrivals("1", hours=0.1, burst=10_000_000))
    assert course.concurrency[[0, 1, 10, 60]].tolist() == [5, 10, 55, 305]


def test_a_backlog_grows_by_what_is_not_carried() -> None:
    given = work(source=ALWAYS_ON)
    course = Fluid(given).run(parse_arrivals("2500", hours=1))
    assert course.backlog[-1] == pytest.approx((2500 - limits(given)[0].per_second) * 3600, rel=0.02)
    assert course.drained_at() == float("inf")


def test_messages_older_than_the_retention_are_lost() -> None:
    given = work(source=ALWAYS_ON, queue=Queue(retention_seconds=600))
    course = Fluid(given).run(parse_arrivals("4000", hours=1))
    assert course.age.max() <= 600
    # at the end as many are lost as arrive too many
    assert course.expired == pytest.approx(4000 * 3600 - course.done.sum() - course.backlog[-1])
    assert course.expired > 1_000_000


def test_nothing_flows_while_the_mapping_is_disabled() -> None:
    course = Fluid(work(source=replace(ALWAYS_ON, enabled=False))).run(parse_arrivals("10", hours=0.1))
    assert course.done.sum() == 0
    assert course.backlog[-1] == 3600


def test_instances_are_added_under_load_and_taken_away_after_it() -> None:
    scaling = Scaling(minimum=1, maximum=6, metric="concurrent", target=2.8, scale_out_cooldown_seconds=60)
    endpoint = Endpoint(variants=[replace(SCALED, instances=1, scaling=scaling)])
    given = work(endpoint=endpoint, source=Source(maximum_concurrency=64))
    course = Fluid(given, start_seconds=300).run(parse_arrivals("00:00=4000,00:50=4000,00:51=10,23:59=10", hours=2))
    instances = course.instances["primary"]
    assert instances[:20].max() == 1
    # 10 requests are busy, 2.8 an instance; while all wait they are more, and more instances come
    assert instances.max() >= 4
    assert course.backlog[2999] == pytest.approx(0, abs=1e-6)
    assert instances[-1] == 1


def test_an_asynchronous_endpoint_wakes_from_zero_and_goes_back() -> None:
    scaling = Scaling(
        minimum=0,
        maximum=2,
        metric="backlog",
        target=4,
        steps=(Step(metric="HasBacklogWithoutCapacity", threshold=1, add=1, cooldown_seconds=300),),
    )
    variant = Variant(name="v", instance_type="ml.g5.xlarge", instances=0, concurrent_requests=1, scaling=scaling)
    given = work("30s", endpoint=Endpoint(variants=[variant], queues_requests=True), asynchronous=True)
    course = Fluid(given, start_seconds=300).run(parse_arrivals("0", hours=3, burst=10))
    instances = course.instances["v"]
    assert instances[0] == 0
    assert instances.max() >= 1
    assert instances[-1] == 0
    assert course.done.sum() == pytest.approx(10, rel=0.01)


def test_a_serverless_endpoint_that_refuses_uses_up_receives() -> None:
    serverless = Endpoint(variants=[Variant(name="v", memory_mib=2048, concurrent_requests=2)])
    given = work("1s", endpoint=serverless, source=Source(maximum_concurrency=50))
    course = Fluid(given).run(parse_arrivals("200", hours=1))
    assert course.throttled.sum() > 0
    assert course.dead_lettered > 0
    done = course.done.sum() + course.backlog[-1] + course.dead_lettered
    assert done == pytest.approx(200 * 3600, rel=1e-6)


def test_a_day_at_ten_thousand_messages_a_second_is_accounted_for_to_the_last() -> None:
    many = Endpoint(variants=[replace(SCALED, instances=20, scaling=None)])
    course = Fluid(work(endpoint=many, source=Source(maximum_concurrency=64))).run(parse_arrivals("10000", hours=24))
    assert course.done.sum() + course.backlog[-1] == pytest.approx(10_000 * 86_400)
    assert course.backlog[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("window", [0, 5])
def test_after_a_burst_pollers_go_again_and_batches_are_as_before(window: int) -> None:
    given = work(source=Source(batch_size=10, window_seconds=window, maximum_concurrency=200))
    quiet, burst = (Fluid(given).run(parse_arrivals("400", 0.5, extra)) for extra in (0, 20_000))
    assert burst.concurrency.max() > 2 * quiet.concurrency.max(), "the burst added no pollers"
    assert burst.batch[-1] == pytest.approx(quiet.batch[-1])
    assert burst.concurrency[-1] == pytest.approx(quiet.concurrency[-1])


def test_a_message_that_comes_alone_waits_for_the_whole_window() -> None:
    given = work(source=Source(batch_size=100, window_seconds=2, maximum_concurrency=16))
    course = Fluid(given).run(parse_arrivals("0.1", 0.5))
    assert course.percentile(0.5) == pytest.approx(2 + 0.0205)
