"""Relations within the settings of an endpoint, by their class: AWS's rules on what goes with what."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from constructs_lib.settings import (
    AsyncCapacity,
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    HuggingFaceModel,
    InstanceCapacity,
    LanguageModel,
    Model,
    ModelPackage,
    ServedModel,
    ServerlessCapacity,
    Variant,
    VpcSettings,
)
from constructs_lib.validation.references import REFERENCE, is_list_reference
from constructs_lib.validation.relations import Relation
from constructs_lib.validation.served_models import language_model_relations, served_model_relations

# SageMaker: CapacitySize, of which a step may be half
MIN_STEPPED_INSTANCES = 2
# SageMaker: EnvironmentMap
MAX_VARIABLES, MAX_VARIABLE_CHARACTERS, MAX_VARIABLES_BYTES = 100, 1024, 32 * 1024
# What a Hub model's own fields become at most; and a served model's.
HUB_VARIABLES, SERVER_VARIABLES = 4, 8
# Names that the Hub's libraries and AWS's toolkit read a token from.
TOKEN_VARIABLES = ("HF_TOKEN", "HF_API_TOKEN", "HUGGING_FACE_HUB_TOKEN")
# SageMaker: ProductionVariantList, AlarmList
MAX_VARIANTS, MAX_ALARMS = 10, 10
# Terraform's AWS provider waits an hour for an update of an endpoint, in which instances must start too.
MAX_WAITS_SECONDS = 2700
# A canary and traffic moved at once are watched for as long as alarms take to see a fault; ten steps can't all be.
STEP_WAIT_SECONDS = {"all-at-once": 300, "canary": 300, "linear": 120, "rolling": 120}
# Lambda and SageMaker: VpcConfig
MAX_SUBNETS, MAX_SECURITY_GROUPS = 16, 5

SERVERLESS_REASON = "not a feature of serverless endpoints"


def hugging_face_model_relations(settings: HuggingFaceModel) -> Iterator[Relation]:
    yield from _environment(settings.environment, added=HUB_VARIABLES)
    yield from _no_token(settings.environment, "token_secret_arn")
    secret, bundle = settings.token_secret_arn, settings.bundle_location
    if secret is not None and bundle is None:
        yield Relation("bundle_location", None, "s3://bucket/prefix/ with token_secret_arn", "what reads it lies there")
    if secret is None:
        for name in ("bundle_location", "token_key_arn"):
            if (value := getattr(settings, name)) is not None:
                yield Relation(name, value, "None without token_secret_arn", "it is for the secret")
    elif "HF_MODEL_ID" in settings.environment:
        reason = "AWS's toolkit would fetch the model by itself, without the token"
        yield Relation("environment", ["HF_MODEL_ID"], "without HF_MODEL_ID with token_secret_arn", reason)


def served_models_relations(settings: ServedModel) -> Iterator[Relation]:
    yield from _environment(settings.environment, added=SERVER_VARIABLES)
    yield from _no_token(settings.environment, "model_data_prefix")
    if settings.revision is not None and settings.model_data_prefix is not None:
        yield Relation("revision", settings.revision, "None with model_data_prefix", "the files are in S3")
    if isinstance(settings, LanguageModel):
        yield from language_model_relations(settings)


def _no_token(environment: Mapping[str, str], instead: str) -> Iterator[Relation]:
    if tokens := [name for name in TOKEN_VARIABLES if name in environment]:
        # The names alone: their values are secrets.
        yield Relation("environment", tokens, f"without a token, with {instead}", "it would be readable in the state")


def container_model_relations(settings: ContainerModel) -> Iterator[Relation]:
    yield from _environment(settings.environment)
    if settings.model_data_url is not None and settings.model_data_prefix is not None:
        yield Relation(
            "model_data_prefix", settings.model_data_prefix, "None with model_data_url", "one source of data"
        )
    if settings.multi_model and settings.model_data_prefix is None:
        yield Relation("model_data_prefix", None, "s3://bucket/prefix/", "multi_model is True")


def model_package_relations(settings: ModelPackage) -> Iterator[Relation]:
    yield from _environment(settings.environment)


def _environment(environment: Mapping[str, str], added: int = 0) -> Iterator[Relation]:
    """Yield what SageMaker refuses of a container's variables, by name: values may be long, or nobody's business."""
    reason = "SageMaker Environment"
    if len(environment) > MAX_VARIABLES - added:
        yield Relation("environment", f"{len(environment)} variables", f"at most {MAX_VARIABLES - added}", reason)
    for name, value in environment.items():
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}", name):
            yield Relation("environment", name, "letters, digits and underscores, no digit first, as a name", reason)
        if len(value.encode()) > MAX_VARIABLE_CHARACTERS and "${" not in value:
            text = f"{name} of {len(value.encode())} bytes"
            yield Relation("environment", text, f"at most {MAX_VARIABLE_CHARACTERS} bytes a value", reason)
    total = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
    if total > MAX_VARIABLES_BYTES:
        yield Relation("environment", f"{total} bytes", f"at most {MAX_VARIABLES_BYTES} bytes together", reason)


def vpc_relations(settings: VpcSettings) -> Iterator[Relation]:
    for name, most in (("subnet_ids", MAX_SUBNETS), ("security_group_ids", MAX_SECURITY_GROUPS)):
        if not 1 <= len(ids := getattr(settings, name)) <= most:
            yield Relation(name, ids, f"1 to {most} of them", "VpcConfig")


def data_capture_relations(settings: DataCapture) -> Iterator[Relation]:
    if not settings.requests and not settings.answers:
        yield Relation("answers", False, "True without requests", "nothing would be kept")


def step_wait_seconds(settings: Deployment) -> int:
    """Return how long alarms are watched after each step."""
    given = settings.step_wait_seconds
    return STEP_WAIT_SECONDS.get(settings.strategy, 0) if given is None else given


def deployment_relations(settings: Deployment) -> Iterator[Relation]:
    if settings.strategy == "linear" and settings.step_percent < 10:
        yield Relation("step_percent", settings.step_percent, "10 to 50 % with linear", "SageMaker LinearStepSize")
    steps = {"canary": 2, "linear": math.ceil(100 / max(1, settings.step_percent))}
    steps["rolling"] = steps["linear"]
    wait = step_wait_seconds(settings)
    waits = steps.get(settings.strategy, 1) * wait
    if settings.strategy != "rolling":
        waits += settings.termination_wait_seconds
    longest = settings.maximum_execution_seconds
    if waits > MAX_WAITS_SECONDS:
        bound = f"so that all waits, {waits} seconds, are at most {MAX_WAITS_SECONDS}"
        yield Relation("step_wait_seconds", wait, bound, "Terraform's AWS provider waits an hour for an endpoint")
    elif longest is not None and longest <= waits:
        bound = f"more than all waits, {waits} seconds"
        yield Relation("maximum_execution_seconds", longest, bound, "SageMaker MaximumExecutionTimeoutInSeconds")


def endpoint_relations(settings: EndpointSettings) -> Iterator[Relation]:
    yield from _variant_relations(settings)
    yield from served_model_relations(settings)
    if settings.shadow is not None:
        yield from _shadow_relations(settings, settings.shadow)
    if isinstance(settings.capacity, ServerlessCapacity):
        yield from _serverless_relations(settings)
    else:
        yield from _guard_relations(settings, settings.deployment)
    for name in ("subnet_ids", "security_group_ids") if settings.vpc is not None else ():
        if any(map(is_list_reference, getattr(settings.vpc, name))):
            bound = "Token.as_string(Fn.element(…, 0)) and so on"
            yield Relation(f"vpc.{name}", REFERENCE, bound, "the role's rights name each of them")
    if settings.network_isolation:
        for place, model in endpoint_models(settings):
            if isinstance(model, HuggingFaceModel):
                reason = "its container loads it from the Hub"
                yield Relation(place, model.model_id, "no Hub model with network_isolation", reason)


def endpoint_models(settings: EndpointSettings) -> Iterator[tuple[str, Model]]:
    """Yield each model that is set, and where."""
    yield "model", settings.model
    for position, variant in enumerate(settings.more_variants):
        if variant.model is not None:
            yield f"more_variants[{position}].model", variant.model
    if settings.shadow is not None and settings.shadow.model is not None:
        yield "shadow.model", settings.shadow.model


def _variant_relations(settings: EndpointSettings) -> Iterator[Relation]:
    variants = settings.more_variants
    if len(variants) >= MAX_VARIANTS:
        reason = "SageMaker ProductionVariants"
        yield Relation("more_variants", f"{len(variants)} variants", f"at most {MAX_VARIANTS - 1} of them", reason)
    names = {settings.variant_name}
    places = [(f"more_variants[{position}].name", variant) for position, variant in enumerate(variants)]
    for place, variant in [*places, *([("shadow.name", settings.shadow)] if settings.shadow else [])]:
        if variant.name in names:
            yield Relation(place, variant.name, "another name than the other variants'", "SageMaker VariantName")
        names.add(variant.name)
    if settings.weight == 0 and all(variant.weight == 0 for variant in variants):
        yield Relation("weight", 0, "1 or more, of one variant at least", "no variant would get requests")
    if variants and isinstance(settings.capacity, AsyncCapacity):
        reason = "it scales on a backlog that counts for the endpoint as a whole"
        yield Relation("more_variants", _names(variants), "none on an asynchronous endpoint", reason)


def _shadow_relations(settings: EndpointSettings, shadow: Variant) -> Iterator[Relation]:
    """Yield the exclusions that SageMaker's guide lists for shadow tests."""
    reason = "SageMaker ShadowProductionVariants"
    if settings.more_variants:
        yield Relation("more_variants", _names(settings.more_variants), "none with shadow", reason)
    if isinstance(settings.capacity, AsyncCapacity):
        yield Relation("shadow", shadow.name, "None on an asynchronous endpoint", reason)
    for place, model in endpoint_models(settings):
        if isinstance(model, ContainerModel) and model.multi_model:
            yield Relation(f"{place}.multi_model", True, "False with shadow", reason)
    for place, capacity in (("capacity", settings.capacity), ("shadow.capacity", shadow.capacity)):
        if isinstance(capacity, InstanceCapacity) and capacity.instance_type.startswith("ml.inf1."):
            yield Relation(
                f"{place}.instance_type", capacity.instance_type, "another than ml.inf1.* with shadow", reason
            )


