"""Asynchronous inference: requests to S3 and the endpoint, answers back by a second function."""

import json
from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    SettingsError,
    StackSettings,
)
from constructs_lib.validation.derived import derive
from constructs_lib.validation.warnings import chain_warnings

import pytest

from handler.settings import HandlerSettings
from tests.constructs.conftest import MODEL, Synth
from tests.constructs.synthesized import Synthesized

ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://payloads/in/", output_location="s3://payloads/out/"
)
ENDPOINT = EndpointSettings(model=MODEL, capacity=ASYNC)
MANY = ContainerModel(
    image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/scorer:1.2",
    model_data_prefix="s3://models/all/",
    multi_model=True,
)
KEYS = tuple(f"arn:aws:kms:eu-central-1:123456789012:key/{name}" for name in ("bucket", "answers"))
SUCCESS, ERROR = (
    f"arn:PARTITION:sns:eu-central-1:ACCOUNT:dev-language-async-{outcome}" for outcome in ("success", "error")
)


@pytest.fixture(scope="module")
def asynchronous(synth_pipeline: Synth) -> Synthesized:
    return synth_pipeline(endpoint=ENDPOINT)


def _rights(synthesized: Synthesized, role: str) -> dict[str, set[tuple[str, str]]]:
    """Return what a role may do, by policy name."""
    return {
        name.removeprefix("dev-language-"): {
            (action, synthesized.readable(resource))
            for statement in statements
            for action in statement["Action"]
            for resource in statement["Resource"]
        }
        for name, statements in synthesized.policies(role).items()
    }


def _function(synthesized: Synthesized, name: str) -> dict[str, Any]:
    (found,) = (
        function
        for function in synthesized.all("aws_lambda_function").values()
        if function["function_name"] == f"dev-language-{name}"
    )
    return dict(found)


def test_the_function_submits_and_no_longer_waits_for_answers(asynchronous: Synthesized) -> None:
    rights = _rights(asynchronous, "language_function")
    assert rights["invoke-endpoint"] == {
        ("sagemaker:InvokeEndpointAsync", "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT:endpoint/dev-language")
    }
    assert rights["put-requests"] == {("s3:PutObject", "arn:PARTITION:s3:::payloads/in/*")}
    settings = HandlerSettings.from_environment(_function(asynchronous, "inference")["environment"]["variables"])
    assert (settings.asynchronous, settings.async_inline) == (True, False)
    assert settings.request_location == "s3://payloads/in/"
    assert "scaling_config" not in asynchronous.one("aws_lambda_event_source_mapping")


def test_how_requests_travel_and_how_long_they_may_take_reaches_the_function(synth_pipeline: Synth) -> None:
    capacity = replace(ASYNC, inline=True, invocation_timeout_seconds=3600)
    synthesized = synth_pipeline(endpoint=replace(ENDPOINT, capacity=capacity))
    settings = HandlerSettings.from_environment(_function(synthesized, "inference")["environment"]["variables"])
    assert (settings.async_inline, settings.async_invocation_seconds) == (True, 3600)


def test_each_record_is_a_request_so_as_many_are_in_flight_as_the_batch_has(synth_pipeline: Synth) -> None:
    source = EventSourceSettings(batch_size=6)
    synthesized = synth_pipeline(endpoint=ENDPOINT, event_source=source)
    assert _function(synthesized, "inference")["environment"]["variables"]["REQUESTS_IN_FLIGHT"] == "6"


