"""Chains of pipelines: what leads from one to the next, and what can't."""

import json
from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    ExistingQueue,
    InferencePipeline,
    InferenceSettings,
    PipelineSettings,
    QueueSettings,
    ResultsOf,
    ResultsSettings,
    ServerlessCapacity,
    SettingsError,
    StackSettings,
)
from constructs_lib.stack import check_stack

import pytest

from tests.constructs.conftest import MODEL, SynthInPlainStack, SynthStack
from tests.constructs.synthesized import Synthesized

FIRST = PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ServerlessCapacity()))
LARGE = QueueSettings(max_message_bytes=1_048_576)
NEXT = replace(FIRST, inference=InferenceSettings(envelope="cloudevents"), queue=LARGE)
GERMAN = {"data": {"result": {"label": ["de"]}}}
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://payloads/in/", output_location="s3://payloads/out/"
)


def by(sink: str, **changes: Any) -> PipelineSettings:
    return replace(FIRST, results=ResultsSettings(sink=sink, **changes))


def chain(first: PipelineSettings, follower: PipelineSettings = NEXT, **changes: Any) -> StackSettings:
    feeds = changes.pop("feeds", {"second": ResultsOf(pipeline="first", matching=changes.pop("matching", {}))})
    return StackSettings(region="eu-central-1", pipelines={"first": first, "second": follower, **changes}, feeds=feeds)


def admitted(synthesized: Synthesized, queue: str) -> list[tuple[str, str]]:
    """Return the services that may send to a queue, and on whose behalf."""
    statements = json.loads(synthesized.all("aws_sqs_queue_policy")[queue]["policy"])["Statement"]
    return [
        (statement["Principal"]["Service"], synthesized.readable(statement["Condition"]["ArnLike"]["aws:SourceArn"]))
        for statement in statements
        if statement["Effect"] == "Allow"
    ]


def test_a_topic_is_subscribed_to_and_may_send(synth_stack: SynthStack) -> None:
    synthesized = synth_stack(chain(by("sns"), matching=GERMAN))
    subscription = synthesized.one("aws_sns_topic_subscription")
    assert subscription["protocol"] == "sqs"
    assert subscription["raw_message_delivery"] is True
    assert subscription["filter_policy_scope"] == "MessageBody"
    assert json.loads(subscription["filter_policy"]) == {"type": ["sagemaker.inference.result"], **GERMAN}
    assert subscription["topic_arn"] == f"${{{synthesized.reference('aws_sns_topic', 'first')}.arn}}"
    assert subscription["endpoint"] == f"${{{synthesized.reference('aws_sqs_queue', 'second_work_queue')}.arn}}"
    dead_letters = json.loads(subscription["redrive_policy"])["deadLetterTargetArn"]
    assert synthesized.readable(dead_letters) == "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-second-work-dlq"
    topic = ("sns.amazonaws.com", "arn:PARTITION:sns:eu-central-1:ACCOUNT:dev-first-results")
    for queue in ("second_work_policy", "second_work_dead-letter_policy"):
        assert admitted(synthesized, queue) == [topic]


def test_a_rule_matches_on_a_bus_and_unwraps_the_event(synth_stack: SynthStack) -> None:
    synthesized = synth_stack(chain(by("eventbridge"), matching=GERMAN))
    rule, target = synthesized.one("aws_cloudwatch_event_rule"), synthesized.one("aws_cloudwatch_event_target")
    assert json.loads(rule["event_pattern"]) == {
        "source": ["sagemaker.inference"],
        "detail-type": ["sagemaker.inference.result"],
        "detail": GERMAN,
    }
    assert rule["name"] == "dev-second-feed"
    assert target["input_path"] == "$.detail"
    assert target["arn"] == f"${{{synthesized.reference('aws_sqs_queue', 'second_work_queue')}.arn}}"
    assert target["dead_letter_config"]["arn"].startswith("${aws_sqs_queue.second_work_dead-letter")
    source = "arn:PARTITION:events:eu-central-1:ACCOUNT:rule/dev-first-results/dev-second-feed"
    for queue in ("second_work_policy", "second_work_dead-letter_policy"):
        assert admitted(synthesized, queue) == [("events.amazonaws.com", source)]


