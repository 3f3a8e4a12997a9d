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
    return replace(FIRST, results=ResultsSettings(sink=sink, **{"keep_members": ("inputs",), **changes}))


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
        middle = replace(NEXT, results=by(sink).results)
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
            "/second inference.envelope = None: must be cloudevents or auto (it gets results of first, which are "
            "CloudEvents)",
        ),
        (
            chain(by("sns"), replace(NEXT, inference=InferenceSettings(envelope="cloudevents", codec="csv"))),
            "/second inference.codec = 'csv': must be another than csv and csv-row (it gets results of first, which "
            "are JSON, and no rows)",
        ),
        (
            # The queue is too small for the sinks that can feed it: for one that can't, nothing follows from it.
            chain(by("s3", location="s3://scores/"), replace(NEXT, queue=QueueSettings())),
            "/first results.sink = 's3': must be one of sqs, sns, eventbridge to feed second (nothing leads from there "
            "to a queue)",
        ),
        (
            chain(by("eventbridge"), replace(NEXT, queue=QueueSettings())),
            "/second queue.max_message_bytes = 262144: must be 1048576 bytes (results of first by eventbridge may be "
            "as large, and what the queue does not take is lost to it)",
        ),
        (
            chain(by("sqs"), matching=GERMAN),
            " feeds.second.matching = {'data': {'result': {'label': ['de']}}}: must be empty with results.sink sqs of "
            "first; sns or eventbridge filter (the queue gets all that the function sends)",
        ),
        (
            chain(by("sns", max_events_per_message=9), matching=GERMAN),
            "/first results.max_events_per_message = 9: must be 1 with feeds.second.matching (Amazon SNS filters JSON "
            "objects, and no lists)",
        ),
        (
            chain(replace(by("sns", max_events_per_message=9), endpoint=EndpointSettings(model=MODEL, capacity=ASYNC))),
            "/first results.max_events_per_message = 9: must be 1 with an asynchronous endpoint (Amazon SNS filters "
            "JSON objects, and no lists)",
        ),
        (
            chain(replace(by("sqs"), endpoint=EndpointSettings(model=MODEL, capacity=ASYNC))),
            "/first results.sink = 'sqs': must be sns or eventbridge with an asynchronous endpoint to feed second (the "
            "queue would get what is only accepted, too)",
        ),
        (
            chain(by("sns"), replace(NEXT, queue=FIFO)),
            "/second queue.fifo = True: must be False, or first with queue.fifo and results.sink sns (neither a rule "
            "nor a standard topic gives messages the groups of their records)",
        ),
        (
            chain(replace(by("sqs"), queue=FIFO)),
            "/second queue.fifo = False: must be True, as that of first (it takes the place of the results queue of "
            "first)",
        ),
        (
            chain(
                by("sns"),
                replace(
                    NEXT,
                    queue=ExistingQueue(name="a", dead_letter_queue_name="b", visibility_timeout_seconds=600),
                ),
            ),
            "/second queue = 'a': must be a queue that is created (it gets results of first, and the policy of an "
            "existing queue is not changed)",
        ),
        (
            chain(by("sns"), feeds={"second": ResultsOf(pipeline="frist")}),
            " feeds.second.pipeline = 'frist': must be one of first, second; did you mean first? (the pipeline whose "
            "results they are)",
        ),
        (
            chain(by("sns"), feeds={"secnd": ResultsOf(pipeline="first")}),
            " feeds = 'secnd': must be one of first, second; did you mean second? (the pipeline whose queue gets the "
            "results)",
        ),
        (
            # A name that none can have is that mistake alone.
            chain(by("sns"), feeds={"second": ResultsOf(pipeline="the first")}),
            " feeds.second.pipeline = 'the first': must be one of first, second; did you mean first? (the pipeline "
            "whose results they are)",
        ),
        (
            chain(by("sns"), feeds={"second": ResultsOf(pipeline="second")}),
            " feeds = 'second <- second': must be a chain with a first pipeline (its results would be scored again and "
            "again, and paid for)",
        ),
    ],
)
def test_what_can_not_feed_is_named(settings: StackSettings, text: str) -> None:
    assert refusals(settings) == [f"dev{text}"]


