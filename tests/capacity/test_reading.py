"""A pipeline is read from the synthesized JSON as its settings have it."""

import json
from pathlib import Path

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    FunctionSettings,
    InferenceSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    ProvisionedPollers,
    QueueScaling,
    QueueSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    Variant,
)

import pytest

from capacity.deployed import Pipeline, Queue, Source
from capacity.reading import pipelines_of
from capacity.scaling_settings import Entry, Step
from local.errors import UsageError
from local.template import Template
from tests.capacity.pipelines import deployed, synthesized

MODEL = ContainerModel(image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/scorer:1.2")
NIGHT = ScheduledCapacity(name="night", schedule="cron(0 20 * * ? *)", min_instances=1, max_instances=1)
INSTANCES = InstanceCapacity(
    instance_type="ml.c5.xlarge",
    min_instances=2,
    max_instances=8,
    concurrent_requests_per_instance=3,
    queue_scaling=QueueScaling(age_seconds=120, add_instances=2),
    schedule=(NIGHT,),
)


def test_everything_that_capacity_follows_from_is_read(tmp_path: Path) -> None:
    settings = PipelineSettings(
        endpoint=EndpointSettings(
            model=MODEL,
            capacity=INSTANCES,
            weight=3,
            more_variants=(Variant(name="other", capacity=InstanceCapacity(instance_type="ml.g5.xlarge")),),
        ),
        queue=QueueSettings(visibility_timeout_seconds=600, max_receive_count=7, message_retention_seconds=7200),
        event_source=EventSourceSettings(batch_size=200, batching_window_seconds=3),
        function=FunctionSettings(memory_mib=1024, timeout_seconds=60, architecture="x86_64", tracing=False),
        inference=InferenceSettings(max_records_per_request=50, requests_in_flight=6),
        monitoring=MonitoringSettings(),
        kms_key_arn="arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    )
    found = deployed(tmp_path, settings)
    assert found.queue == Queue(visibility_seconds=600, retention_seconds=7200, max_receive_count=7)
    assert found.source == Source(batch_size=200, window_seconds=3, maximum_concurrency=5)
    function = found.function
    assert (function.memory_mib, function.timeout_seconds, function.arm, function.tracing) == (1024, 60, False, False)
    assert (found.handler.max_records_per_request, found.handler.requests_in_flight) == (50, 6)
    primary, other = found.endpoint.variants
    assert (primary.instance_type, primary.concurrent_requests, primary.most_instances) == ("ml.c5.xlarge", 3, 8)
    assert primary.fewest_instances == 1
    assert found.endpoint.share(primary) == 0.75
    assert primary.scaling is not None
    assert (primary.scaling.metric, round(primary.scaling.target, 6)) == ("concurrent", 2.1)
    assert primary.scaling.steps == [
        Step(metric="ApproximateAgeOfOldestMessage", threshold=120, add=2, cooldown_seconds=300)
    ]
    assert primary.scaling.schedule == [Entry(schedule="cron(0 20 * * ? *)", timezone="UTC", minimum=1, maximum=1)]
    assert (other.instance_type, other.concurrent_requests) == ("ml.g5.xlarge", 4)
    assert found.watching.dashboards == 1
    assert found.watching.alarm_metrics > 10
    assert found.encrypted_queues == 3
    assert found.notes == []


def _of(folder: Path, **settings: object) -> Pipeline:
    return deployed(folder, PipelineSettings(**settings))  # type: ignore[arg-type]  # each test gives what is one


def test_serverless_and_pollers(tmp_path: Path) -> None:
    capacity = ServerlessCapacity(memory_mib=2048, max_concurrency=20, provisioned_concurrency=3)
    found = _of(
        tmp_path,
        endpoint=EndpointSettings(model=MODEL, capacity=capacity),
        event_source=EventSourceSettings(provisioned_pollers=ProvisionedPollers(minimum=3, maximum=9)),
    )
    (variant,) = found.endpoint.variants
    assert (variant.memory_mib, variant.concurrent_requests, variant.provisioned_concurrency) == (2048, 20, 3)
    assert found.source.pollers == (3, 9)


def test_an_asynchronous_endpoint_queues_requests_and_starts_from_zero(tmp_path: Path) -> None:
    capacity = AsyncCapacity(
        instance_type="ml.g5.xlarge",
        request_location="s3://bucket/in/",
        output_location="s3://bucket/out/",
        max_instances=3,
    )
    found = _of(tmp_path, endpoint=EndpointSettings(model=MODEL, capacity=capacity))
    assert found.endpoint.queues_requests
    (variant,) = found.endpoint.variants
    assert variant.scaling is not None
    assert (variant.scaling.minimum, variant.scaling.metric) == (0, "backlog")
    assert variant.scaling.steps[0].metric == "HasBacklogWithoutCapacity"


def test_an_endpoint_made_elsewhere_is_taken_for_what_the_mapping_admits(tmp_path: Path) -> None:
    found = _of(tmp_path, endpoint=ExistingEndpoint(name="theirs", concurrent_requests=40))
    assert found.endpoint.existing
    assert found.endpoint.variants[0].most_requests == 40
    assert found.notes == [
        "the endpoint theirs is not in this stack: it is taken to serve the 40 requests that the event source admits "
        "at once, and its cost is left out"
    ]


def test_a_template_without_a_pipeline_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "cdk.tf.json"
    path.write_text(json.dumps({"provider": {"aws": {"region": "eu-central-1"}}}))
    with pytest.raises(UsageError) as raised:
        pipelines_of(Template.load(path))
    assert str(raised.value) == (
        f"{path}: the stack {tmp_path.name} has no aws_lambda_event_source_mapping, so it has no pipeline"
    )


@pytest.mark.parametrize(
    ("type_", "name", "within"),
    [
        ("aws_lambda_event_source_mapping", "batch_size", None),
        ("aws_lambda_event_source_mapping", "maximum_concurrency", "scaling_config"),
        ("aws_lambda_function", "memory_size", None),
        ("aws_sqs_queue", "visibility_timeout_seconds", None),
    ],
)
def test_a_number_that_only_terraform_will_know_is_named(
    tmp_path: Path, type_: str, name: str, within: str | None
) -> None:
    path = synthesized(tmp_path, PipelineSettings(endpoint=EndpointSettings(model=MODEL)))
    document = json.loads(path.read_text())
    address, block = next(
        (address, block) for address, block in document["resource"][type_].items() if name in block or within
    )
    (block[within] if within else block)[name] = "${var.size}"
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError) as raised:
        pipelines_of(Template.load(path))
    assert str(raised.value) == (
        f"{type_}.{address}: {name} = '${{var.size}}' is not a number that is known before deployment"
    )


def test_alarms_and_names_of_others_may_be_any_expression(tmp_path: Path) -> None:
    path = synthesized(tmp_path, PipelineSettings(endpoint=EndpointSettings(model=MODEL)))
    document = json.loads(path.read_text())
    alarm = {"alarm_actions": ["${module.pager.arn}"], "alarm_name": "${lower(var.name)}", "metric_name": "x"}
    document["resource"]["aws_cloudwatch_metric_alarm"] = {"theirs": alarm}
    path.write_text(json.dumps(document))
    (found,) = pipelines_of(Template.load(path))
    assert found.watching.alarm_metrics == 1
