"""Changes of a deployed stack: the settings after each, and what its plan must do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from constructs_lib import (
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    HuggingFaceModel,
    IdempotencySettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    QueueScaling,
    ScheduledCapacity,
    ServerlessCapacity,
    StackSettings,
    Variant,
)

from local.errors import UsageError

Make = Callable[[StackSettings], StackSettings]

NEW_FLEET = ("+/- aws_sagemaker_endpoint_configuration", "~ aws_sagemaker_endpoint")
# Scaling goes while SageMaker would refuse the change, and comes back after it.
NEW_HARDWARE = (*NEW_FLEET, "-/+ aws_appautoscaling_policy", "-/+ aws_appautoscaling_target", "~ terraform_data")
OTHER_MAXIMUM = (
    "~ aws_appautoscaling_target",
    "~ aws_cloudwatch_dashboard?",
    "~ aws_cloudwatch_metric_alarm?",
    "~ aws_lambda_event_source_mapping",
)
OTHER_VARIANTS = (
    "+ aws_appautoscaling_policy",
    "+ aws_appautoscaling_target",
    "+ aws_appautoscaling_scheduled_action?",
    "+ aws_cloudwatch_metric_alarm",
    "+ terraform_data",
    "+/- aws_iam_role_policy",
    "~ aws_cloudwatch_dashboard?",
    "~ aws_lambda_event_source_mapping",
    *NEW_FLEET,
)
NEW_MODEL = ("+/- aws_sagemaker_model", *NEW_FLEET)
NEW_VERSION = ("~ aws_lambda_function", "~ aws_lambda_alias?")
OTHER_SINK = ("~ aws_iam_role_policy", "~ aws_cloudwatch_dashboard?", *NEW_VERSION)
FUNCTION_AND_MAPPING = ("~ aws_lambda_function", "~ aws_lambda_event_source_mapping")
WATCH = ("aws_cloudwatch_dashboard", "aws_cloudwatch_metric_alarm", "aws_sns_topic", "aws_sns_topic_policy")
PIPELINE = (
    "aws_cloudwatch_log_group",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_lambda_event_source_mapping",
    "aws_lambda_function",
    "aws_sagemaker_endpoint",
    "aws_sagemaker_endpoint_configuration",
    "aws_sagemaker_model",
    "aws_sqs_queue",
    "aws_sqs_queue_policy",
    "aws_sqs_queue_redrive_allow_policy",
)


@dataclass(frozen=True)
class StackChange:
    """A change of settings, carried out on what is deployed."""

    name: str
    make: Make
    """Returns the settings after the change. Raises ValueError with the reason if the stack has nothing to change."""
    expected: Sequence[str]
    """What the plan must do: signs with resource types, each once, however many resources there are. With a question
    mark behind it: what it does if the stack has such a resource.
    """
    course: str = "applied"
    """`applied`; `rolled back`, if SageMaker rolls the update back and a second apply succeeds; `reverted`, if the
    settings go back to what they were then; `killed`, if Terraform is killed while the endpoint updates, and run again;
    `refused`, if AWS does not take it."""
    back: Make | None = None
    """Of a change that is reverted: returns the settings to go back to, from those before it."""


def chosen(names: Sequence[str]) -> list[StackChange]:
    """Return the changes of these names, in the order of the table; `all` are all.

    Raises UsageError for a name that there is none of.
    """
    known = [change.name for change in CHANGES] + [FAILED_CREATION]
    if unknown := sorted({*names} - {*known, "all"}):
        raise UsageError(f"there is no change {unknown[0]}; CHANGES are all, or of {', '.join(known)}")
    return [change for change in CHANGES if change.name in names or "all" in names]


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield each setting that differs, with both values."""
    if is_dataclass(before) and type(before) is type(after):
        for field in fields(before):
            yield from differences(getattr(before, field.name), getattr(after, field.name), _below(path, field.name))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from differences(before.get(key), after.get(key), _below(path, key))
    elif before != after:
        yield f"{path}: {_short(before)} -> {_short(after)}"


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    if not is_dataclass(value) or isinstance(value, type):
        return repr(value)
    # A setting at its default says nothing; one without a default has none to compare with.
    own = {field.name: getattr(value, field.name) for field in fields(value)}
    defaults = {field.name: field.default for field in fields(value)}
    given = (f"{name}={_short(own[name])}" for name in own if own[name] != defaults[name])
    return f"{type(value).__name__}({', '.join(given)})"