def test_the_topics_are_encrypted_and_take_nothing_without_tls(asynchronous: Synthesized) -> None:
    topics = asynchronous.all("aws_sns_topic").values()
    assert {(topic["name"], topic["kms_master_key_id"]) for topic in topics} == {
        ("dev-language-async-success", "alias/aws/sns"),
        ("dev-language-async-error", "alias/aws/sns"),
    }
    denied = set()
    for policy in asynchronous.all("aws_sns_topic_policy").values():
        (statement,) = json.loads(policy["policy"])["Statement"]
        denied.add(asynchronous.readable(statement.pop("Resource")))
        assert statement == {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    assert denied == {SUCCESS, ERROR}


def test_sagemaker_notifies_both_topics_which_exist_before_the_endpoint(asynchronous: Synthesized) -> None:
    configuration = asynchronous.one("aws_sagemaker_endpoint_configuration")["async_inference_config"]
    notified = configuration["output_config"]["notification_config"]
    assert {name: asynchronous.readable(arn) for name, arn in notified.items()} == {
        "success_topic": SUCCESS,
        "error_topic": ERROR,
    }
    assert set(asynchronous.one("aws_sagemaker_endpoint")["depends_on"]) >= {
        asynchronous.reference("aws_sns_topic", "success"),
        asynchronous.reference("aws_sns_topic", "error"),
    }


def test_a_second_function_of_the_same_zip_subscribes_to_both_topics(asynchronous: Synthesized) -> None:
    first, second = _function(asynchronous, "inference"), _function(asynchronous, "notify")
    assert second["handler"] == "handler.notify.handler"
    assert second["source_code_hash"] == first["source_code_hash"]
    assert second["environment"] == first["environment"]
    function = asynchronous.reference("aws_lambda_function", "notify")
    for outcome, arn in (("success", SUCCESS), ("error", ERROR)):
        subscription = asynchronous.one("aws_sns_topic_subscription", outcome)
        permission = asynchronous.one("aws_lambda_permission", outcome)
        assert subscription["topic_arn"] == f"${{{asynchronous.reference('aws_sns_topic', outcome)}.arn}}"
        assert (subscription["protocol"], subscription["endpoint"]) == ("lambda", f"${{{function}.arn}}")
        assert subscription["depends_on"] == [asynchronous.reference("aws_lambda_permission", outcome)]
        dead_letters = "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language-work-dlq"
        assert json.loads(asynchronous.readable(subscription["redrive_policy"])) == {
            "deadLetterTargetArn": dead_letters
        }
        policy = json.loads(asynchronous.readable(asynchronous.one("aws_sqs_queue_policy", "dead-letter")["policy"]))
        assert {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": ["sqs:SendMessage"],
            "Resource": dead_letters,
            "Condition": {
                "ArnLike": {"aws:SourceArn": f"arn:PARTITION:sns:eu-central-1:ACCOUNT:dev-language-async-{outcome}"}
            },
        } in policy["Statement"]
        assert permission["function_name"] == f"${{{function}.function_name}}"
        assert (permission["action"], permission["principal"]) == ("lambda:InvokeFunction", "sns.amazonaws.com")
        assert asynchronous.readable(permission["source_arn"]) == arn
    output = asynchronous.document["output"]["language_notification_function_name"]["value"]
    assert output == f"${{{function}.function_name}}"


def test_the_second_function_has_these_rights_and_no_others(asynchronous: Synthesized) -> None:
    sqs = "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language"
    stream = "arn:PARTITION:logs:eu-central-1:ACCOUNT:log-group:/aws/lambda/dev-language-notify:log-stream:*"
    assert _rights(asynchronous, "notify_function") == {
        "read-answers": {("s3:GetObject", "arn:PARTITION:s3:::payloads/out/*")},
        "send-to-results": {("sqs:SendMessage", f"{sqs}-results")},
        "send-to-dead-letter": {("sqs:SendMessage", f"{sqs}-work-dlq")},
        "write-logs": {("logs:CreateLogStream", stream), ("logs:PutLogEvents", stream)},
        "write-traces": {("xray:PutTelemetryRecords", "*"), ("xray:PutTraceSegments", "*")},
    }


def test_a_notification_that_keeps_failing_is_kept_with_the_dead_letters(asynchronous: Synthesized) -> None:
    failures = asynchronous.one("aws_lambda_function_event_invoke_config")
    function = asynchronous.reference("aws_lambda_function", "notify")
    assert failures["function_name"] == f"${{{function}.function_name}}"
    assert (failures["maximum_retry_attempts"], failures["maximum_event_age_in_seconds"]) == (2, 21_600)
    destination = asynchronous.readable(failures["destination_config"]["on_failure"]["destination"])
    assert destination == "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language-work-dlq"
    right = asynchronous.reference("aws_iam_role_policy", "notify_function_role_send-to-dead-letter")
    assert right in failures["depends_on"]


def test_no_message_flows_before_its_answer_has_a_subscriber(asynchronous: Synthesized) -> None:
    after = asynchronous.one("aws_lambda_event_source_mapping")["depends_on"]
    assert set(after) >= {
        asynchronous.reference("aws_sagemaker_endpoint"),
        asynchronous.reference("aws_sns_topic_subscription", "success"),
        asynchronous.reference("aws_sns_topic_subscription", "error"),
        asynchronous.reference("aws_lambda_function_event_invoke_config"),
    }


def test_what_bounds_the_first_function_does_not_bound_the_second(synth_pipeline: Synth) -> None:
    function = FunctionSettings(reserved_concurrency=5, memory_mib=1024, timeout_seconds=60)
    synthesized = synth_pipeline(endpoint=ENDPOINT, function=function)
    assert _function(synthesized, "inference")["reserved_concurrent_executions"] == 5
    second = _function(synthesized, "notify")
    assert "reserved_concurrent_executions" not in second
    assert (second["memory_size"], second["timeout"]) == (1024, 60)


def test_keys_are_used_through_s3_alone(synth_pipeline: Synth) -> None:
    bucket, answers = KEYS
    endpoint = replace(ENDPOINT, capacity=replace(ASYNC, output_key_arn=answers))
    synthesized = synth_pipeline(endpoint=endpoint, bucket_key_arns=(bucket,))
    _, put = synthesized.policies("language_function")["put-requests"]
    _, read = synthesized.policies("notify_function")["read-answers"]
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
    assert put == {
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey"],
        "Resource": [bucket],
        "Condition": through_s3,
    }
    assert read == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [bucket, answers],
        "Condition": through_s3,
    }


