"""The SageMaker endpoint: model, endpoint configuration, endpoint, execution role."""

import hashlib
import json
import re
from typing import Any

from constructs_lib.autoscaling import make_autoscaling, owns_count
from constructs_lib.iam import ServiceRole, Statement
from constructs_lib.naming import Environment
from constructs_lib.settings import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    HuggingFaceModel,
    ServerlessCapacity,
)
from constructs_lib.validation import require_valid

from cdktf import DefaultTokenResolver, StringConcat, TerraformResourceLifecycle, Tokenization
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.data_aws_sagemaker_prebuilt_ecr_image import DataAwsSagemakerPrebuiltEcrImage
from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from cdktf_cdktf_provider_aws.sagemaker_endpoint_configuration import (
    SagemakerEndpointConfiguration,
    SagemakerEndpointConfigurationAsyncInferenceConfig,
    SagemakerEndpointConfigurationAsyncInferenceConfigClientConfig,
    SagemakerEndpointConfigurationAsyncInferenceConfigOutputConfig,
    SagemakerEndpointConfigurationAsyncInferenceConfigOutputConfigNotificationConfig,
    SagemakerEndpointConfigurationProductionVariants,
    SagemakerEndpointConfigurationProductionVariantsServerlessConfig,
)
from cdktf_cdktf_provider_aws.sagemaker_model import SagemakerModel, SagemakerModelPrimaryContainer
from constructs import Construct

HUGGING_FACE_REPOSITORY = "huggingface-pytorch-inference"


