import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import constructs_lib
from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    Deployment,
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InferenceStack,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    S3StateSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    SettingsError,
    StackSettings,
    Variant,
    VpcSettings,
    add_stacks,
)
from constructs_lib.stack import check_stack

import pytest
from cdktf import Testing, Token

import main
from tests.constructs.synthesized import Synthesized

MODEL = HuggingFaceModel(model_id="owner/model", task="text-classification")

SynthStack = Callable[[StackSettings], Synthesized]


def _settings(**pipelines: PipelineSettings) -> StackSettings:
    return StackSettings(region="eu-central-1", pipelines=pipelines)


def test_the_outputs_say_where_everything_is(smallest: Synthesized) -> None:
    addresses = {name: output["value"] for name, output in smallest.document["output"].items()}
    queue = "aws_sqs_queue"
    assert addresses == {
        "language_queue_url": f"${{{smallest.reference(queue, 'work_queue')}.url}}",
        "language_dead_letter_queue_url": f"${{{smallest.reference(queue, 'dead-letter')}.url}}",
        "language_results_queue_url": f"${{{smallest.reference(queue, 'results')}.url}}",
        "language_function_name": f"${{{smallest.reference('aws_lambda_function')}.function_name}}",
        "language_endpoint_name": f"${{{smallest.reference('aws_sagemaker_endpoint')}.name}}",
    }


def test_the_provider_tags_everything(synth_stack: SynthStack, pipeline_settings: PipelineSettings) -> None:
    settings = replace(_settings(language=pipeline_settings), tags={"team": "support"})
    (provider,) = synth_stack(settings).document["provider"]["aws"]
    assert provider["region"] == "eu-central-1"
    assert provider["default_tags"] == [{"tags": {"stack": "dev", "managed-by": "terraform", "team": "support"}}]


def test_state_is_local_by_default(smallest: Synthesized) -> None:
    path = Path(smallest.document["terraform"]["backend"]["local"]["path"])
    assert path == Path.cwd() / "terraform.dev.tfstate"


def test_state_in_s3_is_encrypted_and_locked(synth_stack: SynthStack, pipeline_settings: PipelineSettings) -> None:
    state = S3StateSettings(bucket="company-state", region="eu-west-1")
    settings = replace(_settings(language=pipeline_settings), state=state)
    assert synth_stack(settings).document["terraform"]["backend"] == {
        "s3": {
            "bucket": "company-state",
            "region": "eu-west-1",
            "key": "dev/terraform.tfstate",
            "encrypt": True,
            "use_lockfile": True,
        }
    }


def test_everything_that_is_wrong_is_said_at_once(pipeline_settings: PipelineSettings) -> None:
    broken = replace(
        pipeline_settings,
        queue=QueueSettings(delay_seconds=901, max_message_bytes=1000),
        function=FunctionSettings(memory_mib=64, architecture="arm"),
    )
    endpoint = EndpointSettings(
        model=HuggingFaceModel(model_id="a b", task="text-classification"),
        capacity=ServerlessCapacity(memory_mib=1500),
    )
    stacks = {
        "dev": _settings(language=broken),
        "prod": replace(_settings(sentiment=PipelineSettings(endpoint=endpoint)), region="Frankfurt"),
    }
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), stacks)
    assert str(raised.value).splitlines() == [
        "7 settings are out of bounds:",
        "  dev/language queue.delay_seconds = 901: must be 0 to 900 seconds (SQS DelaySeconds)",
        "  dev/language queue.max_message_bytes = 1000: must be 1024 to 1048576 bytes (SQS MaximumMessageSize)",
        "  dev/language function.memory_mib = 64: must be 128 to 10240 MB (Lambda MemorySize)",
        "  dev/language function.architecture = 'arm': must be one of arm64, x86_64 (Lambda Architectures)",
        "  prod region = 'Frankfurt': must be an AWS region such as eu-central-1 (AWS regions)",
        "  prod/sentiment endpoint.model.model_id = 'a b': must be a Hub model id, `name` or `owner/name` "
        "(Hugging Face Hub)",
        "  prod/sentiment endpoint.capacity.memory_mib = 1500: must be 1024 to 6144 MB in steps of 1024 "
        "(SageMaker ServerlessConfig MemorySizeInMB)",
    ]


