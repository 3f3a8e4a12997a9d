"""The Lambda function that holds the handler: its role, its logs, its code."""

import base64

from constructs_lib.findings import accept
from constructs_lib.iam import ServiceRole, Statement
from constructs_lib.naming import Environment
from constructs_lib.packaging import package_handler
from constructs_lib.settings import FunctionSettings
from constructs_lib.validation import require_valid

from cdktf import AssetType, TerraformAsset
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionEnvironment,
    LambdaFunctionLoggingConfig,
    LambdaFunctionTracingConfig,
)
from constructs import Construct

from handler.settings import HandlerSettings


class BatchInferenceFunction(Construct):
    """The handler as a Lambda function.

    It makes: a role that can write this function's logs and traces, the log group with its retention, the zip,
    and the function with JSON logs. What it may read, invoke and send to is granted by those constructs.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        handler_settings: HandlerSettings,
        settings: FunctionSettings = FunctionSettings(),
    ) -> None:
        """Raises SettingsError if settings are out of bounds."""
        super().__init__(scope, id_)
        require_valid(self, settings)
        self.name = name
        self.settings = settings
        self.role = ServiceRole(
            self,
            "role",
            name=name,
            service="lambda",
            description=f"The batch inference function {name}",
        )
        log_group = self._make_log_group(settings)
        if settings.tracing:
            # X-Ray has no resource-level permission for them (Service Authorization Reference, AWS X-Ray).
            actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
            self.role.allow("write-traces", Statement(actions=actions, resources=["*"]))
        self.function = self._make_function(settings, handler_settings, log_group)
        reason = "failed messages reach the dead-letter queue by redrive, failed notifications by a failure destination"
        accept(self.function, "CKV_AWS_116", reason)
        self.arn = self.function.arn

    def _make_log_group(self, settings: FunctionSettings) -> CloudwatchLogGroup:
        log_group_name = f"/aws/lambda/{self.name}"
        stream = f"{Environment.of(self).log_group_arn(log_group_name)}:log-stream:*"
        write = Statement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[stream])
        self.role.allow("write-logs", write)
        return CloudwatchLogGroup(self, "logs", name=log_group_name, retention_in_days=settings.log_retention_days)

    def _make_function(
        self, settings: FunctionSettings, handler_settings: HandlerSettings, log_group: CloudwatchLogGroup
    ) -> LambdaFunction:
        archive, content_hash = package_handler()
        code = TerraformAsset(self, "code", path=str(archive), type=AssetType.FILE, asset_hash=content_hash[:32])
        return LambdaFunction(
            self,
            "function",
            function_name=self.name,
            description="Scores SQS messages in batches with a SageMaker endpoint",
            role=self.role.arn,
            runtime=settings.runtime,
            architectures=[settings.architecture],
            layers=list(settings.layers) or None,
            handler="handler.index.handler",
            filename=code.path,
            source_code_hash=base64.b64encode(bytes.fromhex(content_hash)).decode(),
            memory_size=settings.memory_mib,
            timeout=settings.timeout_seconds,
            reserved_concurrent_executions=settings.reserved_concurrency,
            environment=LambdaFunctionEnvironment(variables=handler_settings.to_environment()),
            logging_config=LambdaFunctionLoggingConfig(
                log_format="JSON",
                # Never above INFO: Lambda takes the metrics line, which has no level, for INFO. The handler's own
                # logger keeps to `log_level`.
                application_log_level="DEBUG" if settings.log_level == "DEBUG" else "INFO",
                system_log_level="WARN",
                log_group=log_group.name,
            ),
            tracing_config=LambdaFunctionTracingConfig(mode="Active") if settings.tracing else None,
            # The first invocation must find the rights it writes its logs with.
            depends_on=self.role.policies,
        )
