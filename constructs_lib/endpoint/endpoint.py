"""The SageMaker endpoint: models, endpoint configuration, endpoint, execution role; or one that exists."""

from collections.abc import Mapping, Sequence
from typing import Any

from constructs_lib.core.iam import ServiceRole, Statement
from constructs_lib.core.naming import DeployTarget, content_name
from constructs_lib.endpoint.autoscaling import make_autoscaling
from constructs_lib.endpoint.configuration import make_endpoint_configuration
from constructs_lib.endpoint.execution_role import make_execution_role
from constructs_lib.endpoint.models import ModelSource, make_sources
from constructs_lib.endpoint.rollback import RollbackAlarms, deployment_config, runs_on
from constructs_lib.settings import AsyncCapacity, EndpointSettings, ExistingEndpoint, ServerlessCapacity
from constructs_lib.validation.checker import require_valid

import jsii
from cdktf import ITerraformDependable, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from cdktf_cdktf_provider_aws.sagemaker_endpoint_configuration import SagemakerEndpointConfiguration
from cdktf_cdktf_provider_aws.sagemaker_model import SagemakerModel
from constructs import Construct


@jsii.implements(ITerraformDependable)
class ModelEndpoint(Construct):
    """Models behind a SageMaker endpoint.

    It creates: an execution role that can pull these images, read these models' data and write this endpoint's logs and
    metrics; the log group; models, endpoint configuration and endpoint; what scales them; unless it is serverless, the
    alarms that roll back.

    Model and configuration cannot be changed in place. Their names end in a hash of their content, so a change
    creates new ones first, moves the endpoint over (blue/green), and only then deletes the old.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        settings: EndpointSettings,
        notifications: tuple[str, str] | None = None,
        queue_name: str | None = None,
        reads: Sequence[Statement] = (),
        depends_on: Sequence[ITerraformDependable] = (),
    ) -> None:
        """`notifications` are the ARNs of the success and error topics of an asynchronous endpoint; `queue_name` is
        the work queue's, for `queue_scaling`; `reads` are rights to asynchronous requests that lie elsewhere than in
        `request_location`; `depends_on` holds what must exist before the endpoint, such as the topics.

        Raises SettingsError if settings are out of bounds.
        """
        super().__init__(scope, id_)
        require_valid(self, settings)
        self.name = name
        self.settings = settings
        self.deploy_target = DeployTarget.of(self)
        self.arn = self.deploy_target.arn("sagemaker", f"endpoint/{name}")
        log_group = self._make_log_group()
        alarms = self._make_alarms()
        sources = make_sources(self, name, settings)
        self.role = make_execution_role(
            self,
            name=name,
            settings=settings,
            sources=sources.values(),
            log_group=log_group.name_input or "",
            alarm_names=alarms.names if alarms else [],
            topic_arns=notifications or (),
            reads=reads,
        )
        configuration = make_endpoint_configuration(
            self, name=name, settings=settings, models=self._make_models(sources), notifications=notifications or ()
        )
        # Named in plain text: the log group, which SageMaker would create without retention, and the alarms.
        named = [log_group, *(alarms.alarms if alarms else [])]
        self.endpoint = self._make_endpoint(configuration, alarms, [*named, *depends_on])
        self._make_autoscaling(queue_name)
        self.dependencies: Sequence[ITerraformDependable] = [self.endpoint]
        self.name_output = self.endpoint.name

    def _make_endpoint(
        self,
        configuration: SagemakerEndpointConfiguration,
        alarms: RollbackAlarms | None,
        depends_on: list[ITerraformDependable],
    ) -> SagemakerEndpoint:
        return SagemakerEndpoint(
            self,
            "endpoint",
            name=self.name,
            endpoint_config_name=configuration.name,
            deployment_config=deployment_config(self.settings.deployment, alarms.names) if alarms else None,
            lifecycle=TerraformResourceLifecycle(
                postcondition=[runs_on(self.name, configuration, alarms.names if alarms else ())]
            ),
            depends_on=depends_on,
        )

    @property
    def fqn(self) -> str:
        """Address of the endpoint: what `depends_on=[endpoint]` means."""
        return self.endpoint.fqn

    def grant_invoke(self, role: ServiceRole, inference_components: Sequence[str] = ()) -> None:
        """Let the role send requests to this endpoint, and to those inference components on it."""
        asynchronous = isinstance(self.settings.capacity, AsyncCapacity)
        _grant_invoke(role, self.deploy_target, self.arn, inference_components, asynchronous=asynchronous)

    def _make_log_group(self) -> CloudwatchLogGroup:
        return CloudwatchLogGroup(
            self,
            "logs",
            name=f"/aws/sagemaker/Endpoints/{self.name}",
            retention_in_days=self.settings.log_retention_days,
            kms_key_id=self.settings.log_key_arn,
        )

    def _make_alarms(self) -> RollbackAlarms | None:
        settings = self.settings
        if isinstance(settings.capacity, ServerlessCapacity):
            return None
        # Always: the provider replaces an endpoint, which then is gone for minutes, when its rollback comes or goes.
        variants = [variant.name for variant in settings.production_variants]
        return RollbackAlarms(
            self, "rollback", endpoint_name=self.name, variants=variants, deployment=settings.deployment
        )

    def _make_models(self, sources: Mapping[str, ModelSource]) -> dict[str, SagemakerModel]:
        """Create each source's model once; return them by the name of the variant."""
        distinct = {source.id: source for source in sources.values()}
        created = {id_: self._make_model(source) for id_, source in distinct.items()}
        return {variant: created[source.id] for variant, source in sources.items()}

    def _make_model(self, source: ModelSource) -> SagemakerModel:
        vpc, arguments = self.settings.vpc, dict[str, Any]()
        if vpc is not None:
            arguments["vpc_config"] = {
                "subnets": list(vpc.subnet_ids),
                "security_group_ids": list(vpc.security_group_ids),
            }
        if self.settings.network_isolation:
            arguments["enable_network_isolation"] = True
        role = self.settings.role.arn if self.settings.role else None
        return SagemakerModel(
            self,
            f"model{source.id}",
            name=content_name(self, f"model{source.id}", self.name, [source.identity, arguments, role]),
            execution_role_arn=self.role.arn,
            primary_container=source.render(),
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
            depends_on=[*self.role.policies, *source.dependencies],
            **arguments,
        )

    def _make_autoscaling(self, queue_name: str | None) -> None:
        for variant in (*self.settings.production_variants, *self.settings.shadow_variants):
            own = variant.name == self.settings.variant_name
            make_autoscaling(
                self,
                "autoscaling" if own else f"autoscaling-{variant.name}",
                endpoint=self.endpoint,
                endpoint_name=self.name,
                variant_name=variant.name,
                capacity=variant.capacity,
                queue_name=queue_name,
            )


