"""The Lambda function that holds the handler: its role, its logs, its code, its network, its alias."""

import base64
import functools
from collections.abc import Sequence
from typing import Any

from constructs_lib.core.build import build_folder
from constructs_lib.core.findings import accept
from constructs_lib.core.iam import ServiceRole, Statement
from constructs_lib.core.naming import DeployTarget, address
from constructs_lib.function.packaging import package_handler
from constructs_lib.function.signing import SignedCode
from constructs_lib.settings import FunctionSettings, VpcSettings
from constructs_lib.settings.handler import HandlerSettings
from constructs_lib.validation.checker import SettingsError, require_name, require_valid
from constructs_lib.validation.environment import environment_violations
from constructs_lib.validation.limits import FUNCTION_NAME, FUNCTION_NAME_WITH_ROLE

import jsii
from cdktf import AssetType, ITerraformDependable, TerraformAsset
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias
from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionEnvironment,
    LambdaFunctionEphemeralStorage,
    LambdaFunctionLoggingConfig,
    LambdaFunctionSnapStart,
    LambdaFunctionTracingConfig,
    LambdaFunctionVpcConfig,
)
from cdktf_cdktf_provider_aws.lambda_provisioned_concurrency_config import LambdaProvisionedConcurrencyConfig
from constructs import Construct

# All functions of a process have the same code.
_packaged = functools.cache(package_handler)


