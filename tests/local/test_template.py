import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.deploy import Deployment
from local.errors import LocalRunError, UsageError
from local.template import Block, Template, TemplateError, resolve

PROVIDER = {"aws": [{"region": "eu-central-1", "default_tags": [{"tags": {"stack": "dev"}}]}]}
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "aws_sqs_queue.work": {"url": "https://sqs/work", "max_receives": 5},
    "data.aws_partition.here": {"partition": "aws"},
    "aws_signer_signing_job.job": {"signed_object": [{"s3": [{"key": "signed.zip"}]}]},
}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Template]:
    def load(**sections: Any) -> Template:
        path = tmp_path / "cdk.tf.json"
        path.write_text(json.dumps({"provider": PROVIDER, **sections}))
        return Template.load(path)

    return load


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("plain", "plain"),
        ("${aws_sqs_queue.work.url}", "https://sqs/work"),
        ("arn:${data.aws_partition.here.partition}:sqs:${aws_sqs_queue.work.url}", "arn:aws:sqs:https://sqs/work"),
        ("${aws_signer_signing_job.job.signed_object[0].s3[0].key}", "signed.zip"),
        ("$${aws:username} and %%{if}", "${aws:username} and %{if}"),
        ("e-${substr(nonsensitive(sha256(jsonencode(local.e_model-content))), 0, 8)}", "e-9921a84a"),
        ({"a": [{"b": "${aws_sqs_queue.work.url}"}, 1, True]}, {"a": [{"b": "https://sqs/work"}, 1, True]}),
    ],
)
def test_references_are_replaced_wherever_they_stand(value: Any, resolved: Any) -> None:
    assert resolve(value, ATTRIBUTES) == resolved


def test_a_lone_reference_keeps_its_type() -> None:
    assert resolve("${aws_sqs_queue.work.max_receives}", ATTRIBUTES) == 5


@pytest.mark.parametrize(
    "expression", ["${jsonencode(1)}", "${aws_sqs_queue.work.a[count.index]}", "${var.name}", "%{if true}x%{endif}"]
)
def test_another_expression_is_an_error(expression: str) -> None:
    with pytest.raises(TemplateError) as error:
        resolve(f"before {expression}", ATTRIBUTES)
    assert str(error.value) == f"the local run cannot evaluate the expression {expression.partition('}')[0]}}}"


@pytest.mark.parametrize(
    "reference",
    [
        "${aws_sqs_queue.work.arn}",
        "${aws_sqs_queue.other.url}",
        "${aws_sqs_queue.work.max_receives[0]}",
        "${aws_signer_signing_job.job.signed_object[1].s3}",
        "${aws_signer_signing_job.job.signed_object[0].key}",
    ],
)
def test_an_unknown_attribute_is_an_error(reference: str) -> None:
    with pytest.raises(TemplateError) as error:
        resolve(reference, ATTRIBUTES)
    assert str(error.value) == f"the local run does not know {reference}"


def test_blocks_come_after_what_they_refer_to_and_depend_on(load: Callable[..., Template]) -> None:
    template = load(
        resource={
            "aws_a": {"last": {"text": "x ${aws_b.middle.arn}", "depends_on": ["aws_c.first"]}},
            "aws_b": {"middle": {"nested": [{"text": "${data.aws_d.read.id}"}], "depends_on": ["aws_c.first"]}},
            "aws_c": {"first": {}},
        },
        data={"aws_d": {"read": {}}},
    )
    ordered = [block.address for block in template.ordered()]
    assert ordered.index("aws_a.last") > ordered.index("aws_b.middle") > ordered.index("aws_c.first")
    assert ordered.index("aws_b.middle") > ordered.index("data.aws_d.read")


def test_the_dev_stack_can_be_ordered(template: Path) -> None:
    stack = Template.load(template)
    assert {block.address for block in stack.ordered()} == set(stack.blocks)
    assert stack.tags["stack"] == "dev"


def test_terraforms_own_arguments_are_not_the_resources(load: Callable[..., Template]) -> None:
    meta = {"//": {}, "depends_on": [], "lifecycle": {}, "provider": "aws", "name": "n"}
    assert load(resource={"aws_a": {"x": meta}}).blocks["aws_a.x"].arguments == {"name": "n"}


def test_a_resource_of_terraforms_own_is_none(load: Callable[..., Template]) -> None:
    template = load(resource={"terraform_data": {"type": {"input": {"instance_type": "ml.m5.xlarge"}}}})
    assert template.ordered() == []


def test_a_reference_into_nothing_is_an_error(load: Callable[..., Template]) -> None:
    template = load(resource={"aws_a": {"x": {"text": "${aws_b.y.arn}"}}})
    with pytest.raises(TemplateError) as error:
        template.ordered()
    assert str(error.value) == "aws_a.x refers to aws_b.y, which is not in the template"


def test_a_circle_is_an_error(load: Callable[..., Template]) -> None:
    template = load(resource={"aws_a": {"x": {"text": "${aws_a.y.arn}"}, "y": {"text": "${aws_a.x.arn}"}}})
    with pytest.raises(
        TemplateError, match=r"^these refer to each other in a circle: aws_a\.\w, aws_a\.\w, aws_a\.\w$"
    ):
        template.ordered()


def test_count_is_not_ignored(load: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError) as error:
        load(resource={"aws_a": {"x": {"count": 2}}})
    assert str(error.value) == "aws_a.x: the local run does not know count"