def _serverless_relations(settings: EndpointSettings) -> Iterator[Relation]:
    if settings.more_variants:
        yield Relation(
            "more_variants", _names(settings.more_variants), "none on serverless capacity", SERVERLESS_REASON
        )
    given: dict[str, object] = {
        "shadow": settings.shadow and settings.shadow.name,
        "data_capture": settings.data_capture and settings.data_capture.location,
        "vpc": settings.vpc and settings.vpc.subnet_ids,
    }
    for name, value in given.items():
        if value is not None:
            yield Relation(name, value, "None on serverless capacity", SERVERLESS_REASON)
    if settings.network_isolation:
        yield Relation("network_isolation", True, "False on serverless capacity", SERVERLESS_REASON)
    for f in fields(Deployment):
        if (chosen := getattr(settings.deployment, f.name)) != f.default:
            yield Relation(f"deployment.{f.name}", chosen, "left out on serverless capacity", SERVERLESS_REASON)
    model = settings.model
    if isinstance(model, ContainerModel) and model.multi_model:
        yield Relation("model.multi_model", True, "False on serverless capacity", SERVERLESS_REASON)
    elif isinstance(model, ContainerModel) and model.model_data_prefix is not None:
        bound = "None on serverless capacity, with model_data_url"
        yield Relation("model.model_data_prefix", model.model_data_prefix, bound, "SageMaker ModelDataSource")
    elif isinstance(model, HuggingFaceModel) and "-gpu-" in model.image_tag:
        yield Relation("model.image_tag", model.image_tag, "a CPU image on serverless capacity", SERVERLESS_REASON)