@jsii.implements(ITerraformDependable)
class BatchInferenceFunction(Construct):
    """The handler as a Lambda function.

    It creates: a role that can write this function's logs and traces, the log group with its retention, the zip,
    and the function with JSON logs; with `alias`, that and a version with each change. What it may read, invoke and
    send to is granted by those constructs. `arn` is what to call: the alias, or the function.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        handler_settings: HandlerSettings,
        settings: FunctionSettings = FunctionSettings(),
        entry: str = "handler.index.handler",
        description: str = "Scores SQS messages in batches with a SageMaker endpoint",
    ) -> None:
        """`entry` is the function in the zip that Lambda calls.

        Raises SettingsError if settings, or the name, are out of bounds.
        """
        super().__init__(scope, id_)
        require_valid(self, settings)
        require_name(self, name, FUNCTION_NAME if settings.role else FUNCTION_NAME_WITH_ROLE)
        self.name = name
        self._entry, self._description = entry, description
        self.settings = settings
        self.role = ServiceRole(
            self,
            "role",
            name=name,
            service="lambda",
            description=f"The function {name}: {description}",
            existing=settings.role,
        )
        log_group = self._make_log_group()
        if settings.tracing:
            # X-Ray has no resource-level permission for them (Service Authorization Reference, AWS X-Ray).
            actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
            self.role.allow("write-traces", Statement(actions=actions, resources=["*"]))
        if settings.vpc is not None:
            reason = "Lambda names no resource when it joins a network; the function's own code is denied all of it"
            self.role.allow("join-network", *self._network_statements(), accepted={"CKV_AWS_290": reason})
        self.function = self._make_function(handler_settings, log_group)
        reason = "failed messages reach the dead-letter queue by redrive, failed notifications by a failure destination"
        accept(self.function, "CKV_AWS_116", reason)
        self.arn = self.function.arn
        self._last: ITerraformDependable = self.function
        self.dependencies: Sequence[ITerraformDependable] = []
        """Resources, besides the rights, that must exist before the first call."""
        if settings.alias is not None:
            self._make_alias(settings.alias)

    def depend_on_rights(self) -> None:
        """Have all that is granted until now before the code that uses it; what is granted no more goes after it."""
        self.function.depends_on = [address(policy) for policy in self.role.policies]

    @property
    def fqn(self) -> str:
        """Address of the last thing that the function is made of: what `depends_on=[function]` means."""
        return self._last.fqn

    def _make_log_group(self) -> CloudwatchLogGroup:
        log_group_name = f"/aws/lambda/{self.name}"
        stream = f"{DeployTarget.of(self).log_group_arn(log_group_name)}:log-stream:*"
        write = Statement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[stream])
        self.role.allow("write-logs", write)
        return CloudwatchLogGroup(
            self,
            "logs",
            name=log_group_name,
            retention_in_days=self.settings.log_retention_days,
            kms_key_id=self.settings.log_key_arn,
        )

    def _network_statements(self) -> Sequence[Statement]:
        """Return what Lambda needs of the role to join a network, and deny it to the code that runs in the function.

        Both as the Lambda guide has it ("Giving Lambda functions access to resources in an Amazon VPC"): some of the
        actions know no resources, and Lambda names none for the others.
        """
        deploy_target = DeployTarget.of(self)
        anywhere = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
        addresses = ["ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
        interfaces = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"]
        return (
            Statement(actions=[*anywhere, *addresses], resources=["*"]),
            Statement(actions=interfaces, resources=[deploy_target.arn("ec2", "*/*")]),
            Statement(
                effect="Deny",
                actions=[*anywhere, *addresses, *interfaces],
                resources=["*"],
                conditions={
                    "ArnEquals": {"lambda:SourceFunctionArn": deploy_target.arn("lambda", f"function:{self.name}")}
                },
            ),
        )

    def _make_function(self, handler_settings: HandlerSettings, log_group: CloudwatchLogGroup) -> LambdaFunction:
        settings = self.settings
        return LambdaFunction(
            self,
            "function",
            function_name=self.name,
            description=self._description,
            role=self.role.arn,
            runtime=settings.runtime,
            architectures=[settings.architecture],
            layers=list(settings.layers) or None,
            handler=self._entry,
            memory_size=settings.memory_mib,
            ephemeral_storage=LambdaFunctionEphemeralStorage(size=settings.ephemeral_storage_mib),
            timeout=settings.timeout_seconds,
            reserved_concurrent_executions=settings.reserved_concurrency,
            publish=True if settings.alias else None,
            snap_start=_snap_start(settings),
            environment=LambdaFunctionEnvironment(variables=self._variables(handler_settings)),
            kms_key_arn=settings.environment_key_arn,
            logging_config=LambdaFunctionLoggingConfig(
                log_format="JSON",
                # Never above INFO: Lambda takes the metrics line, which has no level, for INFO. The handler's own
                # logger keeps to `log_level`.
                application_log_level="DEBUG" if settings.log_level == "DEBUG" else "INFO",
                system_log_level=settings.system_log_level,
                log_group=log_group.name,
            ),
            tracing_config=LambdaFunctionTracingConfig(mode="Active") if settings.tracing else None,
            vpc_config=_vpc_config(settings.vpc),
            # The first invocation must find the rights it writes its logs with.
            depends_on=self.role.policies,
            **self._code(),
        )

    def _code(self) -> dict[str, Any]:
        """Return the arguments that name the code: the zip, or where its signed copy lies."""
        archive, content_hash = _packaged(build_folder())
        zipped = TerraformAsset(self, "code", path=str(archive), type=AssetType.FILE, asset_hash=content_hash[:32])
        signing = self.settings.code_signing
        if signing is None:
            hash_ = base64.b64encode(bytes.fromhex(content_hash)).decode()
            return {"filename": zipped.path, "source_code_hash": hash_}
        signed = SignedCode(
            self, "signed", name=self.name, settings=signing, archive=zipped.path, content_hash=content_hash
        )
        return {"s3_bucket": signed.bucket, "s3_key": signed.key, "code_signing_config_arn": signing.config_arn}

    def _variables(self, handler_settings: HandlerSettings) -> dict[str, str]:
        """Raises SettingsError if Lambda would refuse the environment."""
        if violations := list(environment_violations(self.node.path, "environment", handler_settings)):
            raise SettingsError(violations)
        return handler_settings.to_environment()

    def _make_alias(self, name: str) -> None:
        alias = LambdaAlias(
            self,
            "alias",
            name=name,
            description="What the queue's event source mapping calls",
            function_name=self.function.function_name,
            function_version=self.function.version,
        )
        self.arn, self._last = alias.arn, alias
        if self.settings.provisioned_concurrency is not None:
            warm = LambdaProvisionedConcurrencyConfig(
                self,
                "provisioned-concurrency",
                function_name=self.function.function_name,
                qualifier=alias.name,
                provisioned_concurrent_executions=self.settings.provisioned_concurrency,
            )
            self._last, self.dependencies = warm, [warm]


def _snap_start(settings: FunctionSettings) -> LambdaFunctionSnapStart | None:
    """Return no block unless asked: the provider drops one that says `None` when it reads the function, and would plan
    a change of it, and a version, forever. But it takes a block that is gone for one that was left alone, so only
    `None` turns off what was on.
    """
    if settings.snap_start is None:
        return None
    return LambdaFunctionSnapStart(apply_on="PublishedVersions" if settings.snap_start else "None")


def _vpc_config(vpc: VpcSettings | None) -> LambdaFunctionVpcConfig | None:
    if vpc is None:
        return None
    return LambdaFunctionVpcConfig(subnet_ids=list(vpc.subnet_ids), security_group_ids=list(vpc.security_group_ids))