def test_the_readmes_example_of_mistakes_is_what_is_said(pipeline_settings: PipelineSettings) -> None:
    queue = QueueSettings(delay_seconds=901, visibility_timeout_seconds=29)
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", _settings(language=replace(pipeline_settings, queue=queue)))
    assert str(raised.value) in (Path(__file__).parents[2] / "README.md").read_text()


def test_nothing_out_of_bounds_stops_the_check(pipeline_settings: PipelineSettings) -> None:
    inference = InferenceSettings(max_records_per_request=0, requests_in_flight=-1)
    source = EventSourceSettings(batch_size=0)
    settings = replace(pipeline_settings, inference=inference, event_source=source)
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", _settings(language=settings))
    named = {violation.property for violation in raised.value.violations}
    assert {"inference.max_records_per_request", "inference.requests_in_flight", "event_source.batch_size"} <= named


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        (QueueSettings(delay_seconds="5"), "queue.delay_seconds = '5': must be a whole number (it is of type str)"),  # type: ignore[arg-type]
        (QueueSettings(delay_seconds=True), "queue.delay_seconds = True: must be a whole number (it is of type bool)"),
        (
            QueueSettings(visibility_timeout_seconds=1.5),  # type: ignore[arg-type]
            "queue.visibility_timeout_seconds = 1.5: must be a whole number or None (it is of type float)",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named(
    pipeline_settings: PipelineSettings, queue: QueueSettings, text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", _settings(language=replace(pipeline_settings, queue=queue)))
    assert [f"dev/language {text}"] == [str(violation) for violation in raised.value.violations]


def test_a_name_that_aws_would_refuse_is_named(pipeline_settings: PipelineSettings) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", _settings(support_language=pipeline_settings))
    assert [str(violation) for violation in raised.value.violations] == [
        "dev/support_language name = 'dev-support_language': must be 1 to 38 letters, digits and hyphens, a "
        "letter first and no hyphen last (SageMaker EndpointName, and IAM role names of 64 with suffix and region)"
    ]


def test_the_longest_name_fits_everywhere(synth_stack: SynthStack, pipeline_settings: PipelineSettings) -> None:
    name = "x" * (38 - len("dev-"))
    settings = StackSettings(region="us-isof-south-1", pipelines={name: pipeline_settings})
    synthesized = synth_stack(settings)
    limits = {
        "aws_iam_role": 64,
        "aws_lambda_function": 64,
        "aws_sqs_queue": 80,
        "aws_sagemaker_model": 63,
        "aws_sagemaker_endpoint_configuration": 63,
        "aws_sagemaker_endpoint": 63,
    }
    for kind, limit in limits.items():
        for resource in synthesized.all(kind).values():
            assert len(resource.get("name") or resource["function_name"]) <= limit


def test_warnings_reach_the_person_who_synthesizes(pipeline_settings: PipelineSettings) -> None:
    settings = replace(
        pipeline_settings,
        queue=QueueSettings(max_receive_count=3),
        function=FunctionSettings(timeout_seconds=90),
    )
    stack = InferenceStack(Testing.app(), "dev", _settings(language=settings))
    metadata = stack.pipelines["language"].node.metadata
    assert [(entry.type, entry.data) for entry in metadata] == [
        ("@cdktf/warn", "queue.max_receive_count is 3: Lambda advises at least 5")
    ]


@pytest.mark.parametrize(
    ("name", "pipeline_name", "text"),
    [
        ("dev", "1st", "dev/1st name = '1st': must be a name that begins with a letter (so Terraform's names must)"),
        ("1dev", "x", "1dev name = '1dev': must be a name that begins with a letter (so Terraform's names must)"),
    ],
)
def test_a_name_that_terraform_would_refuse_is_named(
    pipeline_settings: PipelineSettings, name: str, pipeline_name: str, text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), name, _settings(**{pipeline_name: pipeline_settings}))
    assert text in str(raised.value)


def test_two_pipelines_that_would_have_the_same_names_are_refused(pipeline_settings: PipelineSettings) -> None:
    stacks = {"dev": _settings(**{"a-x": pipeline_settings}), "dev-a": _settings(x=pipeline_settings)}
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), stacks)
    assert str(raised.value).splitlines()[1:] == [
        "  dev-a/x name = 'dev-a-x': must be another name than that of dev/a-x (same region)"
    ]