def _pipeline(change: Callable[[PipelineSettings], PipelineSettings]) -> Make:
    """Return a change of the stack's first pipeline."""

    def make(stack: StackSettings) -> StackSettings:
        name, pipeline = next(iter(stack.pipelines.items()))
        return replace(stack, pipelines={**stack.pipelines, name: change(pipeline)})

    return make


def _function(**settings: Any) -> Make:
    return _pipeline(lambda pipeline: replace(pipeline, function=replace(pipeline.function, **settings)))


def _endpoint(change: Callable[[EndpointSettings], EndpointSettings]) -> Make:
    def of_pipeline(pipeline: PipelineSettings) -> PipelineSettings:
        if not isinstance(pipeline.endpoint, EndpointSettings):
            raise ValueError("its endpoint exists already, elsewhere")
        return replace(pipeline, endpoint=change(pipeline.endpoint))

    return _pipeline(of_pipeline)


def _capacity(**settings: Any) -> Make:
    def of_endpoint(endpoint: EndpointSettings) -> EndpointSettings:
        if not isinstance(endpoint.capacity, InstanceCapacity):
            raise ValueError("its endpoint does not run on real-time instances")
        return replace(endpoint, capacity=replace(endpoint.capacity, **settings))

    return _endpoint(of_endpoint)


def _deployment(strategy: str) -> Make:
    def of_endpoint(endpoint: EndpointSettings) -> EndpointSettings:
        if not isinstance(endpoint.capacity, InstanceCapacity):
            raise ValueError("its endpoint does not run on real-time instances")
        return replace(endpoint, deployment=Deployment(strategy=strategy))

    return _endpoint(of_endpoint)


def _variants(endpoint: EndpointSettings) -> EndpointSettings:
    """Add a variant, which SageMaker refuses: a deployment by a policy keeps the names of the variants
    (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html). A rolling one, the library
    itself refuses for two.
    """
    if not isinstance(endpoint.capacity, InstanceCapacity):
        raise ValueError("its endpoint does not run on real-time instances")
    second = Variant(name="second", capacity=replace(endpoint.capacity, instance_type="ml.c5.2xlarge"))
    return replace(endpoint, more_variants=(second,), deployment=Deployment(strategy="canary"))


def _monitoring(settings: MonitoringSettings | None) -> Make:
    return _pipeline(lambda pipeline: replace(pipeline, monitoring=settings))


def _idempotency(settings: IdempotencySettings | None) -> Make:
    return _pipeline(lambda pipeline: replace(pipeline, idempotency=settings))


def _sink(name: str) -> Make:
    return _pipeline(lambda pipeline: replace(pipeline, results=replace(pipeline.results, sink=name)))


def _environment(**variables: str) -> Make:
    def of_endpoint(endpoint: EndpointSettings) -> EndpointSettings:
        if not isinstance(endpoint.model, (ContainerModel, HuggingFaceModel)):
            raise ValueError("its model is a package, whose content is not set here")
        return replace(endpoint, model=replace(endpoint.model, environment={**endpoint.model.environment, **variables}))

    return _endpoint(of_endpoint)


def _image_tag(endpoint: EndpointSettings) -> EndpointSettings:
    if isinstance(endpoint.model, HuggingFaceModel):
        return replace(
            endpoint, model=replace(endpoint.model, image_tag="2.3.0-transformers4.48.0-cpu-py311-ubuntu22.04")
        )
    if isinstance(endpoint.model, ContainerModel) and "@" not in endpoint.model.image_uri:
        repository = endpoint.model.image_uri.rpartition(":")[0]
        return replace(endpoint, model=replace(endpoint.model, image_uri=f"{repository}:rehearsed"))
    raise ValueError("its image has no tag")


def _second_pipeline(stack: StackSettings) -> StackSettings:
    pipeline = next(iter(stack.pipelines.values()))
    if not isinstance(pipeline.endpoint, EndpointSettings):
        raise ValueError("its endpoint exists already, elsewhere")
    second = PipelineSettings(
        endpoint=EndpointSettings(model=pipeline.endpoint.model, capacity=ServerlessCapacity(memory_mib=6144)),
        inference=pipeline.inference,
        function=replace(pipeline.function, alias=None),
    )
    return replace(stack, pipelines={**stack.pipelines, "rehearsed": second})