CIRCLE = replace(NEXT, results=by("sns").results)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            chain(by("sqs"), third=NEXT, feeds={name: ResultsOf(pipeline="first") for name in ("second", "third")}),
            "/first results.sink = 'sqs': must be sns or eventbridge to feed second, third (a message is received "
            "once)",
        ),
        (
            # nor is it said what its results lack for their followers
            chain(
                by("none", keep_members=()),
                third=NEXT,
                feeds={name: ResultsOf(pipeline="first") for name in ("second", "third")},
            ),
            "/first results.sink = 'none': must be one of sqs, sns, eventbridge to feed second, third (nothing leads "
            "from there to a queue)",
        ),
        (
            # nor how Amazon SNS filters what it never gets
            chain(by("sqs", max_events_per_message=5), matching=GERMAN),
            f" feeds.second.matching = {GERMAN}: must be empty with results.sink sqs of first; sns or eventbridge "
            "filter (the queue gets all that the function sends)",
        ),
        (
            # `third` leads into the circle, and is not in it
            chain(
                CIRCLE,
                CIRCLE,
                third=NEXT,
                feeds={
                    "third": ResultsOf(pipeline="first"),
                    "first": ResultsOf(pipeline="second"),
                    "second": ResultsOf(pipeline="first"),
                },
            ),
            " feeds = 'first <- second <- first': must be a chain with a first pipeline (its results would be scored "
            "again and again, and paid for)",
        ),
    ],
)
def test_one_cause_is_one_line_however_many_it_concerns(settings: StackSettings, text: str) -> None:
    assert refusals(settings) == [f"dev{text}"]


def scoring(**inference: Any) -> PipelineSettings:
    """Return a follower that scores results so."""
    return replace(NEXT, inference=InferenceSettings(envelope="cloudevents", **inference))


@pytest.mark.parametrize(
    ("follower", "kept", "needed", "reads"),
    [
        (scoring(), (), "'inputs'", "codec huggingface"),
        (scoring(), ("ticket", "input"), "'inputs'", "codec huggingface"),
        (scoring(codec="kserve"), (), "'inputs'", "codec kserve"),
        # nothing kept says where on S3 the record is
        (scoring(input_location="s3://inputs/"), ("ticket",), "'inputs'", "codec huggingface"),
        (scoring(codec="chat"), ("inputs",), "'prompt' or 'messages'", "codec chat"),
        (scoring(codec="chat", chat_style="inputs"), ("messages",), "'prompt'", "codec chat"),
        (
            scoring(codec="chat", prompt_template="{{Sum up}} {text}: {endpoint}"),
            ("inputs",),
            "'text' or 'messages'",
            "prompt_template",
        ),
    ],
)
def test_results_have_what_the_follower_scores(
    follower: PipelineSettings, kept: tuple[str, ...], needed: str, reads: str
) -> None:
    assert refusals(chain(by("sns", keep_members=kept), follower)) == [
        f"dev/first results.keep_members = {kept!r}: must be with {needed} (second gets the results, and its "
        f"inference.{reads} scores it)"
    ]


@pytest.mark.parametrize(
    ("follower", "kept"),
    [
        (scoring(codec="single"), ()),
        (scoring(codec="instances"), ()),
        (scoring(codec="jsonlines"), ()),
        (scoring(codec="chat"), ("messages",)),
        (scoring(codec="chat", prompt_template="Translate: {inputs}"), ("inputs",)),
        (scoring(codec="chat", prompt_template="From {endpoint}: {{}}"), ()),
        (scoring(input_location="s3://inputs/"), ("s3",)),
    ],
)
def test_a_follower_that_finds_what_it_scores(follower: PipelineSettings, kept: tuple[str, ...]) -> None:
    assert refusals(chain(by("sns", keep_members=kept), follower)) == []


LABEL = " feeds.second.matching.data.result.label"
OPERATORS = "anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard"
CIDR = "cidr with an IP address and the bits of its mask, such as 10.0.0.0/24, fewer than all"
# The last bits are those of a single address, which Event Ruler refuses.
NO_NETWORKS = ("10.0.0.0", "10.0.0.0/99", "10.0.0.0/255.255.255.0", "10.0.0.1/32", "2001:db8::1/128", "10.0/8", "::/-1")
# As cdktf encodes a number of Terraform's.
A_NUMBER = -1.8881545897087626e289
SERVICES = {"sns": "SNS FilterPolicy", "eventbridge": "EventBridge EventPattern"}


def matched(sink: str, matching: Any, **results: Any) -> list[str]:
    return [text.removeprefix("dev") for text in refusals(chain(by(sink, **results), matching=matching))]


