"""Binds queue to function. What must agree between the two, and with the endpoint, is derived and checked here."""

import json
from collections.abc import Sequence
from dataclasses import replace

from constructs_lib.function.function import BatchInferenceFunction
from constructs_lib.messaging.queue import Queue
from constructs_lib.settings import EventSourceSettings
from constructs_lib.validation.checker import SettingsError, require_valid
from constructs_lib.validation.cross_resource import binding_violations

from cdktf import ITerraformDependable, TerraformResource
from cdktf_cdktf_provider_aws.lambda_event_source_mapping import (
    LambdaEventSourceMapping,
    LambdaEventSourceMappingFilterCriteria,
    LambdaEventSourceMappingFilterCriteriaFilter,
    LambdaEventSourceMappingMetricsConfig,
    LambdaEventSourceMappingProvisionedPollerConfig,
    LambdaEventSourceMappingScalingConfig,
)
from constructs import Construct


class QueueEventSource(Construct):
    """The event source mapping: batches, partial batch responses, and a bound on concurrency."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        queue: Queue,
        function: BatchInferenceFunction,
        settings: EventSourceSettings = EventSourceSettings(),
        depends_on: Sequence[ITerraformDependable] = (),
    ) -> None:
        """`depends_on` is what must exist before the first message flows, for instance the endpoint.

        Raises SettingsError if settings are out of bounds, or don't fit the queue's and the function's.
        """
        super().__init__(scope, id_)
        require_valid(self, settings)
        if violations := list(binding_violations("", queue.settings, function.settings, settings)):
            raise SettingsError(replace(v, path=self.node.path) for v in violations)
        queue.grant_consume(function.role)
        self.mapping = LambdaEventSourceMapping(
            self,
            "mapping",
            event_source_arn=queue.resource_arn,
            function_name=function.arn,
            batch_size=settings.batch_size,
            maximum_batching_window_in_seconds=settings.batching_window_seconds,
            enabled=settings.enabled,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=None
            if settings.maximum_concurrency is None
            else LambdaEventSourceMappingScalingConfig(maximum_concurrency=settings.maximum_concurrency),
            provisioned_poller_config=None
            if settings.provisioned_pollers is None
            else LambdaEventSourceMappingProvisionedPollerConfig(
                minimum_pollers=settings.provisioned_pollers.minimum,
                maximum_pollers=settings.provisioned_pollers.maximum,
            ),
            filter_criteria=_filter_criteria(settings),
            kms_key_arn=settings.filter_key_arn,
            metrics_config=LambdaEventSourceMappingMetricsConfig(metrics=["EventCount"]) if settings.metrics else None,
            # Without the right to read the queue, Lambda keeps retrying the creation for minutes; without the others,
            # or without an endpoint, the first messages would use up their receives.
            depends_on=[*function.role.policies, *function.dependencies, *depends_on],
        )

    def wait_for(self, resource: TerraformResource) -> None:
        """Let no message flow before the resource exists."""
        address = f"{resource.terraform_resource_type}.{resource.friendly_unique_id}"
        self.mapping.depends_on = [*(self.mapping.depends_on or ()), address]


def _filter_criteria(settings: EventSourceSettings) -> LambdaEventSourceMappingFilterCriteria | None:
    patterns = [LambdaEventSourceMappingFilterCriteriaFilter(pattern=json.dumps(one)) for one in settings.filters]
    return LambdaEventSourceMappingFilterCriteria(filter=patterns) if patterns else None