def test_two_pipelines_with_an_output_of_the_same_name_are_refused(pipeline_settings: PipelineSettings) -> None:
    def refused(**changes: object) -> list[str]:
        changed = replace(pipeline_settings, **changes)  # type: ignore[arg-type]
        names = ("a", "a-dead-letter", "a-results", "a-notification", "a-inputs")
        return [str(violation) for violation in check_stack("dev", _settings(**dict.fromkeys(names, changed)))]

    def text(word: str) -> str:
        return (
            f"dev/a-{word} name = 'a-{word}': must be another name than that of dev/a with -{word} after it (both "
            "would have an output of the same name)"
        )

    assert refused() == [text("dead-letter"), text("results")]
    assert refused(results=ResultsSettings(sink="none")) == [text("dead-letter")]
    capacity = AsyncCapacity(instance_type="ml.m5.large", request_location="s3://abc/i/", output_location="s3://abc/o/")
    endpoint = EndpointSettings(model=pipeline_settings.endpoint.model, capacity=capacity)  # type: ignore[union-attr]
    assert refused(endpoint=endpoint) == [text("dead-letter"), text("results"), text("notification")]


WRONG = [
    (lambda p: replace(p, inference=InferenceSettings(parameters={"x": {1}})), "inference.parameters"),
    (lambda p: replace(p, inference=InferenceSettings(parameters={"x": float("nan")})), "inference.parameters"),
    (lambda p: replace(p, inference=InferenceSettings(metrics_namespace="Größe")), "inference.metrics_namespace"),
    (
        lambda p: replace(p, endpoint=EndpointSettings(model=replace(p.endpoint.model, environment={"X": 1}))),
        "endpoint.model.environment",
    ),
    (lambda p: replace(p, queue=None), "queue"),
]