def test_with_queues_the_next_ones_takes_the_place_of_the_results_queue(synth_stack: SynthStack) -> None:
    synthesized = synth_stack(chain(by("sqs")))
    assert "first_results_queue" not in synthesized.all("aws_sqs_queue")
    assert "first_results_queue_url" not in synthesized.document["output"]
    variables = synthesized.one("aws_lambda_function", "first")["environment"]["variables"]
    work = synthesized.reference("aws_sqs_queue", "second_work_queue")
    assert variables["RESULT_TARGET"] == f"${{{work}.url}}"
    (send,) = [
        statement
        for statements in synthesized.policies("first_function").values()
        for statement in statements
        if statement["Action"] == ["sqs:SendMessage"] and "second" in statement["Resource"][0]
    ]
    assert synthesized.readable(send["Resource"][0]) == "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-second-work"


@pytest.mark.parametrize("sink", ["sns", "eventbridge"])
def test_no_message_flows_before_the_next_pipeline_listens(synth_stack: SynthStack, sink: str) -> None:
    synthesized = synth_stack(chain(by(sink)))
    link = "aws_sns_topic_subscription" if sink == "sns" else "aws_cloudwatch_event_target"
    mapping = synthesized.one("aws_lambda_event_source_mapping", "first")
    assert synthesized.reference(link) in mapping["depends_on"]


def test_lists_come_unfiltered(synth_stack: SynthStack) -> None:
    subscription = synth_stack(chain(by("sns", max_events_per_message=100))).one("aws_sns_topic_subscription")
    assert "filter_policy" not in subscription
    assert "filter_policy_scope" not in subscription


def test_the_order_of_the_pipelines_does_not_matter(synth_stack: SynthStack) -> None:
    feeds = {"b": ResultsOf(pipeline="c"), "a": ResultsOf(pipeline="b")}
    for sink in ("sqs", "sns", "eventbridge"):
        middle = replace(NEXT, results=ResultsSettings(sink=sink))
        pipelines = {"a": NEXT, "b": middle, "c": by(sink)}
        synthesized = synth_stack(StackSettings(region="eu-central-1", pipelines=pipelines, feeds=feeds))
        assert len(synthesized.all("aws_lambda_event_source_mapping")) == 3


def refusals(settings: StackSettings) -> list[str]:
    return [str(violation) for violation in check_stack("dev", settings)]


FIFO = QueueSettings(fifo=True, content_based_deduplication=True, max_message_bytes=1_048_576)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            chain(by("sns"), FIRST),
            "feeds.second: inference.envelope = None: must be cloudevents or auto (results are CloudEvents)",
        ),
        (
            chain(by("s3", location="s3://scores/")),
            "feeds.second: results of first = 's3': must be one of sqs, sns, eventbridge (nothing leads from there to "
            "a queue)",
        ),
        (
            chain(by("eventbridge"), replace(NEXT, queue=QueueSettings())),
            "feeds.second: queue.max_message_bytes = 262144: must be 1048576 bytes (results by eventbridge may be as "
            "large, and what the queue does not take is lost to it)",
        ),
        (
            chain(by("sqs"), matching=GERMAN),
            "feeds.second.matching = {'data': {'result': {'label': ['de']}}}: must be empty with sink sqs; sns or "
            "eventbridge (the queue gets all that the function sends)",
        ),
        (
            chain(by("sns", max_events_per_message=9), matching=GERMAN),
            "feeds.second: results of first = 9: must be max_events_per_message 1, or no matching (Amazon SNS filters "
            "JSON objects, and no lists)",
        ),
        (
            chain(replace(by("sns", max_events_per_message=9), endpoint=EndpointSettings(model=MODEL, capacity=ASYNC))),
            "feeds.second: results of first = 9: must be max_events_per_message 1 (Amazon SNS filters JSON objects, "
            "and no lists)",
        ),
        (
            chain(replace(by("sqs"), endpoint=EndpointSettings(model=MODEL, capacity=ASYNC))),
            "feeds.second: results of first = 'sqs': must be sns or eventbridge with an asynchronous endpoint (the "
            "queue would get what is only accepted, too)",
        ),
        (
            chain(by("sns"), replace(NEXT, queue=FIFO)),
            "feeds.second: queue.fifo = True: must be False, or a source with queue.fifo and sink sns (neither a rule "
            "nor a standard topic gives messages the groups of their records)",
        ),
        (
            chain(replace(by("sqs"), queue=FIFO)),
            "feeds.second: queue.fifo = False: must be True, as of its source (its queue takes the place of the "
            "results queue)",
        ),
        (
            chain(
                by("sns"),
                replace(
                    NEXT,
                    queue=ExistingQueue(name="a", dead_letter_queue_name="b", visibility_timeout_seconds=600),
                ),
            ),
            "feeds.second: queue = 'a': must be a queue that is created (the policy of an existing queue is not "
            "changed)",
        ),
        (
            chain(by("sns"), feeds={"second": ResultsOf(pipeline="frist")}),
            "feeds.second.pipeline = 'frist': must be one of first, second (a pipeline of the stack)",
        ),
        (
            chain(by("sns"), feeds={"third": ResultsOf(pipeline="first")}),
            "feeds.third = 'third': must be one of first, second (a pipeline of the stack)",
        ),
        (
            chain(by("sns"), feeds={"second": ResultsOf(pipeline="second")}),
            "feeds.second = 'second <- second': must be a chain with a first pipeline (its results would be scored "
            "again and again, and paid for)",
        ),
    ],
)
def test_what_can_not_feed_is_named(settings: StackSettings, text: str) -> None:
    assert refusals(settings) == [f"dev {text}"]


