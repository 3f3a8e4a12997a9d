"""The endpoint configuration: variants, their capacity, and data capture."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from constructs_lib.core.naming import content_name
from constructs_lib.settings import (
    AsyncCapacity,
    Capacity,
    DataCapture,
    EndpointSettings,
    InstanceCapacity,
    ServerlessCapacity,
    ServingVariant,
)

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.sagemaker_endpoint_configuration import (
    SagemakerEndpointConfiguration,
    SagemakerEndpointConfigurationDataCaptureConfigCaptureOptions,
    SagemakerEndpointConfigurationProductionVariants,
    SagemakerEndpointConfigurationProductionVariantsRoutingConfig,
    SagemakerEndpointConfigurationShadowProductionVariants,
    SagemakerEndpointConfigurationShadowProductionVariantsRoutingConfig,
)
from cdktf_cdktf_provider_aws.sagemaker_model import SagemakerModel
from constructs import Construct

# In the place of a number of warm containers that scaling owns: a configuration without any is another one.
SCALED = "scaled"


def make_endpoint_configuration(
    scope: Construct,
    *,
    name: str,
    settings: EndpointSettings,
    models: Mapping[str, SagemakerModel],
    notifications: Sequence[str] = (),
) -> SagemakerEndpointConfiguration:
    """Make a configuration whose name changes with its content.

    `models` are by the name of the variant; `notifications` the success and the error topic's ARN.
    """
    production, shadows = settings.production_variants, settings.shadow_variants
    rest = _arguments(
        async_inference_config=_async_inference_config(settings.capacity, notifications),
        data_capture_config=settings.data_capture and _data_capture_config(settings.data_capture),
        kms_key_arn=settings.volume_key_arn,
    )
    identity = [
        [[models[variant.name].name_input, _variant_arguments(variant, scaled=False)] for variant in variants]
        for variants in (production, shadows)
    ]
    if capture := rest.get("data_capture_config"):
        options = capture["capture_options"]
        rendered = [SagemakerEndpointConfigurationDataCaptureConfigCaptureOptions(**option) for option in options]
        arguments = {**rest, "data_capture_config": {**capture, "capture_options": rendered}}
    else:
        arguments = rest
    scaled = [*_scaled("production_variants", production), *_scaled("shadow_production_variants", shadows)]
    id_ = _construct_id(settings.capacity)
    configuration = SagemakerEndpointConfiguration(
        scope,
        id_,
        name=content_name(scope, id_, name, [identity, rest]),
        production_variants=_blocks(
            SagemakerEndpointConfigurationProductionVariants,
            SagemakerEndpointConfigurationProductionVariantsRoutingConfig,
            production,
            models,
        ),
        shadow_production_variants=_blocks(
            SagemakerEndpointConfigurationShadowProductionVariants,
            SagemakerEndpointConfigurationShadowProductionVariantsRoutingConfig,
            shadows,
            models,
        )
        or None,
        lifecycle=TerraformResourceLifecycle(create_before_destroy=True, ignore_changes=scaled or None),
        **arguments,
    )
    if concurrent := {variant.name: served for variant in (*production, *shadows) if (served := _served(variant))}:
        # A comment, which Terraform does not read: AWS has no such setting, and who plans capacity asks for it.
        configuration.add_override("//.concurrent_requests_per_instance", concurrent)
    return configuration


def _served(variant: ServingVariant) -> int | None:
    """Return the requests that a real-time instance of the variant serves at once; None of any other capacity."""
    return variant.capacity.concurrent_requests_per_instance if isinstance(variant.capacity, InstanceCapacity) else None


def _construct_id(capacity: Capacity) -> str:
    """Return an id of its own for warm containers that are scaled.

    Where one configuration replaces another, Terraform keeps what it must ignore as it was, also where it was not set:
    scaling would find no warm containers to begin with.
    """
    scaled = isinstance(capacity, ServerlessCapacity) and capacity.is_scaled
    return "configuration-scaled" if scaled else "configuration"


def _blocks(
    block: type[Any], routing: type[Any], variants: Sequence[ServingVariant], models: Mapping[str, SagemakerModel]
) -> list[Any]:
    """Return a block of the bindings for each variant; each kind of variant has classes of its own."""
    blocks = []
    for variant in variants:
        arguments = _variant_arguments(variant)
        if "routing_config" in arguments:
            arguments["routing_config"] = [routing(**entry) for entry in arguments["routing_config"]]
        blocks.append(block(model_name=models[variant.name].name, **arguments))
    return blocks


def _variant_arguments(variant: ServingVariant, *, scaled: bool = True) -> dict[str, Any]:
    """Return a variant's arguments; those that scaling owns must not be part of the content that is hashed."""
    capacity, own = variant.capacity, scaled or not variant.capacity.is_scaled
    shared = {"variant_name": variant.name, "initial_variant_weight": variant.weight}
    if isinstance(capacity, ServerlessCapacity):
        serverless = _arguments(
            memory_size_in_mb=capacity.memory_mib,
            max_concurrency=capacity.max_concurrency,
            provisioned_concurrency=capacity.provisioned_concurrency if own else SCALED,
        )
        return {**shared, "serverless_config": serverless}
    return {
        **shared,
        **_arguments(
            instance_type=capacity.instance_type,
            # SageMaker starts with one at least, also where scaling then takes them to zero.
            initial_instance_count=max(1, capacity.min_instances) if own else None,
            volume_size_in_gb=capacity.volume_gib,
            model_data_download_timeout_in_seconds=capacity.model_download_timeout_seconds,
            container_startup_health_check_timeout_in_seconds=capacity.startup_timeout_seconds,
            inference_ami_version=capacity.inference_ami_version,
        ),
        **({"routing_config": _routing(capacity)} if isinstance(capacity, InstanceCapacity) else {}),
    }


def _routing(capacity: InstanceCapacity) -> list[dict[str, str]]:
    return [{"routing_strategy": capacity.routing_strategy}]


def _scaled(argument: str, variants: Sequence[ServingVariant]) -> Iterator[str]:
    """Yield what Terraform must leave as it is: scaling owns it, and each change of it would create a configuration."""
    for position, variant in enumerate(variants):
        if variant.capacity.is_scaled:
            serverless = isinstance(variant.capacity, ServerlessCapacity)
            count = "serverless_config[0].provisioned_concurrency" if serverless else "initial_instance_count"
            yield f"{argument}[{position}].{count}"


def _async_inference_config(capacity: Capacity, notifications: Sequence[str]) -> dict[str, Any] | None:
    if not isinstance(capacity, AsyncCapacity):
        return None
    topics = dict(zip(("success_topic", "error_topic"), notifications, strict=False))
    return {
        "client_config": {"max_concurrent_invocations_per_instance": capacity.concurrent_requests_per_instance},
        "output_config": _arguments(
            s3_output_path=capacity.output_location,
            s3_failure_path=capacity.failure_location,
            kms_key_id=capacity.output_key_arn,
            notification_config=topics or None,
        ),
    }


def _data_capture_config(capture: DataCapture) -> dict[str, Any]:
    modes = [mode for mode, kept in (("Input", capture.requests), ("Output", capture.answers)) if kept]
    return _arguments(
        enable_capture=True,
        initial_sampling_percentage=capture.sampling_percent,
        destination_s3_uri=capture.location,
        kms_key_id=capture.kms_key_arn,
        capture_options=[{"capture_mode": mode} for mode in modes],
    )


def _arguments(**arguments: Any) -> dict[str, Any]:
    """Return those which are set."""
    return {name: value for name, value in arguments.items() if value is not None}
