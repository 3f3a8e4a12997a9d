"""Reads the endpoint of a pipeline and what scales it from the synthesized template."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capacity.deployed import Endpoint, Source, Variant
from capacity.json_blocks import addresses, every, number, only, real
from capacity.scaling_settings import Entry, Scaling, Step
from handler.settings import HandlerSettings
from local.template import Block, Template

# Written by constructs_lib.endpoint.configuration as a comment, because AWS has no such setting.
COMMENT = "concurrent_requests_per_instance"
ASSUMED_CONCURRENT_REQUESTS = 4
METRICS = {
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": "concurrent",
    "SageMakerVariantInvocationsPerInstance": "invocations",
    "SageMakerVariantProvisionedConcurrencyUtilization": "utilization",
    "ApproximateBacklogSizePerInstance": "backlog",
}


def read_endpoint(template: Template, handler: HandlerSettings, source: Source) -> tuple[Endpoint, Sequence[str]]:
    """Return the endpoint that the function invokes, and what had to be assumed of it."""
    for block in template.of_type("aws_sagemaker_endpoint"):
        if handler.endpoint_name in (block.arguments.get("name"), f"${{{block.address}.name}}"):
            return _Reader(template, str(block.arguments.get("name"))).endpoint(block)
    admitted = (source.maximum_concurrency or 1000) * handler.requests_in_flight
    note = (
        f"the endpoint {handler.endpoint_name} is not in this stack: it is taken to serve the {admitted} requests "
        "that the event source admits at once, and its cost is left out"
    )
    return Endpoint(variants=[Variant(name="existing", concurrent_requests=admitted)], existing=True), [note]


class _Reader:
    def __init__(self, template: Template, name: str) -> None:
        self._template = template
        self._name = name
        self._notes: list[str] = []

    def endpoint(self, block: Block) -> tuple[Endpoint, Sequence[str]]:
        configuration = next(
            self._template.blocks[address]
            for address in addresses(block.arguments["endpoint_config_name"])
            if address in self._template.blocks
        )
        arguments = configuration.arguments
        variants = [
            self._variant(configuration, one, shadow=shadow)
            for key, shadow in (("production_variants", False), ("shadow_production_variants", True))
            for one in every(arguments.get(key))
        ]
        endpoint = Endpoint(
            variants=variants,
            queues_requests="async_inference_config" in arguments,
            data_capture="data_capture_config" in arguments,
        )
        return endpoint, self._notes

    def _variant(self, configuration: Block, one: Mapping[str, Any], *, shadow: bool) -> Variant:
        name, serverless = one["variant_name"], only(one.get("serverless_config"))
        shared: dict[str, Any] = {
            "name": name,
            "weight": real(configuration, "initial_variant_weight", 1, one),
            "shadow": shadow,
            "scaling": self._scaling(name),
        }
        if serverless:
            return Variant(
                **shared,
                memory_mib=number(configuration, "memory_size_in_mb", 2048, serverless),
                concurrent_requests=number(configuration, "max_concurrency", 1, serverless),
                provisioned_concurrency=number(configuration, "provisioned_concurrency", 0, serverless),
            )
        return Variant(
            **shared,
            instance_type=one["instance_type"],
            instances=number(configuration, "initial_instance_count", 1, one),
            concurrent_requests=self._concurrent_requests(configuration, name),
            random_routing=any(entry.get("routing_strategy") == "RANDOM" for entry in every(one.get("routing_config"))),
        )

    def _concurrent_requests(self, configuration: Block, variant: str) -> int:
        client = only(only(configuration.arguments.get("async_inference_config")).get("client_config"))
        if most := number(configuration, "max_concurrent_invocations_per_instance", 0, client):
            return most
        if (said := configuration.comment.get(COMMENT, {}).get(variant)) is not None:
            return int(said)
        self._notes.append(
            f"the template does not say how many requests an instance of {variant} serves at once: "
            f"{ASSUMED_CONCURRENT_REQUESTS} are assumed"
        )
        return ASSUMED_CONCURRENT_REQUESTS

    def _scaling(self, variant: str) -> Scaling | None:
        target = next(
            (
                block
                for block in self._template.of_type("aws_appautoscaling_target")
                if block.arguments.get("resource_id") == f"endpoint/{self._name}/variant/{variant}"
            ),
            None,
        )
        if target is None:
            return None
        policies = [*self._of_target("aws_appautoscaling_policy", target)]
        tracking = [only(p.arguments.get("target_tracking_scaling_policy_configuration")) for p in policies]
        return Scaling(
            minimum=number(target, "min_capacity", 1),
            maximum=number(target, "max_capacity", 1),
            **next((_tracked(policy, one) for policy, one in zip(policies, tracking, strict=True) if one), {}),
            steps=[step for policy in policies for step in self._steps(policy)],
            schedule=[_entry(action) for action in self._of_target("aws_appautoscaling_scheduled_action", target)],
        )

    def _of_target(self, type_: str, target: Block) -> Iterator[Block]:
        for block in self._template.of_type(type_):
            if target.address in addresses(block.arguments.get("resource_id")):
                yield block

    def _steps(self, policy: Block) -> Iterator[Step]:
        """Yield the steps of a policy, one for each alarm that calls it."""
        configuration = only(policy.arguments.get("step_scaling_policy_configuration"))
        if not configuration:
            return
        adjustment = only(configuration.get("step_adjustment"))
        for block in self._template.of_type("aws_cloudwatch_metric_alarm"):
            if policy.address in addresses(block.arguments.get("alarm_actions")):
                yield Step(
                    metric=block.arguments["metric_name"],
                    threshold=real(block, "threshold", 1),
                    add=number(policy, "scaling_adjustment", 1, adjustment),
                    cooldown_seconds=number(policy, "cooldown", 300, configuration),
                )


def _tracked(policy: Block, configuration: Mapping[str, Any]) -> dict[str, Any]:
    predefined = only(configuration.get("predefined_metric_specification")).get("predefined_metric_type", "")
    customized = only(configuration.get("customized_metric_specification")).get("metric_name", "")
    return {
        "metric": METRICS.get(predefined or customized, "concurrent"),
        "target": real(policy, "target_value", 1, configuration),
        # Application Auto Scaling: 300 s where a SageMaker variant sets none
        # (docs.aws.amazon.com/autoscaling/application/APIReference, TargetTrackingScalingPolicyConfiguration).
        "scale_in_cooldown_seconds": number(policy, "scale_in_cooldown", 300, configuration),
        "scale_out_cooldown_seconds": number(policy, "scale_out_cooldown", 300, configuration),
    }


def _entry(action: Block) -> Entry:
    limits = only(action.arguments.get("scalable_target_action"))
    return Entry(
        schedule=action.arguments["schedule"],
        timezone=action.arguments.get("timezone") or "UTC",
        minimum=number(action, "min_capacity", 0, limits),
        maximum=number(action, "max_capacity", 0, limits),
    )
