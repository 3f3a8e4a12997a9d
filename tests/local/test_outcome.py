import pytest

from local import charts
from local.alone import are_alike
from local.bodies import Poison
from local.endpoint import Invocation
from local.messages import Message
from local.outcome import Disturbance, Outcome, percentiles
from local.tally import REDRIVEN, DeadLetter, Scored, Sent, Tally

GOOD, BAD = Message("{}", expected="de"), Message("x", poison=Poison.NOT_JSON)
KNOWN = Message("{}", result={"label": "de", "score": 0.9})

DISTURBANCE = Disturbance(
    requests=60, injected={"connection dropped": 1, "answer not JSON": 2}, workers_killed=1, batches_cut_short=1
)


def outcome(tally: Tally) -> Outcome:
    invocations = [Invocation(1.0, 0.010, 3, refused=False), Invocation(1.5, 0.020, 2, refused=True)]
    return Outcome(tally, invocations, left_in_queue=0)


def test_a_run_in_which_all_went_well() -> None:
    tally = Tally(
        sent={"a": Sent(1.0, GOOD), "b": Sent(1.0, GOOD), "c": Sent(1.0, BAD)},
        scored={"a": Scored(2.0, {"label": "de", "score": 0.9}), "b": Scored(3.0, {"label": "en", "score": 0.9})},
        dead_letters={"c": DeadLetter(2.5, "malformed", "why", "x", 1)},
    )
    done = outcome(tally)
    summary = done.summary()
    assert list(done.complaints()) == []
    assert summary["dead_lettered"] == {"total": 1, "malformed": 1}
    assert {name: summary[name] for name in ("sent", "succeeded", "lost", "repeated", "accuracy")} == {
        "sent": 3, "succeeded": 2, "lost": 0, "repeated": 0, "accuracy": 0.5,
    }  # fmt: skip
    assert summary["seconds"] == 2.0
    assert summary["messages_per_second"] == 1.5
    assert summary["latency_ms"] == {"p50": 1000.0, "p95": 2000.0, "p99": 2000.0}
    assert summary["records_per_request"] == 2.5
    assert summary["accuracy_by_language"] == {"de": {"scored": 2, "right": 1}}
    assert summary["checked"] == 0


def test_each_error_of_a_run_is_reported() -> None:
    tally = Tally(
        sent={"a": Sent(1.0, GOOD), "b": Sent(1.0, GOOD), "c": Sent(1.0, BAD)},
        scored={"c": Scored(2.0, {"label": "de", "score": 0.9})},
        dead_letters={
            "b": DeadLetter(2.5, "model-error", "why", "{}", 2),
            "x": DeadLetter(2.5, "malformed", "why", "x", 1),
        },
    )
    assert list(outcome(tally).complaints()) == [
        "messages lost: 1; a",
        "answers to messages that were never sent: 1",
        "poison messages scored: 1 not JSON",
        "good messages dead-lettered: 1 model-error; b",
    ]


def test_with_faults_injected_what_sqs_moved_is_counted_and_not_a_failure() -> None:
    tally = Tally(
        sent={"a": Sent(1.0, GOOD), "b": Sent(1.0, GOOD), "c": Sent(1.0, GOOD)},
        scored={"c": Scored(2.0, {"label": "de", "score": 0.9})},
        dead_letters={
            "a": DeadLetter(2.5, REDRIVEN, "", "{}", 2),
            "b": DeadLetter(2.5, "unprocessable", "why", "{}", 2),
        },
    )
    disturbed = Outcome(tally, [], left_in_queue=0, disturbance=DISTURBANCE)
    assert list(disturbed.complaints()) == ["good messages dead-lettered: 1 unprocessable; b"]
    summary = disturbed.summary()
    assert summary["moved_by_sqs"] == 1
    assert summary["wrongly_dead_lettered"] == {"b": "unprocessable"}
    assert summary["disturbance"]["injected"] == {"total": 3, "answer not JSON": 2, "connection dropped": 1}
    undisturbed = Outcome(tally, [], left_in_queue=0)
    assert list(undisturbed.complaints()) == ["good messages dead-lettered: 1 redriven by SQS, 1 unprocessable; a, b"]