def test_a_queue_feeds_one_and_a_circle_is_found_from_each_side() -> None:
    two = chain(by("sqs"), third=NEXT, feeds={name: ResultsOf(pipeline="first") for name in ("second", "third")})
    reason = "(a message is received once)"
    bound = "of one pipeline with sink sqs; sns or eventbridge feed several"
    assert refusals(two) == [
        f"dev feeds.{name}: results of first = '2 pipelines': must be {bound} {reason}" for name in ("second", "third")
    ]
    circle = replace(NEXT, results=ResultsSettings(sink="sns"))
    feeds = {"first": ResultsOf(pipeline="second"), "second": ResultsOf(pipeline="first")}
    assert [text.split(":")[0] for text in refusals(chain(circle, circle, feeds=feeds))] == [
        "dev feeds.first = 'first <- second <- first'",
        "dev feeds.second = 'second <- first <- second'",
    ]


def test_in_a_stack_of_ones_own_pipelines_are_given_each_other(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: Any) -> None:
        last = InferencePipeline(stack, "last", name="own-last", settings=NEXT)
        middle = InferencePipeline(stack, "middle", name="own-middle", settings=NEXT, results_queue=last.queue)
        first = InferencePipeline(stack, "first", name="own-first", settings=by("sns"))
        middle.feed(first, GERMAN)

    synthesized = synth_in_plain_stack(build)
    assert json.loads(synthesized.one("aws_sns_topic_subscription")["filter_policy"])["data"] == GERMAN["data"]
    queues = {queue["name"] for queue in synthesized.all("aws_sqs_queue").values()}
    assert not {name for name in queues if "results" in name and "last" not in name}


def test_a_queue_of_another_type_takes_no_results(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: Any) -> None:
        last = InferencePipeline(stack, "last", name="own-last", settings=replace(NEXT, queue=FIFO))
        InferencePipeline(stack, "first", name="own-first", settings=FIRST, results_queue=last.queue)

    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(build)
    bound = "sqs with results_queue, of the same type, FIFO or standard, as the work queue"
    assert f"first results.sink = 'sqs': must be {bound} (results are sent there)" in str(raised.value)


def test_an_existing_queue_can_not_be_fed(synth_in_plain_stack: SynthInPlainStack) -> None:
    existing = ExistingQueue(name="a", dead_letter_queue_name="b", visibility_timeout_seconds=600)

    def build(stack: Any) -> None:
        first = InferencePipeline(stack, "first", name="own-first", settings=by("sns"))
        next_ = InferencePipeline(stack, "next", name="own-next", settings=replace(NEXT, queue=existing))
        next_.feed(first)

    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(build)
    bound = "a queue that is created (the policy of an existing queue is not changed)"
    assert f"next queue = 'an existing queue': must be {bound}" in str(raised.value)