def test_a_file_that_is_no_stack_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    with pytest.raises(UsageError) as missing:
        Template.load(path)
    assert str(missing.value) == f"{path}: No such file or directory"
    path.write_text("{}")
    with pytest.raises(TemplateError) as other:
        Template.load(path)
    assert str(other.value) == f"{path} is not a synthesized stack with an AWS provider: KeyError('provider')"


def test_an_argument_without_counterpart_is_an_error(load: Callable[..., Template]) -> None:
    template = load(data={"aws_region": {"here": {"all_regions": True}}})

    class Region:
        region = "eu-central-1"

    with pytest.raises(LocalRunError) as error:
        Deployment(template, Region()).create()  # type: ignore[arg-type]
    assert str(error.value) == "data.aws_region.here: the local run does not know all_regions"


def test_resources_that_nothing_here_creates_are_listed_and_can_be_referred_to(load: Callable[..., Template]) -> None:
    template = load(
        resource={
            "aws_route53_zone": {"zone": {"name": "the-zone"}},
            "aws_route53_record": {"record": {"name": "${aws_route53_zone.zone.name}-record"}},
        }
    )
    deployment = Deployment(template, None)  # type: ignore[arg-type]
    deployment.create()
    assert [deployment.name(block) for block in deployment.absent] == ["the-zone", "the-zone-record"]
    assert deployment.created == []
    assert isinstance(deployment.absent[0], Block)


def test_what_nothing_creates_may_refer_to_what_else_nothing_creates(load: Callable[..., Template]) -> None:
    template = load(
        resource={
            "aws_kms_key": {"key": {"description": "of the alias"}},
            "aws_kms_alias": {"alias": {"name": "queue-key", "target_key_id": "${aws_kms_key.key.arn}"}},
        }
    )
    deployment = Deployment(template, None)  # type: ignore[arg-type]
    deployment.create()
    assert [deployment.name(block) for block in deployment.absent] == ["aws_kms_key.key", "queue-key"]


def test_a_pipelines_template_is_without_the_others_but_with_what_they_share(load: Callable[..., Template]) -> None:
    def of(path: str) -> dict[str, Any]:
        return {"//": {"metadata": {"path": f"stack/{path}"}}}

    template = load(
        data={"aws_partition": {"here": of("environment/partition")}},
        resource={
            "aws_lambda_event_source_mapping": {"a": of("a/event-source/mapping"), "b": of("b/event-source/mapping")},
            "aws_sqs_queue": {"a": of("a/work/queue"), "b": of("b/work/queue")},
        },
    )
    assert list(template.of_pipeline("b").blocks) == [
        "data.aws_partition.here", "aws_lambda_event_source_mapping.b", "aws_sqs_queue.b",
    ]  # fmt: skip


def of(path: str, **more: Any) -> dict[str, Any]:
    return {"//": {"metadata": {"path": f"stack/{path}"}}, **more}


def target(reference: str) -> dict[str, Any]:
    return {"environment": {"variables": {"RESULT_TARGET": reference}}}


def test_a_chain_is_followed_by_its_topics_buses_and_queues(load: Callable[..., Template]) -> None:
    """A feeds b by a topic and c by a bus, which takes some results; c feeds d by d's own queue; e is by itself."""
    policy = json.dumps({"type": ["scored"]})
    rule = {"source": ["us"], "detail-type": ["scored"], "detail": {"data": {"result": {"label": ["de"]}}}}
    template = load(
        resource={
            "aws_lambda_event_source_mapping": {name: of(f"{name}/event-source/mapping") for name in "abcde"},
            "aws_sqs_queue": {name: of(f"{name}/work/queue") for name in "abcde"},
            "aws_lambda_function": {
                "c": of("c/function/function", **target("${aws_sqs_queue.d.url}")),
                "e": of("e/function/function", **target("https://elsewhere")),
            },
            "aws_sns_topic": {"a": of("a/results/topic"), "alarms": of("b/monitoring/topic")},
            "aws_sns_topic_subscription": {
                "b": of("b/feed/subscription", topic_arn="${aws_sns_topic.a.arn}", filter_policy=policy),
                "mail": of("b/monitoring/subscriber", topic_arn="${aws_sns_topic.alarms.arn}"),
            },
            "aws_cloudwatch_event_bus": {"a": of("a/results")},
            "aws_cloudwatch_event_rule": {
                "c": of(
                    "c/feed/rule", event_bus_name="${aws_cloudwatch_event_bus.a.name}", event_pattern=json.dumps(rule)
                )
            },
        }
    )
    assert template.feeds() == {"b": "a", "c": "a", "d": "c"}
    assert template.followers() == {"a": [{}, {"data": {"result": {"label": ["de"]}}}], "c": [{}]}
    assert [link.address for link, _ in template.links()] == [
        "aws_sns_topic_subscription.b",
        "aws_cloudwatch_event_rule.c",
    ]
    parts = {name: {block.part for block in template.of_pipeline(name).blocks.values()} for name in "abcde"}
    assert parts == {"a": set("abcd"), "b": {"b"}, "c": {"c", "d"}, "d": {"d"}, "e": {"e"}}
    assert "aws_sns_topic_subscription.b" not in template.of_pipeline("b").blocks, "its topic is not there"
    with pytest.raises(UsageError, match=r"^--pipeline must name one: the stack .* has a, b, c, d, e$"):
        template.of_pipeline(None)