def _guard_relations(settings: EndpointSettings, deployment: Deployment) -> Iterator[Relation]:
    variants = 1 + len(settings.more_variants)
    if deployment.strategy == "rolling" and settings.more_variants:
        reason = "SageMaker: rolling deployments are for one variant"
        yield Relation("deployment.strategy", "rolling", "another with more_variants", reason)
    yield from _step_relations(settings, deployment)
    created = variants * (2 if deployment.rollback_latency_ms is not None else 1)
    alarms = created + len(deployment.rollback_alarm_names)
    if alarms > MAX_ALARMS and variants <= MAX_VARIANTS:
        shown, reason = f"{alarms} alarms, {created} of them created here", "SageMaker AutoRollbackConfiguration"
        yield Relation("deployment.rollback_alarm_names", shown, f"at most {MAX_ALARMS} in all", reason)


def _step_relations(settings: EndpointSettings, deployment: Deployment) -> Iterator[Relation]:
    """Yield variants too small for steps: a step is an instance at least, and half of them at most."""
    if deployment.strategy == "all-at-once":
        return
    bound = f"at least {MIN_STEPPED_INSTANCES} with deployment.strategy {deployment.strategy}"
    reason = "SageMaker: a step is at most half of a variant's instances"
    for variant in settings.production_variants:
        place, capacity = variant.place, variant.capacity
        if isinstance(capacity, ServerlessCapacity):
            continue
        ranges = {place: capacity} | {f"{place}.schedule[{i}]": entry for i, entry in enumerate(capacity.schedule)}
        for where, range_ in ranges.items():
            if range_.min_instances < MIN_STEPPED_INSTANCES:
                yield Relation(f"{where}.min_instances", range_.min_instances, bound, reason)


def _names(variants: tuple[Variant, ...]) -> list[str]:
    return [variant.name for variant in variants]


ENDPOINT_RELATIONS: dict[type, Callable[[Any], Iterator[Relation]]] = {
    HuggingFaceModel: hugging_face_model_relations,
    ServedModel: served_models_relations,
    ContainerModel: container_model_relations,
    ModelPackage: model_package_relations,
    VpcSettings: vpc_relations,
    DataCapture: data_capture_relations,
    Deployment: deployment_relations,
    EndpointSettings: endpoint_relations,
}