@pytest.mark.parametrize("sink", ["sns", "eventbridge"])
@pytest.mark.parametrize(
    ("label", "place", "bound"),
    [
        ("de", "", "a list of values or comparisons, even of one"),
        ([], "", "a list of one or more values or comparisons"),
        ({}, "", "a pattern with one or more keys"),
        ({"anything-but": ["de"]}, "", "a list, [{'anything-but': ['de']}], even of one comparison"),
        ({"prefix": "d"}, "", "a list, [{'prefix': 'd'}], even of one comparison"),
        ([["de"]], "[0]", "a value or a comparison, not a list within the list"),
        ([{"prefx": "d"}], "[0]", f"a comparison by one of {OPERATORS}; did you mean prefix?"),
        ([{"exists": "yes"}], "[0]", "exists with True or False"),
        (
            [{"numeric": ["<", 5, ">", 0]}],
            "[0]",
            'numeric with comparisons and numbers in turn, such as [">", 0, "<=", 5]',
        ),
        (
            [{"numeric": [">", 5, "<=", 5]}],
            "[0]",
            'numeric with comparisons and numbers in turn, such as [">", 0, "<=", 5]',
        ),
        ([{"wildcard": "d**"}], "[0]", r"wildcard with text without ** in it, and \ before * or \ alone"),
        ([{"wildcard": r"d\e"}], "[0]", r"wildcard with text without ** in it, and \ before * or \ alone"),
        *(([{"cidr": network}], "[0]", CIDR) for network in NO_NETWORKS),
    ],
)
def test_a_pattern_that_neither_topic_nor_rule_takes(sink: str, label: Any, place: str, bound: str) -> None:
    value = label[0] if place else label
    assert matched(sink, {"data": {"result": {"label": label}}}) == [
        f"{LABEL}{place} = {value!r}: must be {bound} ({SERVICES[sink]})"
    ]


@pytest.mark.parametrize(
    ("sink", "item", "bound"),
    [
        ("sns", {"prefix": {"equals-ignore-case": "de"}}, "prefix with text"),
        (
            "sns",
            {"anything-but": {"suffix": "e"}},
            "anything-but with a text or number, a list of either, or one of prefix, wildcard",
        ),
        (
            "eventbridge",
            {"anything-but": {"prefix": ""}},
            "anything-but with a text or number, a list of either, or one of equals-ignore-case, prefix, suffix, "
            "wildcard",
        ),
        (
            "sns",
            {"anything-but": {"wildcard": "d**"}},
            "anything-but with a text or number, a list of either, or one of prefix, wildcard",
        ),
        (
            "eventbridge",
            {"anything-but": ["de", 5]},
            "anything-but with a text or number, a list of either, or one of equals-ignore-case, prefix, suffix, "
            "wildcard",
        ),
    ],
)
def test_a_comparison_within_another_that_the_sink_does_not_take(sink: str, item: Any, bound: str) -> None:
    assert matched(sink, {"data": {"result": {"label": [item]}}}) == [
        f"{LABEL}[0] = {item!r}: must be {bound} ({SERVICES[sink]})"
    ]


@pytest.mark.parametrize(
    ("matching", "text"),
    [
        ({"result": {"label": ["de"]}}, " = 'result': must be a key of data, as in {'data': {'result': …}}"),
        (
            {"dta": {"result": {"label": ["de"]}}},
            " = 'dta': must be one of specversion, id, source, type, subject, time, datacontenttype, data, "
            "traceparent, tracestate, messagegroupid, causationid; did you mean data?",
        ),
        (
            {"data": {"reslt": {"label": ["de"]}}},
            ".data = 'reslt': must be one of attributes, endpoint, failureLocation, inferenceId, inputLocation, "
            "outputLocation, recordIndex, result, resultLocation, inputs; did you mean result?",
        ),
        (
            {"data.reslt": ["de"]},
            ".data = 'reslt': must be one of attributes, endpoint, failureLocation, inferenceId, inputLocation, "
            "outputLocation, recordIndex, result, resultLocation, inputs; did you mean result?",
        ),
        # JSON has no other keys than text
        (
            {"data": {2: ["de"]}},
            ".data = '2': must be one of attributes, endpoint, failureLocation, inferenceId, inputLocation, "
            "outputLocation, recordIndex, result, resultLocation, inputs; results.keep_members of the source adds to "
            "them",
        ),
        (
            {"data": {"$or": [{"label": ["de"]}, {"inputs": [{"prefix": "a"}]}]}},
            ".data.$or[0] = 'label': must be one of attributes, endpoint, failureLocation, inferenceId, inputLocation, "
            "outputLocation, recordIndex, result, resultLocation, inputs; results.keep_members of the source adds to "
            "them",
        ),
    ],
)
def test_a_pattern_that_no_result_could_fit(matching: Any, text: str) -> None:
    for sink in SERVICES:
        assert matched(sink, matching) == [f" feeds.second.matching{text} (no result has it)"]


def test_a_list_that_terraform_knows_is_no_part_of_a_pattern() -> None:
    for sink, service in SERVICES.items():
        assert matched(sink, {"data": {"result": {"label": ["#{TfToken[TOKEN.0]}"]}}}) == [
            f"{LABEL}[0] = a Terraform reference: must be a value or a comparison, not a list that Terraform alone "
            f"knows ({service})"
        ]


def test_what_can_not_be_read_is_not_counted() -> None:
    for sink, service in SERVICES.items():
        assert matched(sink, {"$or": "de"}) == [
            f" feeds.second.matching.$or = 'de': must be a list of two or more patterns ({service})"
        ]


