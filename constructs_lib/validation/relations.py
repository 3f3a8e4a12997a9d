"""Relations within one settings object, by its class: the endpoint's are in `endpoint_relations.py`.

Those across several objects are in `cross_resource.py`.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from constructs_lib.settings import (
    AsyncCapacity,
    EventSourceSettings,
    ExistingQueue,
    FunctionSettings,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    ProvisionedPollers,
    QueueScaling,
    QueueSettings,
    ResultsSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    ServicePrincipal,
    StackSettings,
)
from constructs_lib.settings.base import did_you_mean
from constructs_lib.settings.handler import PACKED_SINKS, RESULT_SINKS, codec_faults, identity_faults
from constructs_lib.validation.chat_parameters import parameter_mistakes
from constructs_lib.validation.filters import filter_mistakes
from constructs_lib.validation.schedules import schedule_bound, timezone_bound
from constructs_lib.validation.tags import tag_mistakes
from constructs_lib.validation.warning_ids import WARNINGS

# Lambda quotas: layers of one function
MAX_LAYERS = 5
# Lambda SnapStart: supported runtimes and features
SNAP_START_EPHEMERAL_MIB = 512
# Lambda: FilterCriteria, with the quota raised from its 5
MAX_FILTERS, DEFAULT_FILTERS = 10, 5
MAX_FILTER_CHARACTERS = 4096


@dataclass(frozen=True)
class Relation:
    """A setting that does not fit another one of the same object."""

    property: str
    value: object
    bound: str
    reason: str


def queue_relations(settings: QueueSettings) -> Iterator[Relation]:
    if settings.high_throughput and not settings.fifo:
        yield Relation("high_throughput", True, "False, or fifo True", "SQS: FIFO queues only")
    if settings.content_based_deduplication and not settings.fifo:
        yield Relation("content_based_deduplication", True, "False, or fifo True", "SQS: FIFO queues only")
    for position, sender in enumerate(settings.senders if settings.fifo else ()):
        if not isinstance(sender, ServicePrincipal):
            continue
        if sender.service.startswith("s3."):
            reason = "Amazon S3 notifies standard queues alone; EventBridge can send its events to a FIFO queue"
            yield Relation(f"senders[{position}].service", sender.service, "another service with fifo", reason)
        elif sender.service.startswith("sns.") and not re.search(r"\.fifo$|\*$|\$\{", sender.source_arn):
            bound, reason = "the ARN of a FIFO topic with fifo", "SNS: standard topics take no FIFO queue"
            yield Relation(f"senders[{position}].source_arn", sender.source_arn, bound, reason)


def service_principal_relations(settings: ServicePrincipal) -> Iterator[Relation]:
    named = f"{settings.source_arn}:::::".split(":")[4]
    if settings.account_id is not None and re.fullmatch(r"\d+", named) and named != settings.account_id:
        yield Relation("account_id", settings.account_id, f"None, or that of source_arn, {named}", "one account")


def existing_queue_relations(settings: ExistingQueue) -> Iterator[Relation]:
    if settings.visibility_timeout_seconds is None:
        yield Relation("visibility_timeout_seconds", None, "what the queue has", "nothing of it is changed")
    for property_ in ("name", "dead_letter_queue_name"):
        name = getattr(settings, property_)
        if name.endswith(".fifo") is not settings.fifo:
            bound = "a name that ends in .fifo" if settings.fifo else "a name without .fifo, or fifo True"
            yield Relation(property_, name, bound, "SQS QueueName")
    if settings.senders:
        yield Relation("senders", settings.senders, "none", "the policy of an existing queue is not changed")


def function_relations(settings: FunctionSettings) -> Iterator[Relation]:
    if len(settings.layers) > MAX_LAYERS:
        yield Relation("layers", settings.layers, f"at most {MAX_LAYERS} layers", "Lambda Layers")
    yield from _alias_relations(settings)


def _alias_relations(settings: FunctionSettings) -> Iterator[Relation]:
    """Yield what Lambda does for published versions alone, and what it does not do at the same time."""
    provisioned = settings.provisioned_concurrency
    if settings.alias is None:
        reason = "Lambda does it for published versions alone"
        if provisioned is not None:
            yield Relation("provisioned_concurrency", provisioned, "None without alias", reason)
        if settings.snap_start:
            yield Relation("snap_start", True, "None without alias", reason)
    if settings.snap_start:
        if provisioned is not None:
            yield Relation("provisioned_concurrency", provisioned, "None with snap_start", "Lambda SnapStart")
        if settings.ephemeral_storage_mib > SNAP_START_EPHEMERAL_MIB:
            bound = f"at most {SNAP_START_EPHEMERAL_MIB} with snap_start"
            yield Relation("ephemeral_storage_mib", settings.ephemeral_storage_mib, bound, "Lambda SnapStart")
        if settings.runtime == "python3.11":
            yield Relation("runtime", settings.runtime, "python3.12 or newer with snap_start", "Lambda SnapStart")
    reserved = settings.reserved_concurrency
    if provisioned is not None and reserved is not None and provisioned > reserved:
        bound = f"at most reserved_concurrency, {reserved}"
        yield Relation("provisioned_concurrency", provisioned, bound, "it is part of it")


def event_source_relations(settings: EventSourceSettings) -> Iterator[Relation]:
    if settings.maximum_concurrency is not None and settings.provisioned_pollers is not None:
        reason = "Lambda ScalingConfig and ProvisionedPollerConfig exclude each other"
        yield Relation("maximum_concurrency", settings.maximum_concurrency, "None with provisioned_pollers", reason)
    if len(settings.filters) > MAX_FILTERS:
        reason = "Lambda FilterCriteria"
        yield Relation("filters", f"{len(settings.filters)} patterns", f"at most {MAX_FILTERS}", reason)
    for position, pattern in enumerate(settings.filters):
        try:
            size = len(json.dumps(pattern, allow_nan=False))
        except (TypeError, ValueError) as error:
            yield Relation(f"filters[{position}]", pattern, "a JSON object", str(error))
            continue
        if size > MAX_FILTER_CHARACTERS:
            bound = f"at most {MAX_FILTER_CHARACTERS} characters of JSON"
            yield Relation(f"filters[{position}]", f"{size} characters", bound, "Lambda Filter Pattern")
        for mistake in filter_mistakes(pattern):
            place = f"filters[{position}]{mistake.place}"
            yield Relation(place, mistake.value, mistake.bound, "Lambda Filter Pattern")
    if settings.filter_key_arn is not None and not settings.filters:
        yield Relation("filter_key_arn", settings.filter_key_arn, "None without filters", "there is nothing to encrypt")


def provisioned_pollers_relations(settings: ProvisionedPollers) -> Iterator[Relation]:
    if settings.maximum < settings.minimum:
        yield Relation("maximum", settings.maximum, f"at least minimum, {settings.minimum}", "scaling range")


def inference_relations(settings: InferenceSettings) -> Iterator[Relation]:
    for name, bound in codec_faults(settings):
        yield Relation(name, getattr(settings, name), bound, "the handler's codecs")
    if settings.codec == "chat":
        for name, value, bound, reason in parameter_mistakes(settings.parameters, settings.chat_style):
            yield Relation(f"parameters.{name}", value, bound, reason)
    if settings.more_inference_components and not settings.targets_from_messages:
        reason = "only messages name others than inference_component_name"
        shown = settings.more_inference_components
        yield Relation("more_inference_components", shown, "none without targets_from_messages", reason)
    yield from _input_relations(settings)


def _input_relations(settings: InferenceSettings) -> Iterator[Relation]:
    if settings.input_location is None:
        if settings.envelope in ("s3", "extended-client"):
            reason = f"the envelope {settings.envelope} points to objects"
            yield Relation("input_location", None, "s3://bucket/prefix/", reason)
        if settings.more_input_locations:
            shown = settings.more_input_locations
            yield Relation("more_input_locations", shown, "none without input_location", "they are further ones")
    locations = settings.input_location or "", *settings.more_input_locations
    buckets = sorted({location.removeprefix("s3://").partition("/")[0] for location in locations if location})
    for bucket, account in settings.input_bucket_owners.items():
        name = f"input_bucket_owners.{bucket}"
        if bucket not in buckets and not any("${" in location for location in locations):
            bound = f"one of {', '.join(buckets)}" if buckets else "a bucket of input_location"
            yield Relation(name, bucket, bound, "only those are read")
        if not re.fullmatch(r"\d{12}", account) and "${" not in account:
            yield Relation(name, account, "an account id of 12 digits", "AWS account ids")


def results_relations(settings: ResultsSettings) -> Iterator[Relation]:
    if settings.sink == "s3" and not settings.location:
        yield Relation("location", None, "s3://bucket/prefix/", "sink is s3")
    if settings.sink != "s3" and settings.location is not None:
        yield Relation("location", settings.location, "None", f"sink is {settings.sink}: nothing is put there")
    if settings.max_events_per_message > 1 and settings.sink in set(RESULT_SINKS) - set(PACKED_SINKS):
        reason = f"sink is {settings.sink}: only messages of a queue or topic hold several"
        yield Relation("max_events_per_message", settings.max_events_per_message, "1", reason)
    for name, bound in identity_faults(settings.pass_attributes, settings.correlation, settings.keep_members):
        yield Relation(name, getattr(settings, name), bound, "the handler's events and dead letters")
    if settings.kms_key_arn is not None and settings.sink in ("s3", "none"):
        reason = f"sink is {settings.sink}: nothing is created that it could encrypt"
        yield Relation("kms_key_arn", settings.kms_key_arn, "None", reason)


def idempotency_relations(settings: IdempotencySettings) -> Iterator[Relation]:
    if settings.model_version is not None and settings.key != "correlation":
        bound, reason = "None, or key correlation", "a message's id is that message's alone"
        yield Relation("model_version", settings.model_version, bound, reason)


def serverless_capacity_relations(settings: ServerlessCapacity) -> Iterator[Relation]:
    provisioned, maximum = settings.provisioned_concurrency, settings.max_provisioned_concurrency
    bound = f"at most max_concurrency, {settings.max_concurrency}"
    if provisioned is not None and provisioned > settings.max_concurrency:
        yield Relation("provisioned_concurrency", provisioned, bound, "SageMaker ServerlessConfig")
    if maximum is None:
        return
    if maximum > settings.max_concurrency:
        yield Relation("max_provisioned_concurrency", maximum, bound, "SageMaker ServerlessConfig")
    if provisioned is None:
        reason = "max_provisioned_concurrency scales it"
        yield Relation("provisioned_concurrency", None, "the number of containers to start from", reason)
    elif maximum < provisioned:
        bound = f"at least provisioned_concurrency, {provisioned}"
        yield Relation("max_provisioned_concurrency", maximum, bound, "scaling range")


def instance_capacity_relations(settings: InstanceCapacity) -> Iterator[Relation]:
    yield from _range_relations(settings)
    for position, entry in enumerate(settings.schedule):
        if entry.min_instances < 1:
            name, reason = f"schedule[{position}].min_instances", "only asynchronous endpoints scale to zero"
            yield Relation(name, entry.min_instances, "at least 1", reason)
    if (
        settings.queue_scaling is not None
        and settings.min_instances == settings.max_instances
        and not settings.schedule
    ):
        bound = f"more than min_instances, {settings.min_instances}, with queue_scaling"
        yield Relation("max_instances", settings.max_instances, bound, "it adds instances")


def async_capacity_relations(settings: AsyncCapacity) -> Iterator[Relation]:
    yield from _range_relations(settings)


def _range_relations(settings: InstanceCapacity | AsyncCapacity) -> Iterator[Relation]:
    scaled = settings.max_instances != settings.min_instances or settings.schedule
    if scaled and settings.instance_type.startswith("ml.t"):
        reason = "Application Auto Scaling does not support burstable instances"
        yield Relation("instance_type", settings.instance_type, "another than ml.t*", reason)
    if settings.max_instances < settings.min_instances:
        bound = f"at least min_instances, {settings.min_instances}"
        yield Relation("max_instances", settings.max_instances, bound, "scaling range")
    names = [entry.name for entry in settings.schedule]
    for position, name in enumerate(names):
        if name in names[:position]:
            reason = "each is an action of its own"
            yield Relation(f"schedule[{position}].name", name, "another name than those before it", reason)


def scheduled_capacity_relations(settings: ScheduledCapacity) -> Iterator[Relation]:
    if settings.max_instances < settings.min_instances:
        bound = f"at least min_instances, {settings.min_instances}"
        yield Relation("max_instances", settings.max_instances, bound, "scaling range")
    if "${" not in settings.schedule and (expression := schedule_bound(settings.schedule)):
        yield Relation("schedule", settings.schedule, expression, "Application Auto Scaling Schedule")
    if settings.timezone != "UTC" and "${" not in settings.timezone and (zone := timezone_bound(settings.timezone)):
        yield Relation("timezone", settings.timezone, zone, "Application Auto Scaling Timezone")
    if settings.timezone != "UTC" and settings.schedule.startswith("rate("):
        yield Relation("timezone", settings.timezone, "UTC with rate(…)", "Application Auto Scaling Timezone")


def queue_scaling_relations(settings: QueueScaling) -> Iterator[Relation]:
    if settings.age_seconds is None and settings.backlog_messages is None:
        reason = "nothing else calls for instances"
        yield Relation("age_seconds", None, "a number, or backlog_messages one", reason)


def monitoring_relations(settings: MonitoringSettings) -> Iterator[Relation]:
    if settings.topic_arn is not None:
        reason = "a topic of yours keeps its own"
        if settings.subscribers:
            yield Relation("subscribers", settings.subscribers, "empty with topic_arn", reason)
        if settings.topic_key_arn is not None:
            yield Relation("topic_key_arn", settings.topic_key_arn, "None with topic_arn", reason)
    if len(set(settings.subscribers)) < len(settings.subscribers):
        yield Relation("subscribers", settings.subscribers, "each address once", "SNS keeps one subscription of each")


def acknowledged_relations(settings: PipelineSettings | StackSettings) -> Iterator[Relation]:
    for id_, reason in settings.acknowledged.items():
        if id_ not in WARNINGS:
            bound = f"the id of a warning{did_you_mean(id_, WARNINGS)}"
            yield Relation("acknowledged", id_, bound, "docs/warnings.md lists them")
        if not reason.strip():
            why = "whoever reads the settings next needs it"
            yield Relation(f"acknowledged.{id_}", reason, "the reason, in words", why)


def stack_relations(settings: StackSettings) -> Iterator[Relation]:
    yield from acknowledged_relations(settings)
    pipelines = {name: one for name, one in settings.pipelines.items() if isinstance(one, PipelineSettings)}
    for mistake in tag_mistakes(settings.tags, pipelines):
        yield Relation(*mistake)


RELATIONS: dict[type, Callable[[Any], Iterator[Relation]]] = {
    QueueSettings: queue_relations,
    ExistingQueue: existing_queue_relations,
    FunctionSettings: function_relations,
    EventSourceSettings: event_source_relations,
    ProvisionedPollers: provisioned_pollers_relations,
    InferenceSettings: inference_relations,
    ResultsSettings: results_relations,
    IdempotencySettings: idempotency_relations,
    ServerlessCapacity: serverless_capacity_relations,
    InstanceCapacity: instance_capacity_relations,
    MonitoringSettings: monitoring_relations,
    AsyncCapacity: async_capacity_relations,
    ScheduledCapacity: scheduled_capacity_relations,
    QueueScaling: queue_scaling_relations,
    ServicePrincipal: service_principal_relations,
    PipelineSettings: acknowledged_relations,
    StackSettings: stack_relations,
}
