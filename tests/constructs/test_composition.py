"""Pipelines in stacks of the user's own: parts that are made elsewhere, what waits for them, and outputs."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from constructs_lib import (  # first: it makes importing cdktf fast
    EndpointSettings,
    ExistingEndpoint,
    ExistingQueue,
    ExistingRole,
    FunctionSettings,
    InferencePipeline,
    MessageQueue,
    ModelEndpoint,
    PipelineSettings,
    QueueSettings,
    ServiceRole,
    SettingsError,
)

import pytest
from cdktf import TerraformOutput, TerraformStack, Testing
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.provider import AwsProvider
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from constructs import Construct

from tests.constructs.conftest import SynthInPlainStack
from tests.constructs.synthesized import policy_name

QUEUE = ExistingQueue(
    name="orders", dead_letter_queue_name="orders-dead", visibility_timeout_seconds=360, max_receive_count=5
)
ENDPOINT = ExistingEndpoint(name="fraud", concurrent_requests=32)
OWN = PipelineSettings(queue=QUEUE, endpoint=ENDPOINT)


def _waits_for(*dependables: Any) -> list[str]:
    """Return the addresses that `depends_on` makes of them, without their hashes."""
    stack = TerraformStack.of(dependables[0])
    S3Bucket(stack, "after", depends_on=list(dependables))
    addresses = json.loads(Testing.synth(stack, True))["resource"]["aws_s3_bucket"]["after"]["depends_on"]
    return [address.rpartition("_")[0] for address in addresses]


@pytest.fixture
def stack() -> TerraformStack:
    stack = TerraformStack(Testing.app(), "own")
    AwsProvider(stack, "aws")
    return stack


def test_what_depends_on_a_pipeline_waits_for_its_last_resource(
    stack: TerraformStack, pipeline_settings: PipelineSettings
) -> None:
    pipeline = InferencePipeline(stack, "language", name="language", settings=pipeline_settings)
    assert _waits_for(pipeline) == ["aws_lambda_event_source_mapping.language_event-source_mapping"]


def test_what_depends_on_its_dependencies_waits_for_the_queue_s_policy_too(
    stack: TerraformStack, pipeline_settings: PipelineSettings
) -> None:
    pipeline = InferencePipeline(stack, "language", name="language", settings=pipeline_settings)
    assert _waits_for(pipeline, *pipeline.dependencies) == [
        "aws_lambda_event_source_mapping.language_event-source_mapping",
        "aws_sqs_queue_policy.language_work_policy",
        "aws_lambda_event_source_mapping.language_event-source_mapping",
    ]


def test_what_depends_on_an_endpoint_waits_for_it(stack: TerraformStack, pipeline_settings: PipelineSettings) -> None:
    assert isinstance(pipeline_settings.endpoint, EndpointSettings)
    endpoint = ModelEndpoint(stack, "endpoint", name="shared", settings=pipeline_settings.endpoint)
    assert _waits_for(endpoint) == ["aws_sagemaker_endpoint.endpoint"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (FunctionSettings(), "aws_lambda_function.x_function"),
        (FunctionSettings(alias="live"), "aws_lambda_alias.x_function_alias"),
        (
            FunctionSettings(alias="live", provisioned_concurrency=2),
            "aws_lambda_provisioned_concurrency_config.x_function_provisioned-concurrency",
        ),
    ],
)
def test_what_depends_on_a_function_waits_for_what_is_called(
    stack: TerraformStack, pipeline_settings: PipelineSettings, settings: FunctionSettings, expected: str
) -> None:
    pipeline = InferencePipeline(stack, "x", name="x", settings=replace(pipeline_settings, function=settings))
    assert _waits_for(pipeline.function) == [expected]


def test_resources_of_the_provider_are_taken_as_they_are(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        dead = SqsQueue(stack, "dead", name="orders-dead")
        InferencePipeline(
            stack,
            "own",
            name="own",
            settings=OWN,
            queue=SqsQueue(stack, "orders", name="orders", visibility_timeout_seconds=360),
            dead_letter_queue=dead,
            role=IamRole(stack, "role", name="worker", assume_role_policy="{}"),
            endpoint=SagemakerEndpoint(stack, "fraud", name="fraud", endpoint_config_name="fraud-1"),
        )

    synthesized = synth_in_plain_stack(build)
    assert set(synthesized.all("aws_sqs_queue")) == {"dead", "orders", "own_results_queue"}
    assert set(synthesized.all("aws_sagemaker_endpoint")) == {"fraud"}
    assert set(synthesized.all("aws_iam_role")) == {"role"}
    assert "aws_sqs_queue" not in synthesized.document["data"]
    mapping = synthesized.one("aws_lambda_event_source_mapping")
    assert mapping["event_source_arn"] == "${aws_sqs_queue.orders.arn}"
    assert "aws_sagemaker_endpoint.fraud" in mapping["depends_on"]
    function = synthesized.one("aws_lambda_function")
    assert function["role"] == "${aws_iam_role.role.arn}"
    environment = function["environment"]["variables"]
    assert environment["DEAD_LETTER_QUEUE_URL"] == "${aws_sqs_queue.dead.url}"
    assert environment["ENDPOINT_NAME"] == "fraud"
    consume = synthesized.one("aws_iam_role_policy", "consume-work")
    (statement,) = json.loads(consume["policy"])["Statement"]
    assert synthesized.readable(statement["Resource"][0]) == "arn:PARTITION:sqs:REGION:ACCOUNT:orders"


def test_constructs_of_the_library_say_how_they_are_set(
    synth_in_plain_stack: SynthInPlainStack, pipeline_settings: PipelineSettings
) -> None:
    def build(stack: TerraformStack) -> None:
        queue = MessageQueue(stack, "shared", name="shared", settings=QueueSettings(visibility_timeout_seconds=400))
        assert isinstance(pipeline_settings.endpoint, EndpointSettings)
        endpoint = ModelEndpoint(stack, "model", name="model", settings=pipeline_settings.endpoint)
        role = ServiceRole(stack, "worker", name="worker", service="lambda", description="Scores")
        pipeline = InferencePipeline(
            stack, "own", name="own", settings=pipeline_settings, queue=queue, endpoint=endpoint, role=role
        )
        assert (pipeline.queue, pipeline.endpoint) == (queue, endpoint)
        assert pipeline.settings.queue == queue.settings

    synthesized = synth_in_plain_stack(build)
    assert set(synthesized.all("aws_sqs_queue")) == {"own_results_queue", "shared_dead-letter_queue", "shared_queue"}
    assert set(synthesized.all("aws_sagemaker_endpoint")) == {"model_endpoint"}
    assert "consume-shared" in {policy_name(policy).removeprefix("own-inference-") for policy in _policies(synthesized)}


def _policies(synthesized: Any) -> list[dict[str, Any]]:
    return list(synthesized.all("aws_iam_role_policy").values())


def test_a_role_that_has_its_rights_is_given_none(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        role = IamRole(stack, "role", name="worker", assume_role_policy="{}")
        settings = replace(OWN, function=FunctionSettings(role=ExistingRole(arn=role.arn, attach_policies=False)))
        InferencePipeline(stack, "own", name="own", settings=settings, role=role)

    assert synth_in_plain_stack(build).all("aws_iam_role_policy") == {}


def _queue(stack: Construct) -> dict[str, Any]:
    return {"queue": MessageQueue(stack, "q", name="q")}


def _without_dead_letters(stack: Construct) -> dict[str, Any]:
    settings = QueueSettings(visibility_timeout_seconds=360)
    return {"queue": MessageQueue(stack, "q", name="q", settings=settings, dead_letter_queue=False)}


def _resource(stack: Construct) -> dict[str, Any]:
    return {"queue": SqsQueue(stack, "q", name="another")}


def _endpoint(stack: Construct) -> dict[str, Any]:
    return {"endpoint": SagemakerEndpoint(stack, "e", name="another", endpoint_config_name="c")}


def _dead_letter_queue(stack: Construct) -> dict[str, Any]:
    return {"dead_letter_queue": SqsQueue(stack, "d")}


PLAIN = PipelineSettings(endpoint=ENDPOINT)


@pytest.mark.parametrize(
    ("own", "settings", "expected"),
    [
        (
            _queue,
            PLAIN,
            "own/x queue.visibility_timeout_seconds = None: must be given (the queue is made before it could be "
            "derived, and has SQS's 30 seconds)",
        ),
        (
            _without_dead_letters,
            PLAIN,
            "own/x queue.dead_letter_queue = None: must be a queue with a dead-letter queue (what can't be scored "
            "goes there)",
        ),
        (
            _without_dead_letters,
            OWN,
            "own/x queue = 'ExistingQueue': must be left out (the construct says how the queue is set)\n"
            "  own/x queue.dead_letter_queue = None: must be a queue with a dead-letter queue (what can't be scored "
            "goes there)",
        ),
        (
            _resource,
            PLAIN,
            "own/x queue = 'QueueSettings': must be an ExistingQueue (a resource does not say what checks need: its "
            "dead-letter queue, receives and the like)",
        ),
        (
            _resource,
            OWN,
            "own/x queue.name = 'orders': must be another (as the queue is made)\n"
            "  own/x queue.visibility_timeout_seconds = 360: must be 30 (as the queue is made)",
        ),
        (_endpoint, PLAIN, "own/x endpoint.name = 'fraud': must be another (as the endpoint is made)"),
        (
            _dead_letter_queue,
            PLAIN,
            "own/x dead_letter_queue = 'SqsQueue': must be given together with an SqsQueue as queue (any other queue "
            "has its own)",
        ),
    ],
)
def test_parts_and_settings_that_do_not_fit_are_refused(
    stack: TerraformStack, own: Callable[[Construct], dict[str, Any]], settings: PipelineSettings, expected: str
) -> None:
    with pytest.raises(SettingsError) as error:
        InferencePipeline(stack, "x", name="x", settings=settings, **own(stack))
    count = expected.count("\n") + 1
    head = "1 setting is out of bounds:" if count == 1 else f"{count} settings are out of bounds:"
    assert str(error.value) == f"{head}\n  {expected}"


def test_an_endpoint_s_own_settings_are_to_be_given(stack: TerraformStack, pipeline_settings: PipelineSettings) -> None:
    assert isinstance(pipeline_settings.endpoint, EndpointSettings)
    endpoint = ModelEndpoint(stack, "model", name="model", settings=pipeline_settings.endpoint)
    with pytest.raises(SettingsError) as error:
        InferencePipeline(stack, "x", name="x", settings=PLAIN, endpoint=endpoint)
    assert str(error.value) == (
        "1 setting is out of bounds:\n"
        "  own/x endpoint = 'ExistingEndpoint': must be the construct's own settings (it is made already)"
    )


def test_two_pipelines_of_one_id_would_have_the_same_outputs(stack: TerraformStack) -> None:
    InferencePipeline(stack, "x", name="a", settings=PLAIN)
    with pytest.raises(SettingsError) as error:
        InferencePipeline(Construct(stack, "team"), "x", name="b", settings=PLAIN)
    assert str(error.value) == (
        "1 setting is out of bounds:\n"
        "  own/team/x id = 'x': must be another id than that of own/x (both would have an output x_queue_url)"
    )


def test_two_constructs_of_one_id_in_one_place_are_refused_in_words(stack: TerraformStack) -> None:
    InferencePipeline(stack, "x", name="a", settings=PLAIN)
    with pytest.raises(SettingsError) as refused:
        InferencePipeline(stack, "x", name="b", settings=PLAIN)
    assert str(refused.value) == (
        "1 setting is out of bounds:\n  own/x id = 'x': must be another id (a construct beside it has this one)"
    )


def test_stacks_of_one_app_may_have_pipelines_of_one_id() -> None:
    app = Testing.app()
    for name in ("one", "two"):
        stack = TerraformStack(app, name)
        AwsProvider(stack, "aws")
        InferencePipeline(stack, "x", name=name, settings=PLAIN)


@pytest.mark.parametrize("first", [True, False])
def test_an_output_of_the_user_s_own_with_a_pipeline_s_name_is_said(stack: TerraformStack, first: bool) -> None:
    if first:
        TerraformOutput(stack, "x_queue_url", value="mine")
    InferencePipeline(stack, "x", name="x", settings=PLAIN)
    if not first:
        TerraformOutput(stack, "x_queue_url", value="mine")
    with pytest.raises(RuntimeError) as error:
        Testing.synth(stack, True)
    assert str(error.value).startswith(
        "Error: Validation failed with the following errors:\n"
        "  [own/x] output x_queue_url of the stack is this pipeline's too: give yours another name"
    )


def test_an_attribute_of_the_user_s_own_is_not_taken_for_the_region(stack: TerraformStack) -> None:
    stack.region = "the replica's"  # type: ignore[attr-defined]
    InferencePipeline(stack, "x", name="x", settings=PLAIN)
    assert "the replica's" not in Testing.synth(stack, True)
