"""FIFO from the work queue to the results."""

import json
from typing import Any

from constructs_lib import EventSourceSettings, InferenceSettings, QueueSettings, ResultsSettings, SettingsError

import pytest

from handler.settings import HandlerSettings
from tests.constructs.conftest import Synth
from tests.constructs.synthesized import Synthesized


def test_every_queue_on_the_road_is_fifo(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(queue=QueueSettings(fifo=True), inference=InferenceSettings(fifo_dead_letters=True))
    queues = synthesized.all("aws_sqs_queue").values()
    assert {queue["name"] for queue in queues} == {
        "dev-language-work.fifo",
        "dev-language-work-dlq.fifo",
        "dev-language-results.fifo",
    }
    assert all(queue["fifo_queue"] is True for queue in queues)
    assert not any("deduplication_scope" in queue for queue in queues)
    redrive = json.loads(synthesized.one("aws_sqs_queue", "work_queue")["redrive_policy"])
    assert redrive["deadLetterTargetArn"].endswith(":dev-language-work-dlq.fifo")
    variables = synthesized.one("aws_lambda_function")["environment"]["variables"]
    assert HandlerSettings.from_environment(variables).fifo_dead_letters is True
    (statement,) = synthesized.policies("function")["send-to-results"]
    assert statement["Resource"][0].endswith(":dev-language-results.fifo")


def test_high_throughput_counts_by_message_group(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(queue=QueueSettings(fifo=True, high_throughput=True))
    queue = synthesized.one("aws_sqs_queue", "work_queue")
    assert (queue["deduplication_scope"], queue["fifo_throughput_limit"]) == ("messageGroup", "perMessageGroupId")


def test_a_topic_keeps_the_order_too(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(queue=QueueSettings(fifo=True), results=ResultsSettings(sink="sns"))
    topic = synthesized.one("aws_sns_topic")
    assert (topic["name"], topic["fifo_topic"]) == ("dev-language-results.fifo", True)


def test_a_standard_queue_says_nothing_of_fifo(smallest: Synthesized) -> None:
    assert not any("fifo" in key for queue in smallest.all("aws_sqs_queue").values() for key in queue)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"queue": QueueSettings(fifo=True), "event_source": EventSourceSettings(batch_size=11)},
            "event_source.batch_size = 11: must be at most 10 (Lambda: batches of FIFO queues)",
        ),
        (
            {"queue": QueueSettings(fifo=True), "event_source": EventSourceSettings(batching_window_seconds=5)},
            "event_source.batching_window_seconds = 5: must be 0 (Lambda: FIFO queues have no batching window)",
        ),
        (
            {"queue": QueueSettings(high_throughput=True)},
            "queue.high_throughput = True: must be False, or fifo True (SQS: FIFO queues only)",
        ),
        (
            {"inference": InferenceSettings(fifo_dead_letters=True)},
            "inference.fifo_dead_letters = True: must be False, or queue.fifo True (standard queues have no order to "
            "break)",
        ),
        (
            {"queue": QueueSettings(fifo=True), "inference": InferenceSettings(sort_by_length=True)},
            "inference.sort_by_length = True: must be False with queue.fifo (it would break the order)",
        ),
        (
            {"queue": QueueSettings(fifo=True), "results": ResultsSettings(max_events_per_message=2)},
            "results.max_events_per_message = 2: must be 1 with queue.fifo (each message belongs to one message group)",
        ),
    ],
)
def test_what_fifo_does_not_go_with_is_named(synth_pipeline: Synth, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**changes)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"
