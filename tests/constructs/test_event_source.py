import json
from dataclasses import replace

from constructs_lib import (
    BatchInferenceFunction,
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    MessageQueue,
    PipelineSettings,
    ProvisionedPollers,
    QueueEventSource,
    QueueSettings,
    ServerlessCapacity,
    SettingsError,
)
from constructs_lib.validation.cross_resource import chain_violations
from constructs_lib.validation.derived import derive
from constructs_lib.validation.pipeline_checks import check_pipeline
from constructs_lib.validation.warnings import chain_warnings

import pytest
from cdktf import TerraformStack, Testing

from handler.settings import HandlerSettings
from tests.constructs.conftest import Synth
from tests.constructs.synthesized import Synthesized

HUB = HuggingFaceModel(model_id="owner/model", task="text-classification")


def test_the_mapping_reports_partial_failures_and_waits_for_its_rights(smallest: Synthesized) -> None:
    mapping = smallest.one("aws_lambda_event_source_mapping")
    queue, function = smallest.reference("aws_sqs_queue", "work_queue"), smallest.reference("aws_lambda_function")
    assert mapping["event_source_arn"] == f"${{{queue}.arn}}"
    assert mapping["function_name"] == f"${{{function}.arn}}"
    assert mapping["batch_size"] == 10
    assert mapping["maximum_batching_window_in_seconds"] == 0
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["scaling_config"] == {"maximum_concurrency": 5}


def test_no_message_flows_before_the_rights_and_the_endpoint_exist(smallest: Synthesized) -> None:
    mapping = smallest.one("aws_lambda_event_source_mapping")
    rights = {f"aws_iam_role_policy.{name}" for name in smallest.document["resource"]["aws_iam_role_policy"]}
    rights = {right for right in rights if "function_role" in right}
    assert set(mapping["depends_on"]) == rights | {smallest.reference("aws_sagemaker_endpoint")}


def test_every_event_source_setting_arrives(synth_pipeline: Synth) -> None:
    source = EventSourceSettings(batch_size=500, batching_window_seconds=5, maximum_concurrency=3)
    queue = QueueSettings(max_message_bytes=4096)
    mapping = synth_pipeline(event_source=source, queue=queue).one("aws_lambda_event_source_mapping")
    assert mapping["batch_size"] == 500
    assert mapping["maximum_batching_window_in_seconds"] == 5
    assert mapping["scaling_config"] == {"maximum_concurrency": 3}