@pytest.mark.parametrize(("change", "named"), WRONG)
def test_wrong_input_of_any_kind_is_named_without_a_traceback(
    pipeline_settings: PipelineSettings, change: Callable[[PipelineSettings], PipelineSettings], named: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", _settings(language=change(pipeline_settings)))
    assert [violation.property for violation in raised.value.violations] == [named]


TEXT: Any = "${var.x}"
NUMBER: Any = Token.as_number("${var.x}")
BOOLEAN: Any = Token.as_any("${var.x}")
INSTANCES = InstanceCapacity(instance_type="ml.m7i.xlarge", min_instances=2)


def _made(**changes: Any) -> dict[str, Any]:
    return {"endpoint": replace(EndpointSettings(model=MODEL, capacity=INSTANCES), **changes)}


UNKNOWN: list[tuple[str, dict[str, Any]]] = [
    ("function.tracing", {"function": FunctionSettings(tracing=TEXT)}),
    ("function.log_level", {"function": FunctionSettings(log_level=TEXT)}),
    ("function.vpc", {"function": FunctionSettings(vpc=TEXT)}),
    ("function.layers", {"function": FunctionSettings(layers=TEXT)}),
    ("queue.fifo", {"queue": QueueSettings(fifo=TEXT)}),
    ("results.sink", {"results": ResultsSettings(sink=TEXT)}),
    ("results", {"results": TEXT}),
    ("inference.codec", {"inference": InferenceSettings(codec=TEXT)}),
    ("inference.parameters", {"inference": InferenceSettings(parameters=TEXT)}),
    ("endpoint", {"endpoint": TEXT}),
    ("endpoint.capacity", _made(capacity=TEXT)),
    ("endpoint.weight", _made(weight=TEXT)),
    ("endpoint.variant_name", _made(variant_name=TEXT)),
    ("endpoint.deployment", _made(deployment=TEXT)),
    ("endpoint.deployment.strategy", _made(deployment=Deployment(strategy=TEXT))),
    ("endpoint.deployment.rollback_error_percent", _made(deployment=Deployment(rollback_error_percent=TEXT))),
    ("endpoint.more_variants[0].name", _made(more_variants=(Variant(name=TEXT, capacity=INSTANCES),))),
    (
        "endpoint.shadow.capacity.min_instances",
        _made(shadow=Variant(name="s", capacity=replace(INSTANCES, min_instances=TEXT))),
    ),
    (
        "endpoint.capacity.schedule[0].name",
        _made(
            capacity=replace(
                INSTANCES,
                schedule=(ScheduledCapacity(name=TEXT, schedule="rate(5 minutes)", min_instances=2, max_instances=4),),
            )
        ),
    ),
]


@pytest.mark.parametrize(("property_", "changes"), UNKNOWN)
def test_what_is_not_passed_on_as_text_must_be_known(
    pipeline_settings: PipelineSettings, property_: str, changes: dict[str, Any]
) -> None:
    settings = _settings(language=replace(pipeline_settings, **changes))
    assert [str(violation) for violation in check_stack("dev", settings)] == [
        f"dev/language {property_} = '{TEXT}': must be known when synthesizing (checks and derived settings need it)"
    ]


def test_numbers_and_booleans_that_terraform_alone_knows_are_refused(pipeline_settings: PipelineSettings) -> None:
    function = FunctionSettings(tracing=BOOLEAN)
    changed = replace(pipeline_settings, function=function, **_made(deployment=Deployment(step_percent=NUMBER)))
    violations = check_stack("dev", _settings(language=changed))
    assert [(violation.property, violation.bound) for violation in violations] == [
        ("endpoint.deployment.step_percent", "known when synthesizing"),
        ("function.tracing", "known when synthesizing"),
    ]
    assert str(violations[1]) == (
        "dev/language function.tracing = 'a reference': must be known when synthesizing (checks and derived settings "
        "need it)"
    )


def test_region_and_state_must_be_known(pipeline_settings: PipelineSettings) -> None:
    state = S3StateSettings(bucket=TEXT, region=TEXT, key=TEXT)
    settings = StackSettings(region=TEXT, pipelines={"language": pipeline_settings}, state=state)
    violations = check_stack("dev", settings)
    assert [violation.property for violation in violations] == ["region", "state.bucket", "state.region", "state.key"]
    assert {violation.bound for violation in violations} == {"known when synthesizing"}


@pytest.mark.parametrize(
    ("location", "bound"),
    [
        ("${var.x}", "s3:// and what follows"),
        ("s3://${var.x}", "s3://bucket/ or s3://bucket/prefix/, with a slash last"),
        ("s3://${var.x}/", None),
        ("s3://bucket/${var.x}/", None),
    ],
)
def test_a_location_shows_where_it_begins_and_ends(
    pipeline_settings: PipelineSettings, location: str, bound: str | None
) -> None:
    results = ResultsSettings(sink="s3", location=location, overflow_location=location)
    inference = InferenceSettings(input_location=location)
    violations = check_stack(
        "dev", _settings(language=replace(pipeline_settings, results=results, inference=inference))
    )
    assert [str(violation) for violation in violations] == [
        f"dev/language {name} = '{location}': must be {bound} (the role's rights are made from it)"
        for name in ("inference.input_location", "results.location", "results.overflow_location")
        if bound
    ]


def test_text_that_is_passed_on_may_be_a_reference(synth_stack: SynthStack) -> None:
    model = ContainerModel(image_uri=TEXT, model_data_url="s3://bucket/${var.x}", environment={"MODE": TEXT})
    settings = PipelineSettings(
        endpoint=EndpointSettings(model=model, capacity=INSTANCES, volume_key_arn=TEXT),
        queue=QueueSettings(kms_key_arn=TEXT),
        function=FunctionSettings(vpc=VpcSettings(subnet_ids=(TEXT,), security_group_ids=(TEXT,)), layers=(TEXT,)),
        monitoring=MonitoringSettings(subscribers=(TEXT,)),
    )
    synthesized = synth_stack(_settings(language=settings))
    container = synthesized.one("aws_sagemaker_model")["primary_container"]
    assert container == {"image": TEXT, "model_data_url": "s3://bucket/${var.x}", "environment": {"MODE": TEXT}}
    assert synthesized.one("aws_sqs_queue", "work_queue")["kms_master_key_id"] == TEXT
    function = synthesized.one("aws_lambda_function")
    assert function["layers"] == [TEXT]
    assert function["vpc_config"] == {"subnet_ids": [TEXT], "security_group_ids": [TEXT]}
    assert synthesized.one("aws_sns_topic_subscription")["endpoint"] == TEXT


def test_an_environment_over_lambdas_limit_is_said_before_anything_is_built(
    pipeline_settings: PipelineSettings,
) -> None:
    def said(characters: int) -> list[str]:
        inference = InferenceSettings(parameters={"x": "x" * characters})
        settings = _settings(a=replace(pipeline_settings, inference=inference), b=pipeline_settings)
        return [str(violation) for violation in check_stack("dev", settings)]

    assert said(4073) == [
        "dev/a function.environment = '4608 bytes': must be at most 4096 bytes; PARAMETERS alone has 4092 (Lambda "
        "quotas)"
    ]
    assert said(3000) == []


@pytest.mark.parametrize("pipelines", [{}, [], {"x": None}, {1: None}])
def test_a_stack_without_proper_pipelines_is_refused(pipelines: object) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", StackSettings(region="eu-central-1", pipelines=pipelines))  # type: ignore[arg-type]
    assert [violation.property for violation in raised.value.violations] == ["pipelines"]


@pytest.mark.parametrize(
    ("stacks", "text"),
    [
        (None, "app stacks = None: must be a mapping of names to StackSettings (it is of type NoneType)"),
        ("dev", "app stacks = 'dev': must be a mapping of names to StackSettings (it is of type str)"),
        ({"dev": None}, "dev settings = None: must be StackSettings (it is of type NoneType)"),
        ({1: _settings()}, "1 name = 1: must be text (it is of type int)"),
    ],
)
def test_what_is_no_stack_is_named(stacks: Any, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), stacks)
    assert str(raised.value) == f"1 setting is out of bounds:\n  {text}"