def _without_second_pipeline(stack: StackSettings) -> StackSettings:
    if "rehearsed" not in stack.pipelines:
        raise ValueError("the second pipeline was not added")
    return replace(stack, pipelines={name: of for name, of in stack.pipelines.items() if name != "rehearsed"})


SCHEDULE = (
    ScheduledCapacity(name="day", schedule="cron(0 7 ? * MON-FRI *)", min_instances=2, max_instances=8),
    ScheduledCapacity(name="night", schedule="cron(0 19 ? * MON-FRI *)", min_instances=2, max_instances=4),
)
CAPTURE = DataCapture(location="s3://rehearsal-audit/capture/", sampling_percent=10)
OTHER_CAPTURE = DataCapture(location="s3://rehearsal-audit/elsewhere/", sampling_percent=10)

FAILED_CREATION = "failed-creation"
"""Not in the table: the first endpoint's creation fails, so it comes before all changes."""

CHANGES = (
    StackChange("memory", _function(memory_mib=1024), NEW_VERSION),
    StackChange("model", _environment(REHEARSED="1"), NEW_MODEL),
    StackChange("image-tag", _endpoint(_image_tag), NEW_MODEL),
    StackChange("alias-off", _function(alias=None), ("- aws_lambda_alias", *FUNCTION_AND_MAPPING)),
    StackChange("alias-on", _function(alias="live"), ("+ aws_lambda_alias", *FUNCTION_AND_MAPPING)),
    StackChange("monitoring-off", _monitoring(None), tuple(f"- {type_}" for type_ in WATCH)),
    StackChange("monitoring-on", _monitoring(MonitoringSettings()), tuple(f"+ {type_}" for type_ in WATCH)),
    StackChange("second-pipeline", _second_pipeline, tuple(f"+ {type_}" for type_ in PIPELINE)),
    StackChange("second-pipeline-off", _without_second_pipeline, tuple(f"- {type_}" for type_ in PIPELINE)),
    StackChange(
        "idempotency-on",
        _idempotency(IdempotencySettings()),
        ("+ aws_dynamodb_table", "+ aws_iam_role_policy", *NEW_VERSION),
    ),
    StackChange("idempotency-off", _idempotency(None), ("- aws_dynamodb_table", "- aws_iam_role_policy", *NEW_VERSION)),
    StackChange(
        "sink-bus",
        _sink("eventbridge"),
        ("+ aws_cloudwatch_event_bus", "- aws_sqs_queue", "- aws_sqs_queue_policy", *OTHER_SINK),
    ),
    StackChange(
        "sink-queue",
        _sink("sqs"),
        ("- aws_cloudwatch_event_bus", "+ aws_sqs_queue", "+ aws_sqs_queue_policy", *OTHER_SINK),
    ),
    StackChange("instance-type", _capacity(instance_type="ml.m5.xlarge"), NEW_HARDWARE),
    StackChange("max", _capacity(max_instances=10), OTHER_MAXIMUM),
    StackChange("min", _capacity(min_instances=3), ("~ aws_appautoscaling_target",)),
    StackChange("linear", _deployment("linear"), ("~ aws_sagemaker_endpoint",)),
    StackChange("rolling", _deployment("rolling"), ("~ aws_sagemaker_endpoint",)),
    StackChange("schedule", _capacity(schedule=SCHEDULE), ("+ aws_appautoscaling_scheduled_action",)),
    StackChange(
        "queue-scaling",
        _capacity(queue_scaling=QueueScaling(age_seconds=300)),
        ("+ aws_appautoscaling_policy", "+ aws_cloudwatch_metric_alarm"),
    ),
    StackChange(
        "data-capture",
        _endpoint(lambda e: replace(e, data_capture=CAPTURE)),
        ("+ aws_iam_role_policy", *NEW_FLEET),
    ),
    StackChange(
        "reverted",
        _endpoint(lambda e: replace(e, data_capture=OTHER_CAPTURE)),
        ("+/- aws_iam_role_policy?", "+ aws_iam_role_policy?", *NEW_FLEET),
        "reverted",
        # as docs/operations.md has it, "What an automatic rollback leaves"
        _environment(DEPLOYMENT="2"),
    ),
    StackChange("rollback", _environment(REHEARSED="rolled back"), NEW_MODEL, "rolled back"),
    StackChange("killed", _environment(REHEARSED="killed"), NEW_MODEL, "killed"),
    # Last, since there is no way back from it but to destroy.
    StackChange("variants", _endpoint(_variants), OTHER_VARIANTS, "refused"),
)