def test_a_message_has_one_outcome_and_its_result_is_its_own() -> None:
    tally = Tally(
        sent={"a": Sent(1.0, KNOWN), "b": Sent(1.0, BAD)},
        scored={"a": Scored(2.0, {"label": "en", "score": 0.9})},
        dead_letters={"a": DeadLetter(2.5, REDRIVEN, "", "{}", 2), "b": DeadLetter(2.5, "malformed", "why", "x", 1)},
        repeated=2,
        contradicted=1,
    )
    done = Outcome(tally, [], left_in_queue=0, disturbance=DISTURBANCE)
    assert list(done.complaints()) == [
        "messages both scored and dead-lettered: a",
        "results that came again and differ: 1",
        "results that are not those of the message alone in a request: a",
    ]


def test_nothing_scored_gives_no_numbers_rather_than_wrong_ones() -> None:
    tally = Tally(sent={"c": Sent(1.0, BAD)}, dead_letters={"c": DeadLetter(1.0, "malformed", "why", "x", 1)})
    summary = outcome(tally).summary()
    assert summary["accuracy"] is None
    assert summary["messages_per_second"] is None
    assert summary["latency_ms"] == {"p50": None, "p95": None, "p99": None}


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([float(number) for number in range(1, 101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([7.0]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0}


def test_charts_hold_every_value_within_the_plot() -> None:
    arrivals = [0.1 * number for number in range(1, 50)]
    for chart in (
        charts.throughput(arrivals, [0.0, 0.0, 0.2]),
        charts.latency([5.0, 5.0, 80.0], {"p50": 5.0, "p99": 80.0}),
        charts.batch_sizes([1, 10, 10, 32]),
    ):
        assert max(bar.height for bar in chart.bars) <= 100
        assert max(bar.left + bar.width for bar in chart.bars) <= 100.001
        assert all(0 <= tick.at <= 100.001 for tick in (*chart.x_ticks, *chart.y_ticks, *chart.marks))


def test_charts_of_nothing_are_empty() -> None:
    for chart in (charts.throughput([], []), charts.latency([], {"p50": None}), charts.batch_sizes([])):
        assert all(bar.height == 0 for bar in chart.bars)


def test_results_out_of_a_groups_order_are_reported_and_other_groups_do_not_matter() -> None:
    red, blue = Message("{}", group="red"), Message("{}", group="blue")
    tally = Tally(
        sent={"r1": Sent(1.0, red), "b1": Sent(1.0, blue), "r2": Sent(1.0, red), "b2": Sent(1.0, blue)},
        scored={id_: Scored(2.0, {"label": "de", "score": 0.9}) for id_ in ("b1", "b2", "r2", "r1")},
    )
    done = outcome(tally)
    assert list(done.complaints()) == ["message groups whose results are out of order: red"]
    assert done.summary()["groups"] == {"total": 2, "out_of_order": 1}


def test_a_queue_without_order_has_no_groups() -> None:
    tally = Tally(
        sent={"a": Sent(1.0, GOOD), "b": Sent(1.0, GOOD)},
        scored={"b": Scored(2.0, {"label": "de", "score": 0.9}), "a": Scored(3.0, {"label": "de", "score": 0.9})},
    )
    assert list(outcome(tally).complaints()) == []
    assert "groups" not in outcome(tally).summary()


@pytest.mark.parametrize(
    ("result", "label"),
    [
        ({"label": "de", "score": 1}, "de"),
        (
            [{"name": "score", "data": [0.9]}, {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["de"]}],
            "de",
        ),
        (0.25, "0.25"),
        (["de", 0.25], '["de", 0.25]'),
        ({"label": 1}, '{"label": 1}'),
    ],
)
def test_a_result_of_any_form_has_a_label_or_is_one(result: object, label: str) -> None:
    assert Scored(1.0, result).label == label


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"label": "de", "score": 0.90001}, {"label": "de", "score": 0.9}, True),
        ({"label": "de", "score": 0.9}, {"label": "en", "score": 0.9}, False),
        ({"label": "de"}, {"label": "de", "score": 0.9}, False),
        ([1, [2, 3]], [1, [2, 3.0001]], True),
        ([1, 2], [1, 2, 3], False),
        (0.5, 0.6, False),
        ("1", 1, False),
        (None, None, True),
    ],
)
def test_results_are_alike_if_only_the_last_digits_differ(one: object, other: object, alike: bool) -> None:
    assert are_alike(one, other) is alike