def test_the_visibility_timeout_follows_the_function(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(
        function=FunctionSettings(timeout_seconds=40), event_source=EventSourceSettings(batching_window_seconds=7)
    )
    assert synthesized.one("aws_sqs_queue", "work_queue")["visibility_timeout_seconds"] == 247


@pytest.mark.parametrize(
    ("batch_size", "max_records", "in_flight"),
    [(10, 32, 2), (10, 4, 3), (100, 25, 4), (10_000, 25, 8)],
)
def test_requests_in_flight_are_as_many_as_a_full_batch_needs(
    pipeline_settings: PipelineSettings, batch_size: int, max_records: int, in_flight: int
) -> None:
    settings = replace(
        pipeline_settings,
        event_source=EventSourceSettings(batch_size=batch_size, batching_window_seconds=1),
        inference=InferenceSettings(max_records_per_request=max_records),
    )
    assert derive(settings).inference.requests_in_flight == in_flight


@pytest.mark.parametrize(
    ("capacity", "in_flight", "maximum_concurrency"),
    [
        (ServerlessCapacity(max_concurrency=50), 4, 12),
        (ServerlessCapacity(max_concurrency=1), 1, 2),
        (InstanceCapacity(instance_type="ml.m5.large", max_instances=6), 3, 8),
        (InstanceCapacity(instance_type="ml.m5.large", max_instances=900), 1, 1000),
    ],
)
def test_the_event_source_asks_no_more_than_the_endpoint_can_take(
    capacity: ServerlessCapacity | InstanceCapacity, in_flight: int, maximum_concurrency: int
) -> None:
    settings = PipelineSettings(
        endpoint=EndpointSettings(model=HUB, capacity=capacity),
        inference=InferenceSettings(requests_in_flight=in_flight),
    )
    assert derive(settings).event_source.maximum_concurrency == maximum_concurrency


def test_what_is_set_by_hand_stays(pipeline_settings: PipelineSettings) -> None:
    settings = replace(
        pipeline_settings,
        queue=QueueSettings(visibility_timeout_seconds=500),
        event_source=EventSourceSettings(maximum_concurrency=3),
        inference=InferenceSettings(
            requests_in_flight=2,
            task="summarization",
            envelope="auto",
            max_response_bytes=1_000_000,
            batch_inside=False,
            max_padded_tokens=100,
            sort_by_length=False,
        ),
    )
    assert derive(settings) == settings


VIOLATIONS = [
    (
        {"queue": QueueSettings(visibility_timeout_seconds=29)},
        "p queue.visibility_timeout_seconds = 29: must be at least function.timeout_seconds, 30 seconds "
        "(a message would be delivered again while it is being worked on; Lambda refuses the mapping)",
    ),
    (
        {"queue": QueueSettings(dead_letter_retention_seconds=3600)},
        "p queue.dead_letter_retention_seconds = 3600: must be at least queue.message_retention_seconds, "
        "345600 seconds (a dead letter's age counts from its first arrival on the work queue)",
    ),
    (
        {"queue": QueueSettings(message_retention_seconds=900)},
        "p queue.message_retention_seconds = 900: must be more than visibility timeout x queue.max_receive_count, "
        "900 seconds (a failing message would expire before it is dead-lettered)",
    ),
    (
        {"event_source": EventSourceSettings(batch_size=11)},
        "p event_source.batching_window_seconds = 0: must be at least 1 second "
        "(Lambda: batches over 10 messages need a batching window)",
    ),
    (
        {"function": FunctionSettings(reserved_concurrency=4, timeout_seconds=90)},
        "p function.reserved_concurrency = 4: must be at least event_source.maximum_concurrency, 5 "
        "(throttled invocations use up a message's receives)",
    ),
    (
        {"inference": InferenceSettings(max_request_bytes=4_194_305)},
        "p inference.max_request_bytes = 4194305: must be at most 4194304 bytes "
        "(payload limit of serverless endpoints)",
    ),
]


@pytest.mark.parametrize(("changes", "text"), VIOLATIONS)
def test_what_cannot_work_across_resources_is_refused(
    pipeline_settings: PipelineSettings, changes: dict[str, object], text: str
) -> None:
    settings = derive(replace(pipeline_settings, **changes))  # type: ignore[arg-type]
    assert [str(violation) for violation in chain_violations("p", settings)] == [text]


WARNINGS = [
    (
        {
            "inference": InferenceSettings(input_location="s3://inputs/large/", max_request_bytes=4_194_304),
            "event_source": EventSourceSettings(batch_size=100, batching_window_seconds=1),
            "queue": QueueSettings(max_message_bytes=1024),
        },
        "event_source.batch_size x inference.max_request_bytes is 419430400 bytes: the function holds the inputs of a "
        "batch at once, in function.memory_mib 512",
    ),
    (
        {"queue": QueueSettings(visibility_timeout_seconds=100)},
        "queue.visibility_timeout_seconds is 100: Lambda advises 540 (6 x function timeout + batching window), "
        "or throttled batches are delivered twice",
    ),
    (
        {"event_source": EventSourceSettings(maximum_concurrency=6)},
        "event_source.maximum_concurrency x inference.requests_in_flight is 12: the endpoint takes 10 requests "
        "at its largest and throttles the rest",
    ),
    (
        {"event_source": EventSourceSettings(provisioned_pollers=ProvisionedPollers(maximum=2))},
        "event_source.provisioned_pollers.maximum x 10 x inference.requests_in_flight is 40: the endpoint takes 10 "
        "requests at its largest and throttles the rest",
    ),
    (
        {"queue": QueueSettings(max_message_bytes=1_048_576)},
        "event_source.batch_size x queue.max_message_bytes is 10485760 bytes: Lambda cuts batches at 6291456",
    ),
    (
        {"function": FunctionSettings(timeout_seconds=30)},
        "function.timeout_seconds is 30: it leaves a request 20 s, a cold serverless container may take 60; "
        "75 or more lets it answer",
    ),
    (
        {"queue": QueueSettings(max_receive_count=4)},
        "queue.max_receive_count is 4: Lambda advises at least 5",
    ),
    (
        {"queue": QueueSettings(dead_letter_retention_seconds=345_600)},
        "queue.dead_letter_retention_seconds equals the queue's own: old messages leave no time to look at them",
    ),
    (
        {
            "endpoint": EndpointSettings(model=HUB, capacity=InstanceCapacity(instance_type="ml.m5.large")),
            "inference": InferenceSettings(max_request_bytes=6_291_457),
        },
        "inference.max_request_bytes is 6291457: the InvokeEndpoint API model admits 6291456",
    ),
]


@pytest.mark.parametrize(("changes", "text"), WARNINGS)
def test_what_is_not_advised_is_warned_of(
    pipeline_settings: PipelineSettings, changes: dict[str, object], text: str
) -> None:
    patient = replace(pipeline_settings, function=FunctionSettings(timeout_seconds=90))
    settings = derive(replace(patient, **changes))  # type: ignore[arg-type]
    assert chain_violations("p", settings) == []
    assert [warning.text for warning in chain_warnings(settings)] == [text]


def test_a_patient_function_on_the_smallest_pipeline_has_no_warnings(pipeline_settings: PipelineSettings) -> None:
    settings = replace(pipeline_settings, function=FunctionSettings(timeout_seconds=75))
    assert list(chain_warnings(derive(settings))) == []


def test_a_codec_of_one_record_a_request_needs_as_many_requests(pipeline_settings: PipelineSettings) -> None:
    settings = replace(pipeline_settings, inference=InferenceSettings(codec="single"))
    assert derive(settings).inference.requests_in_flight == 8


def test_what_others_derive_from_must_be_known(pipeline_settings: PipelineSettings) -> None:
    settings = replace(pipeline_settings, function=FunctionSettings(timeout_seconds="${var.t}"))  # type: ignore[arg-type]
    assert [str(violation) for violation in check_pipeline("p", "n", settings)] == [
        "p function.timeout_seconds = '${var.t}': must be known when synthesizing (checks and derived settings need it)"
    ]


def test_a_scaling_range_has_its_ends_in_order(pipeline_settings: PipelineSettings) -> None:
    capacity = InstanceCapacity(instance_type="ml.m5.large", min_instances=3, max_instances=2)
    settings = replace(pipeline_settings, endpoint=EndpointSettings(model=HUB, capacity=capacity))
    assert [str(violation) for violation in check_pipeline("p", "n", settings)] == [
        "p endpoint.capacity.max_instances = 2: must be at least min_instances, 3 (scaling range)"
    ]


def test_burstable_instances_cannot_be_scaled(pipeline_settings: PipelineSettings) -> None:
    capacity = InstanceCapacity(instance_type="ml.t2.medium")
    settings = replace(pipeline_settings, endpoint=EndpointSettings(model=HUB, capacity=capacity))
    assert [str(violation) for violation in check_pipeline("p", "n", settings)] == [
        "p endpoint.capacity.instance_type = 'ml.t2.medium': must be another than ml.t* "
        "(Application Auto Scaling does not support burstable instances)"
    ]
    fixed = replace(capacity, max_instances=1)
    settings = replace(pipeline_settings, endpoint=EndpointSettings(model=HUB, capacity=fixed))
    assert check_pipeline("p", "n", settings) == []


def test_model_data_must_show_its_bucket(pipeline_settings: PipelineSettings) -> None:
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/scorer:1"
    for url, violations in (("${var.url}", 1), ("s3://${var.bucket}/model.tar.gz", 0)):
        model = ContainerModel(image_uri=image, model_data_url=url)
        settings = replace(pipeline_settings, endpoint=EndpointSettings(model=model))
        assert len(check_pipeline("p", "n", settings)) == violations


def test_a_mapping_by_itself_checks_queue_and_function() -> None:
    stack = TerraformStack(Testing.app(), "plain")
    handler = HandlerSettings(endpoint_name="e", result_target="r", dead_letter_queue_url="d")
    queue = MessageQueue(stack, "orders", name="orders")
    function = BatchInferenceFunction(
        stack, "scorer", name="scorer", handler_settings=handler, settings=FunctionSettings(timeout_seconds=90)
    )
    with pytest.raises(SettingsError) as raised:
        QueueEventSource(stack, "source", queue=queue, function=function, settings=EventSourceSettings(batch_size=11))
    assert str(raised.value).splitlines() == [
        "2 settings are out of bounds:",
        "  plain/source visibility_timeout_seconds = 30: must be at least function.timeout_seconds, 90 seconds "
        "(a message would be delivered again while it is being worked on; Lambda refuses the mapping)",
        "  plain/source batching_window_seconds = 0: must be at least 1 second "
        "(Lambda: batches over 10 messages need a batching window)",
    ]


FILTER = {"body": {"language": ["de", "fr"]}}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"


def test_filters_pollers_and_metrics_arrive(synth_pipeline: Synth) -> None:
    source = EventSourceSettings(
        filters=(FILTER, {"attributes": {"kind": [{"prefix": "a"}]}}),
        filter_key_arn=KEY,
        provisioned_pollers=ProvisionedPollers(minimum=3, maximum=40),
        metrics=True,
        enabled=False,
    )
    mapping = synth_pipeline(event_source=source).one("aws_lambda_event_source_mapping")
    patterns = [json.loads(one["pattern"]) for one in mapping["filter_criteria"]["filter"]]
    assert patterns == [FILTER, {"attributes": {"kind": [{"prefix": "a"}]}}]
    assert mapping["kms_key_arn"] == KEY
    assert mapping["provisioned_poller_config"] == {"minimum_pollers": 3, "maximum_pollers": 40}
    assert "scaling_config" not in mapping
    assert mapping["metrics_config"] == {"metrics": ["EventCount"]}
    assert mapping["enabled"] is False


def test_by_default_every_message_is_polled_and_none_is_filtered(smallest: Synthesized) -> None:
    mapping = smallest.one("aws_lambda_event_source_mapping")
    assert mapping["enabled"] is True
    for name in ("filter_criteria", "kms_key_arn", "provisioned_poller_config", "metrics_config"):
        assert name not in mapping


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            EventSourceSettings(maximum_concurrency=5, provisioned_pollers=ProvisionedPollers()),
            "event_source.maximum_concurrency = 5: must be None with provisioned_pollers (Lambda ScalingConfig and "
            "ProvisionedPollerConfig exclude each other)",
        ),
        (
            EventSourceSettings(provisioned_pollers=ProvisionedPollers(minimum=9, maximum=4)),
            "event_source.provisioned_pollers.maximum = 4: must be at least minimum, 9 (scaling range)",
        ),
        (
            EventSourceSettings(filters=(FILTER,) * 11),
            "event_source.filters = '11 patterns': must be at most 10 (Lambda FilterCriteria)",
        ),
        (
            EventSourceSettings(filters=({"body": {"text": ["x" * 4096]}},)),
            "event_source.filters[0] = '4120 characters': must be at most 4096 characters of JSON (Lambda Filter "
            "Pattern)",
        ),
        (
            EventSourceSettings(filters=({"body": {1, 2}},)),
            "event_source.filters[0] = {'body': {1, 2}}: must be a JSON object (Object of type set is not JSON "
            "serializable)",
        ),
        (
            EventSourceSettings(filter_key_arn=KEY),
            f"event_source.filter_key_arn = '{KEY}': must be None without filters (there is nothing to encrypt)",
        ),
    ],
)
def test_what_a_mapping_can_not_be_is_named(synth_pipeline: Synth, source: EventSourceSettings, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(event_source=source)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_filters_are_warned_of_since_lambda_deletes_what_fits_none(pipeline_settings: PipelineSettings) -> None:
    settings = derive(
        replace(
            pipeline_settings,
            function=FunctionSettings(timeout_seconds=90),
            event_source=EventSourceSettings(filters=(FILTER,) * 6),
        )
    )
    assert [warning.text for warning in chain_warnings(settings)] == [
        "event_source.filters: Lambda deletes the messages that fit none of them from the queue",
        "event_source.filters has 6 patterns: Lambda admits 5 before the account's quota is raised",
    ]
