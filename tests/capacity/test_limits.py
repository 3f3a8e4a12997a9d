"""The most messages a second, worked out by hand with no time but the model's."""

from dataclasses import replace

import pytest

from capacity.deployed import Endpoint, Function, Queue, Source, Variant
from capacity.limits import limits
from capacity.work import Circumstances, Work
from tests.capacity.pipelines import SCALED, work


def _first(given: Work) -> tuple[str, object]:
    found = limits(given)[0]
    return found.part, found.per_second


def _of(given: Work, part: str) -> float:
    return next(limit.per_second for limit in limits(given) if limit.part == part)


def test_invocations_set_it_where_each_has_one_request() -> None:
    # 16 invocations of ten records, 25 ms each: 6,400; the endpoint carries 8 x 4 x 10 / 25 ms
    assert _first(work()) == ("event source concurrency", pytest.approx(6400))
    assert _of(work(), "instances x concurrency") == pytest.approx(12_800)


def test_the_endpoint_sets_it_where_requests_outnumber_its_places() -> None:
    few = Endpoint(variants=[replace(SCALED, scaling=None, instances=1)])
    assert _first(work(endpoint=few)) == ("instances x concurrency", pytest.approx(4 * 10 / 0.025))


def test_the_variant_that_has_its_share_first_sets_the_endpoints() -> None:
    variants = [replace(SCALED, weight=9), replace(SCALED, name="small", weight=1, scaling=None, instances=1)]
    # of 8 x 4 places for nine tenths, and 2 x 4 less for one: 1 x 4 / 0.1 = 40 against 32 / 0.9
    assert _of(work(endpoint=Endpoint(variants=variants)), "instances x concurrency") == pytest.approx(
        32 / 0.9 * 10 / 0.025
    )


def test_requests_that_follow_each_other_make_an_invocation_longer() -> None:
    given = work(max_records_per_request=2, source=Source(maximum_concurrency=16))
    # five requests of two, two at once: three rounds of 21 ms
    assert _of(given, "event source concurrency") == pytest.approx(16 * 10 / 0.063)
    assert _of(given, "requests in flight") == pytest.approx(16 * 2 * 2 / 0.021)


def test_a_slow_model_meets_the_functions_time() -> None:
    # timeout 30 s: no request starts after 20 s, so two rounds of 15 s, two requests of one record each
    given = work("15s", max_records_per_request=1, function=Function(memory_mib=1769, timeout_seconds=30))
    assert given.batch_in_time() == 4
    assert _of(given, "function time") == pytest.approx(16 * 4 / 20)


def test_a_model_slower_than_its_timeout_carries_nothing() -> None:
    (found,) = limits(work("25s", function=Function(timeout_seconds=30)))
    assert (found.part, found.per_second) == ("request", 0.0)
    assert found.because == "a request of 10 records takes 25 s, over the 20 s that it may take"


def test_a_record_that_fits_no_request_carries_nothing() -> None:
    (found,) = limits(work(max_request_bytes=1000))
    assert found.because == "a record of 1,024 bytes is over max_request_bytes, 1,000"


def test_large_records_meet_the_payload() -> None:
    large = work(
        source=Source(batch_size=1000, window_seconds=5, maximum_concurrency=16),
        circumstances=Circumstances(record_bytes=256 * 1024),
        max_records_per_request=1000,
        max_request_bytes=25 * 1024 * 1024,
    )
    assert large.payload_records == 23
    assert large.full_batch == 23
    assert limits(large)[0].part in ("event source concurrency", "payload")
    assert _of(large, "payload") == pytest.approx(_of(large, "event source concurrency"))


@pytest.mark.parametrize(
    ("queue", "groups", "part", "per_second"),
    [
        (Queue(fifo=True), None, "FIFO queue", 3000),
        (Queue(fifo=True, high_throughput=True), 3, "event source concurrency", 3 * 10 / 0.025),
    ],
)
def test_a_fifo_queue_is_bounded_by_its_calls_or_its_groups(
    queue: Queue, groups: int | None, part: str, per_second: float
) -> None:
    assert _first(work(queue=queue, circumstances=Circumstances(groups=groups))) == (part, pytest.approx(per_second))


def test_the_accounts_concurrency_bounds_a_mapping_without_a_maximum() -> None:
    many = Endpoint(variants=[replace(SCALED, scaling=None, instances=1000)])
    given = work(endpoint=many, source=Source(), circumstances=Circumstances(account_concurrency=100))
    assert _first(given) == ("event source concurrency", pytest.approx(100 * 10 / 0.025))


def test_serverless_is_bounded_by_its_concurrency() -> None:
    serverless = Endpoint(variants=[Variant(name="v", memory_mib=4096, concurrent_requests=10)])
    given = work(endpoint=serverless, source=Source(maximum_concurrency=100))
    assert _first(given) == ("endpoint concurrency", pytest.approx(10 * 10 / 0.025))
