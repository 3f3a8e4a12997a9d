"""The month of a small stack, worked out by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capacity.answer import _times, answer, lines
from capacity.cost import MONTH_SECONDS, by_part, items, left_out, metrics_line, total, usage_at
from capacity.deployed import Endpoint, Function, Source, Variant, Watching
from capacity.peers import Peer, measured_peer
from capacity.prices import Prices
from capacity.steady import steady
from local.errors import UsageError
from tests.capacity.pipelines import SCALED, work

PRICES = Prices.load("eu-central-1")
# One instance, ten messages a second, each alone in a batch of 20.5 ms, on a function of 1 GiB.
SMALL: dict[str, Any] = {
    "endpoint": Endpoint(variants=[Variant(name="v", instance_type="ml.c5.large", concurrent_requests=4)]),
    "function": Function(memory_mib=1024),
    "source": Source(maximum_concurrency=2),
    "watching": Watching(alarm_metrics=3, dashboards=1),
}


def test_the_month_of_a_small_stack_by_hand() -> None:
    given = work(**SMALL)
    usage = usage_at(steady(given, 10), given)
    messages = 10 * 730 * 3600
    assert usage.messages == usage.invocations == messages
    found = by_part(items(given, usage, PRICES))
    assert found["endpoint"] == pytest.approx(730 * 0.116, rel=0.02)  # ml.c5.large; the table has its last digits
    assert found["function"] == pytest.approx(messages / 1e6 * 0.20 + messages * 0.0205 * 0.0000133334)
    idle = 5 / 20 * MONTH_SECONDS
    assert found["queues"] == pytest.approx((3 * messages + idle) / 1e6 * 0.40)
    assert found["results"] == pytest.approx(messages / 1e6 * 0.40)
    assert found["logs"] == pytest.approx(messages * (len(metrics_line(1)) + 26) / 1e9 * 0.63)
    assert found["X-Ray"] == pytest.approx((1 + 0.05 * 9) * MONTH_SECONDS / 1e6 * 5)
    assert found["alarms"] == pytest.approx(3 * 0.10 + 3.00)
    assert found["metrics"] == pytest.approx(16 * 0.30)
    assert found["KMS"] == found["S3"] == found["table"] == 0
    assert total(items(given, usage, PRICES)) == pytest.approx(sum(found.values()))


def test_what_a_pipeline_has_beside_that_is_priced_too() -> None:
    given = work(
        endpoint=Endpoint(variants=[Variant(name="v", memory_mib=2048, concurrent_requests=10)]),
        encrypted_queues=2,
        idempotency_table="t",
        input_location="s3://bucket/",
        result_sink="s3",
        result_target="s3://bucket/",
    )
    usage = usage_at(steady(given, 1), given)
    found = by_part(items(given, usage, PRICES))
    assert found["endpoint"] == pytest.approx(MONTH_SECONDS * (0.0205 * 2 * 0.00002 + 1424e-9 * 0.016))
    assert found["KMS"] == pytest.approx(2 * MONTH_SECONDS / 300 * 3 / 1e6 * 3)
    assert found["S3"] == pytest.approx(MONTH_SECONDS / 1e6 * 0.43)
    assert found["results"] == pytest.approx(MONTH_SECONDS / 1e6 * 5.40)
    assert found["table"] == pytest.approx(2 * MONTH_SECONDS / 1e6 * 0.7625)


def test_a_price_that_is_not_known_is_left_out_and_said() -> None:
    given = work(result_sink="eventbridge", result_target="bus")
    lines = items(given, usage_at(steady(given, 1), given), PRICES)
    assert left_out(lines) == ["results: events"]
    assert by_part(lines)["results"] == 0
    elsewhere = items(given, usage_at(steady(given, 1), given), Prices.load("eu-west-1"))
    assert by_part(elsewhere)["endpoint"] > 0
    assert "function: GB-seconds" in left_out(elsewhere)


def test_a_file_of_prices_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        '[sqs-standard]\neu-central-1 = { usd = 0.30, as_of = "2026-11", source = "contract" }\n'
        '["instance ml.c5.xlarge"]\neu-central-1 = { usd = 0.1, as_of = "2026-11", source = "savings plan" }\n'
    )
    prices = Prices.load("eu-central-1", file)
    queue, hour = prices.get("sqs-standard"), prices.instance("ml.c5.xlarge")
    assert queue is not None
    assert (queue.usd, queue.unit, queue.source) == (0.30, "a million requests of 64 KiB", "contract")
    assert hour is not None
    assert (hour.usd, hour.unit) == (0.1, "an hour")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[gold]\nx = { usd = 1, as_of = '', source = '' }", "{}: there is no price 'gold', but there are: "),
        ("[sqs-standard]\nx = 1", "--prices {}: sqs-standard.x must have usd, as_of and source"),
        (
            "[sqs-standard]\nx = { usd = -1, as_of = 'd', source = 's' }",
            "--prices {}: sqs-standard.x: usd = -1 must be a number of at least 0",
        ),
        ("sqs = 1", "--prices {}: sqs must be a table of regions, as in capacity/prices.toml"),
        ("[", "--prices {} is not TOML: "),
    ],
)
def test_a_file_of_prices_that_is_none_gets_one_line(tmp_path: Path, text: str, error: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as raised:
        Prices.load("eu-central-1", file)
    assert str(raised.value).startswith(error.format(file))


def test_each_price_has_its_day_and_its_source() -> None:
    for part, entries in PRICES.table.items():
        for region, entry in entries.items():
            if region != "unit":
                assert entry["as_of"][:3] == "202", f"{part} in {region} has no day"
                assert "http" in entry["source"] or "Price List" in entry["source"], f"{part} in {region}: no source"


def test_one_call_a_record_is_compared_with_what_was_measured() -> None:
    found = answer(work(), 1000, PRICES, Peer(overhead_seconds=0.002, measured="2026-11-25"))
    assert found.peer_usage is not None
    assert found.peer_usage.message_seconds == pytest.approx(0.0225)
    # 20.5 of 32 places busy at 70 % of 4: eight instances, where batches need three
    assert found.peer_usage.instances == {"primary": 8}
    assert total(found.peer_bill) > found.usd_a_month


def test_the_projects_own_measurement_is_there() -> None:
    peer = measured_peer()
    assert peer is not None
    assert 0.0005 < peer.overhead_seconds < 0.02
    assert measured_peer([Path("absent.json")]) is None


def test_serverless_and_an_instance_meet_where_they_cost_the_same() -> None:
    found = answer(work(), 10, PRICES, None)
    assert found.even is not None
    message = 0.0205 * 4 * 0.00002 + 1424e-9 * 0.016
    assert found.even.per_second == pytest.approx(found.even.usd_an_hour / 3600 / message)


@pytest.mark.parametrize("instance_type", ["ml.g5.xlarge", "ml.inf2.xlarge"])
def test_serverless_which_has_no_gpu_is_not_compared_with_one(instance_type: str) -> None:
    variant = replace(SCALED, instance_type=instance_type)
    assert answer(work(endpoint=Endpoint(variants=[variant])), 10, PRICES, None).even is None


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.04, "about as much"), (0.96, "about as much"), (1.2, "1.2 times as much"), (0.5, "0.5 times as much")],
)
def test_what_costs_nearly_the_same_is_said_to(ratio: float, text: str) -> None:
    assert _times(ratio) == text


def test_a_total_without_a_price_is_at_least_that_much() -> None:
    unpriced = answer(work(result_sink="eventbridge", result_target="bus"), 10, PRICES, None)
    assert any(line.startswith("A month (730 h): at least ") for line in lines(unpriced))
    assert any(line.startswith("A month (730 h): 4") for line in lines(answer(work(), 10, PRICES, None)))