class ExistingModelEndpoint:
    """An endpoint that exists: nothing is created; requests to it can be granted."""

    def __init__(
        self, scope: Construct, settings: ExistingEndpoint, *, endpoint: SagemakerEndpoint | None = None
    ) -> None:
        """`endpoint` is the resource, if it is in this stack. Raises SettingsError if settings are out of bounds."""
        require_valid(scope, settings)
        self.name = self.name_output = settings.name
        self.settings = settings
        self.deploy_target = DeployTarget.of(scope)
        self.arn = self.deploy_target.arn("sagemaker", f"endpoint/{settings.name}")
        self.dependencies: Sequence[ITerraformDependable] = [endpoint] if endpoint else []

    def grant_invoke(self, role: ServiceRole, inference_components: Sequence[str] = ()) -> None:
        """Let the role send requests to this endpoint, and to those inference components on it."""
        _grant_invoke(role, self.deploy_target, self.arn, inference_components)


def _grant_invoke(
    role: ServiceRole,
    deploy_target: DeployTarget,
    arn: str,
    inference_components: Sequence[str],
    *,
    asynchronous: bool = False,
) -> None:
    action = "sagemaker:InvokeEndpointAsync" if asynchronous else "sagemaker:InvokeEndpoint"
    components = [deploy_target.arn("sagemaker", f"inference-component/{name}") for name in inference_components]
    resources = [arn, *components]
    role.allow("invoke-endpoint", Statement(actions=[action], resources=resources))