def test_the_default_app_has_a_dev_and_a_prod_stack() -> None:
    stacks = main.build_app().node.children
    documents = {stack.node.id: json.loads(Testing.synth(stack, True)) for stack in stacks}  # type: ignore[arg-type]
    assert set(documents) == {"dev", "prod"}
    dev, prod = (Synthesized(documents[name]) for name in ("dev", "prod"))
    (dev_variant,) = dev.one("aws_sagemaker_endpoint_configuration")["production_variants"]
    (prod_variant,) = prod.one("aws_sagemaker_endpoint_configuration")["production_variants"]
    assert "serverless_config" in dev_variant
    assert "instance_type" in prod_variant
    assert prod.one("aws_appautoscaling_target")["min_capacity"] == 2
    environment = dev.one("aws_sagemaker_model")["primary_container"]["environment"]
    assert environment["HF_MODEL_ID"] == "papluca/xlm-roberta-base-language-detection"
    assert environment == prod.one("aws_sagemaker_model")["primary_container"]["environment"]


def test_the_public_names_are_these() -> None:
    assert all(hasattr(constructs_lib, name) for name in constructs_lib.__all__)
    assert constructs_lib.__all__ == sorted(constructs_lib.__all__)
    made_public = {name for name in vars(constructs_lib) if name[0].isupper()}
    assert made_public | {"add_stacks", "synthesize"} == set(constructs_lib.__all__)