@pytest.mark.parametrize(
    ("results", "action"),
    [
        (ResultsSettings(sink="sns"), "sns:Publish"),
        (ResultsSettings(sink="eventbridge"), "events:PutEvents"),
        (ResultsSettings(sink="s3", location="s3://scores/"), "s3:PutObject"),
    ],
)
def test_both_functions_send_to_the_same_sink(synth_pipeline: Synth, results: ResultsSettings, action: str) -> None:
    synthesized = synth_pipeline(endpoint=ENDPOINT, results=replace(results, overflow_location="s3://payloads/large/"))
    first, second = _rights(synthesized, "language_function"), _rights(synthesized, "notify_function")
    assert {name for name, _ in first["send-to-results"]} == {action}
    assert second["send-to-results"] == first["send-to-results"]
    assert second["put-large-results"] == first["put-large-results"]


def test_only_the_first_function_remembers_what_it_submitted(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=ENDPOINT, idempotency=IdempotencySettings())
    assert "remember-results" in _rights(synthesized, "language_function")
    assert "remember-results" not in _rights(synthesized, "notify_function")


def test_other_endpoints_have_nothing_of_it(smallest: Synthesized) -> None:
    assert len(smallest.all("aws_lambda_function")) == 1
    kinds = smallest.document["resource"].keys()
    assert not {"aws_sns_topic", "aws_sns_topic_subscription", "aws_lambda_function_event_invoke_config"} & kinds
    assert "language_notification_function_name" not in smallest.document["output"]


def test_beside_another_pipeline_nothing_of_it_changes(
    asynchronous: Synthesized, synth_stack: Synth, pipeline_settings: PipelineSettings
) -> None:
    pipelines = {"language": PipelineSettings(endpoint=ENDPOINT), "other": pipeline_settings}
    both = synth_stack(StackSettings(region="eu-central-1", pipelines=pipelines))
    for kind, resources in asynchronous.document["resource"].items():
        assert resources.items() <= both.document["resource"][kind].items()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"queue": QueueSettings(fifo=True)},
            "queue.fifo = True: must be False with an asynchronous endpoint (it answers in any order)",
        ),
        (
            {"inference": InferenceSettings(target_model="m.tar.gz")},
            "inference.target_model = 'm.tar.gz': must be None with an asynchronous endpoint "
            "(InvokeEndpointAsync takes no target)",
        ),
        (
            {"inference": InferenceSettings(inference_component_name="one")},
            "inference.inference_component_name = 'one': must be None with an asynchronous endpoint "
            "(InvokeEndpointAsync takes no target)",
        ),
        (
            {"inference": InferenceSettings(target_variant="blue")},
            "inference.target_variant = 'blue': must be None with an asynchronous endpoint "
            "(InvokeEndpointAsync takes no target)",
        ),
        (
            {"inference": InferenceSettings(targets_from_messages=True)},
            "inference.targets_from_messages = True: must be False with an asynchronous endpoint "
            "(InvokeEndpointAsync takes no target)",
        ),
        (
            {"inference": InferenceSettings(input_location="s3://payloads/")},
            "inference.input_location = 's3://payloads/': must be apart from endpoint.capacity.request_location, "
            "s3://payloads/in/ (what lies there is a whole request)",
        ),
        (
            {"endpoint": replace(ENDPOINT, model=MANY)},
            "endpoint.model.multi_model = True: must be False with an asynchronous endpoint "
            "(InvokeEndpointAsync takes no target)",
        ),
        (
            {"endpoint": replace(ENDPOINT, capacity=replace(ASYNC, invocation_timeout_seconds=3601))},
            "endpoint.capacity.invocation_timeout_seconds = 3601: must be 1 to 3600 seconds "
            "(SageMaker InvocationTimeoutSeconds)",
        ),
        (
            {"endpoint": replace(ENDPOINT, capacity=replace(ASYNC, output_location="s3://payloads/out"))},
            "endpoint.capacity.output_location = 's3://payloads/out': must be s3://bucket/ or s3://bucket/prefix/, "
            "with a slash last (Amazon S3)",
        ),
    ],
)
def test_what_an_asynchronous_endpoint_can_not_keep_to_is_named(
    synth_pipeline: Synth, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**{"endpoint": ENDPOINT, **changes})
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_the_limit_of_invoke_endpoint_is_no_concern_of_asynchronous_requests() -> None:
    large = InferenceSettings(max_request_bytes=20_000_000)
    instances = InstanceCapacity(instance_type="ml.g5.xlarge")
    synchronous, asynchronous = (
        PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity), inference=large)
        for capacity in (instances, ASYNC)
    )
    warning = "inference.max_request_bytes is 20000000: the InvokeEndpoint API model admits 6291456"
    assert warning in [found.text for found in chain_warnings(derive(synchronous))]
    assert warning not in [found.text for found in chain_warnings(derive(asynchronous))]