@pytest.mark.parametrize(
    "matching",
    [
        {"data": {"order.id": ["o-17"]}},
        {"data": {"order": {"id": ["o-17"]}}},
        {"data.order.id": ["o-17"]},
        {"data": {"order.id.digits": [17]}},
        {"$or": [{"data": {"order.id": [None]}}, {"data.order.id": [True, 1.5]}]},
    ],
)
def test_a_member_with_a_dot_is_found_as_event_ruler_finds_it(matching: Any) -> None:
    for sink in SERVICES:
        assert matched(sink, matching, keep_members=("inputs", "order.id")) == []


def test_a_pattern_that_is_too_large() -> None:
    labels = {"data": {"result": {"label": [f"l{number}" for number in range(51)]}}}
    assert matched("sns", labels) == [
        " feeds.second.matching = '153 combinations': must be at most 150: the values of each list, times how deep it "
        "lies, are multiplied (SNS FilterPolicy)"
    ]
    either = {"$or": [{"subject": ["s"] * 76}, {"data": {"result": {"label": ["l"] * 25}}}]}
    assert matched("sns", either)[0].startswith(" feeds.second.matching = '151 combinations': ")
    five = {name: [{"exists": True}] for name in ("subject", "time", "id", "source", "traceparent")}
    assert matched("sns", five) == [
        " feeds.second.matching = '6 keys': must be at most 5 keys, type among them (SNS FilterPolicy)"
    ]
    long = {"data": {"result": {"label": ["x" * 4096]}}}
    (text,) = matched("eventbridge", long)
    assert text.endswith(
        "characters': must be at most 4096 characters of JSON with what is put around it (EventBridge EventPattern)"
    )
    for sink in SERVICES:
        assert matched(sink, {"data": {"result": [{1}]}}) == [
            " feeds.second.matching = {'data': {'result': [{1}]}}: must be a JSON object (Object of type set is not "
            "JSON serializable)"
        ]


@pytest.mark.parametrize(
    "matching",
    [
        {"data": {"result": {"label": ["de", {"anything-but": ["en", "fr"]}], "score": [{"numeric": [">=", 0.5]}]}}},
        {"data": {"inputs": [{"wildcard": r"a*b\\*\\\\*"}], "result": {"prefix": ["a"], "flag": [True, None, 5, ""]}}},
        {"data": {"$or": [{"result": {"label": ["de"]}}, {"endpoint": [{"suffix": "x"}]}]}},
        {"$or": [{"subject": [{"prefix": "a"}]}, {"data.result.label": ["de"]}]},
        {"data": {"attributes": {"tenant": [{"anything-but": {"prefix": "test-"}}]}}},
        {"data": {"result": {"label": [f"l{number}" for number in range(50)]}}},
        # keys of an event that are called as comparisons are
        {"data": {"result": {"anything-but": ["de"], "exists": [True]}}},
        # a range with numbers that only Terraform knows
        {
            "data": {
                "result": {"score": [{"numeric": [">", 0.5, "<", A_NUMBER]}, {"numeric": [">=", A_NUMBER, "<", 1]}]}
            }
        },
        {"data": {"result": {"score": [{"numeric": ["=", A_NUMBER]}]}}},
        # values of alternatives are added
        {"$or": [{"subject": [f"s{number}" for number in range(74)]}, {"id": [f"i{number}" for number in range(75)]}]},
        {"data": {"result": {"ip": [{"cidr": "10.0.0.1/24"}, {"cidr": "2001:db8::/32"}]}}},
    ],
)
def test_patterns_that_both_take(matching: Any) -> None:
    for sink in SERVICES:
        assert matched(sink, matching) == []


def test_comparisons_within_others_that_a_rule_takes() -> None:
    items = [
        {"prefix": {"equals-ignore-case": "d"}},
        {"anything-but": {"suffix": ["a", "b"]}},
        {"anything-but": {"equals-ignore-case": "DE"}},
    ]
    assert matched("eventbridge", {"data": {"result": {"label": items}}}) == []


def test_in_a_stack_of_ones_own_a_pattern_is_checked_too(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: Any) -> None:
        first = InferencePipeline(stack, "first", name="own-first", settings=by("sns", keep_members=()))
        next_ = InferencePipeline(stack, "next", name="own-next", settings=NEXT)
        next_.feed(first, {"data": {"result": {"label": "de"}}})

    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(build)
    assert [str(violation) for violation in raised.value.violations] == [
        "plain/next matching.data.result.label = 'de': must be a list of values or comparisons, even of one (SNS "
        "FilterPolicy)",
        "plain/first results.keep_members = (): must be with 'inputs' (next gets the results, and its inference.codec "
        "huggingface scores it)",
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