class ModelEndpoint(Construct):
    """A model behind a SageMaker endpoint.

    It makes: an execution role that can pull this image, read this model data and write this endpoint's logs and
    metrics; the log group; model, endpoint configuration and endpoint; for instances, their autoscaling.

    Model and configuration cannot be changed in place. Their names end in a hash of their content, so a change
    makes new ones first, moves the endpoint over (blue/green), and only then deletes the old.
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
    ) -> None:
        """`notifications` are the ARNs of the success and error topics of an asynchronous endpoint; `queue_name` is
        the work queue's, for `queue_scaling`.

        Raises SettingsError if settings are out of bounds.
        """
        super().__init__(scope, id_)
        require_valid(self, settings)
        self.name = name
        self.settings = settings
        self._notifications = notifications
        self.environment = Environment.of(self)
        self.arn = self.environment.arn("sagemaker", f"endpoint/{name}")
        image_uri, repository_arn = self._image()
        self.role = self._make_role(repository_arn)
        model = self._make_model(image_uri)
        configuration = self._make_configuration(model)
        self.endpoint = SagemakerEndpoint(self, "endpoint", name=name, endpoint_config_name=configuration.name)
        make_autoscaling(
            self,
            "autoscaling",
            endpoint=self.endpoint,
            endpoint_name=name,
            variant_name=settings.variant_name,
            capacity=settings.capacity,
            queue_name=queue_name,
        )

    def grant_invoke(self, role: ServiceRole, inference_component: str | None = None) -> None:
        """Let the role send requests to this endpoint, and to that inference component on it."""
        resources = [self.arn]
        if inference_component:
            resources.append(self.environment.arn("sagemaker", f"inference-component/{inference_component}"))
        role.allow("invoke-endpoint", Statement(actions=["sagemaker:InvokeEndpoint"], resources=resources))

    def _image(self) -> tuple[str, str]:
        """Return the image URI and the ARN of its ECR repository, which is in AWS's account for prebuilt images."""
        model = self.settings.model
        if isinstance(model, HuggingFaceModel):
            prebuilt = DataAwsSagemakerPrebuiltEcrImage(
                self, "image", repository_name=HUGGING_FACE_REPOSITORY, image_tag=model.image_tag
            )
            account, region, repository = prebuilt.registry_id, self.environment.region, HUGGING_FACE_REPOSITORY
            image_uri = prebuilt.registry_path
        else:
            image_uri = model.image_uri
            parts = re.fullmatch(r"(\d+)\.dkr\.ecr\.([^.]+)\.[^/]+/([^:@]+)[:@].+", image_uri)
            # A Terraform reference instead of text: the repository can't be told, only the account's own admitted.
            account, region, repository = (
                parts.groups() if parts else (self.environment.account, self.environment.region, "*")
            )
        return image_uri, f"arn:{self.environment.partition}:ecr:{region}:{account}:repository/{repository}"

    def _make_role(self, repository_arn: str) -> ServiceRole:
        log_group = f"/aws/sagemaker/Endpoints/{self.name}"
        CloudwatchLogGroup(self, "logs", name=log_group, retention_in_days=self.settings.log_retention_days)
        role = ServiceRole(
            self,
            "role",
            name=f"{self.name}-endpoint",
            service="sagemaker",
            description=f"Containers of the SageMaker endpoint {self.name}",
        )
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        role.allow(
            "pull-image",
            Statement(actions=pull, resources=[repository_arn]),
            # The token is the account's, not a repository's: no resource-level permission exists (Service
            # Authorization Reference, Amazon ECR).
            Statement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        )
        log_group_arn = self.environment.log_group_arn(log_group)
        role.allow(
            "write-logs-and-metrics",
            Statement(
                actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                resources=[log_group_arn, f"{log_group_arn}:log-stream:*"],
            ),
            # CloudWatch has no resource-level permission for it (Service Authorization Reference); the condition
            # leaves only the namespace of endpoint instances.
            Statement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Endpoints"}},
            ),
        )
        model = self.settings.model
        if isinstance(model, ContainerModel) and model.model_data_url:
            archive = model.model_data_url.removeprefix("s3://")
            resource = f"arn:{self.environment.partition}:s3:::{archive}"
            role.allow("read-model", Statement(actions=["s3:GetObject"], resources=[resource]))
        return role

    def _make_model(self, image_uri: str) -> SagemakerModel:
        model = self.settings.model
        if isinstance(model, HuggingFaceModel):
            made = {"HF_MODEL_ID": model.model_id, "HF_TASK": model.task}
            if model.revision is not None:
                made["HF_MODEL_REVISION"] = model.revision
            environment, model_data_url = {**made, **model.environment}, None
        else:
            environment, model_data_url = dict(model.environment), model.model_data_url
        # The reference to a prebuilt image looks the same whatever the tag is.
        image = [HUGGING_FACE_REPOSITORY, model.image_tag] if isinstance(model, HuggingFaceModel) else [image_uri]
        definition = [image, model_data_url, environment]
        return SagemakerModel(
            self,
            "model",
            name=f"{self.name}-{self._content_hash(definition)}",
            execution_role_arn=self.role.arn,
            primary_container=SagemakerModelPrimaryContainer(
                image=image_uri, model_data_url=model_data_url, environment=environment or None
            ),
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
            depends_on=self.role.policies,
        )

    def _make_configuration(self, model: SagemakerModel) -> SagemakerEndpointConfiguration:
        capacity = self.settings.capacity
        lifecycle: dict[str, Any] = {"create_before_destroy": True}
        sizing: dict[str, Any]
        if isinstance(capacity, ServerlessCapacity):
            identity: list[object] = [capacity.memory_mib, capacity.max_concurrency]
            sizing = {
                "serverless_config": SagemakerEndpointConfigurationProductionVariantsServerlessConfig(
                    memory_size_in_mb=capacity.memory_mib,
                    max_concurrency=capacity.max_concurrency,
                    provisioned_concurrency=capacity.provisioned_concurrency,
                )
            }
            if owns_count(capacity):
                lifecycle["ignore_changes"] = ["production_variants[0].serverless_config[0].provisioned_concurrency"]
            elif capacity.provisioned_concurrency is not None:
                identity.append(capacity.provisioned_concurrency)
        else:
            identity = [capacity.instance_type]
            # An asynchronous endpoint is made with one instance at least; scaling then takes it to zero.
            initial = max(1, capacity.min_instances)
            sizing = {"instance_type": capacity.instance_type, "initial_instance_count": initial}
            if not owns_count(capacity):
                identity.append(capacity.min_instances)
            else:
                # Scaling owns the count: the one to start with must not make a new configuration.
                lifecycle["ignore_changes"] = ["production_variants[0].initial_instance_count"]
        return SagemakerEndpointConfiguration(
            self,
            "configuration",
            name=f"{self.name}-{self._content_hash([model.name_input, self.settings.variant_name, identity])}",
            production_variants=[
                SagemakerEndpointConfigurationProductionVariants(
                    variant_name=self.settings.variant_name, model_name=model.name, initial_variant_weight=1, **sizing
                )
            ],
            async_inference_config=self._async_inference_config(),
            lifecycle=TerraformResourceLifecycle(**lifecycle),
        )

    def _async_inference_config(self) -> SagemakerEndpointConfigurationAsyncInferenceConfig | None:
        capacity = self.settings.capacity
        if not isinstance(capacity, AsyncCapacity):
            return None
        success, error = self._notifications or (None, None)
        return SagemakerEndpointConfigurationAsyncInferenceConfig(
            client_config=SagemakerEndpointConfigurationAsyncInferenceConfigClientConfig(
                max_concurrent_invocations_per_instance=capacity.concurrent_requests_per_instance
            ),
            output_config=SagemakerEndpointConfigurationAsyncInferenceConfigOutputConfig(
                s3_output_path=capacity.output_location,
                notification_config=SagemakerEndpointConfigurationAsyncInferenceConfigOutputConfigNotificationConfig(
                    success_topic=success, error_topic=error
                ),
            ),
        )

    def _content_hash(self, content: object) -> str:
        """Return 8 hex digits that change with the content; references count by what they refer to."""
        text = json.dumps(content, sort_keys=True)
        if "${TfToken" in text:
            resolver = DefaultTokenResolver(StringConcat())
            text = Tokenization.resolve(text, scope=self, preparing=False, resolver=resolver)
        return hashlib.sha256(text.encode()).hexdigest()[:8]
