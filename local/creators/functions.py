"""Functions, and what invokes them."""

import re
import time
from collections.abc import Sequence
from typing import Any

from local.aws import Aws
from local.creators.api import request_of
from local.creators.base import Arguments, Creator, camel_case
from local.errors import LocalRunError
from local.layers import Layer
from local.template import Template

ACTIVE_SECONDS = 30


class Functions(Creator):
    """Creates functions with their aliases, permissions and event source mappings."""

    def __init__(self, aws: Aws, template: Template, layers: Sequence[Layer] = ()) -> None:
        """A function gets these layers, whichever it names."""
        super().__init__(aws, template)
        self._layers = layers
        self.methods = {
            "aws_lambda_alias": self._alias,
            "aws_lambda_event_source_mapping": self._event_source_mapping,
            "aws_lambda_function": self._function,
            "aws_lambda_function_event_invoke_config": self._event_invoke_configuration,
            "aws_lambda_permission": self._permission,
            "aws_lambda_provisioned_concurrency_config": self._provisioned_concurrency,
        }

    def _function(self, arguments: Arguments) -> dict[str, Any]:
        lambda_ = self.aws.lambda_
        arguments.pop("layers", None)  # of another account: `self._layers` stand for them
        arguments.pop("source_code_hash", None)  # only Terraform needs it, to see that the code has changed
        logging = arguments.pop("logging_config", {})
        request: dict[str, Any] = {
            "FunctionName": arguments.pop("function_name"),
            "Code": self._code(arguments),
            "Handler": arguments.pop("handler"),
            "Runtime": arguments.pop("runtime"),
            "Role": arguments.pop("role"),
            "Description": arguments.pop("description", ""),
            "Architectures": arguments.pop("architectures", ["x86_64"]),
            "MemorySize": arguments.pop("memory_size", 128),
            "Timeout": arguments.pop("timeout", 3),
            "SnapStart": {"ApplyOn": arguments.pop("snap_start", {}).get("apply_on", "None")},
            "Publish": arguments.pop("publish", False),
            "EphemeralStorage": {"Size": arguments.pop("ephemeral_storage", {}).get("size", 512)},
            "Environment": {"Variables": arguments.pop("environment", {}).get("variables", {})},
            "TracingConfig": {"Mode": arguments.pop("tracing_config", {}).get("mode", "PassThrough")},
            "Layers": [self._published(layer) for layer in self._layers],
            "LoggingConfig": {camel_case(key): value for key, value in logging.items()},
            "Tags": self.tags(arguments),
        }
        function = lambda_.create_function(**request)
        self._wait_until_active(function["FunctionName"])
        if "reserved_concurrent_executions" in arguments:
            lambda_.put_function_concurrency(
                FunctionName=function["FunctionName"],
                ReservedConcurrentExecutions=arguments.pop("reserved_concurrent_executions"),
            )
        return {"id": function["FunctionName"], "arn": function["FunctionArn"], "version": function["Version"]}

    def _code(self, arguments: Arguments) -> dict[str, Any]:
        if "filename" in arguments:
            return {"ZipFile": (self.template.path.parent / arguments.pop("filename")).read_bytes()}
        return {"S3Bucket": arguments.pop("s3_bucket"), "S3Key": arguments.pop("s3_key")}

    def _published(self, layer: Layer) -> str:
        """Return the ARN of the layer's version."""
        published = self.aws.lambda_.publish_layer_version(
            LayerName=re.sub(r"[^\w-]", "-", layer.name), Content={"ZipFile": layer.content()}
        )
        return published["LayerVersionArn"]

    def _alias(self, arguments: Arguments) -> dict[str, Any]:
        alias = self.aws.lambda_.create_alias(
            FunctionName=arguments.pop("function_name"),
            Name=arguments.pop("name"),
            FunctionVersion=arguments.pop("function_version"),
            Description=arguments.pop("description", ""),
        )
        return {"id": alias["AliasArn"], "arn": alias["AliasArn"]}

    def _event_source_mapping(self, arguments: Arguments) -> dict[str, Any]:
        request: dict[str, Any] = {
            "EventSourceArn": arguments.pop("event_source_arn"),
            "FunctionName": arguments.pop("function_name"),
            "BatchSize": arguments.pop("batch_size", 10),
            "MaximumBatchingWindowInSeconds": arguments.pop("maximum_batching_window_in_seconds", 0),
            "Enabled": arguments.pop("enabled", True),
            "FunctionResponseTypes": arguments.pop("function_response_types", []),
            "ScalingConfig": {camel_case(key): value for key, value in arguments.pop("scaling_config", {}).items()},
            "Tags": self.tags(arguments),
        }
        mapping = self.aws.lambda_.create_event_source_mapping(**request)
        return {"id": mapping["UUID"], "uuid": mapping["UUID"]}

    def _permission(self, arguments: Arguments) -> dict[str, Any]:
        request = request_of(self.aws.lambda_, "AddPermission", arguments)
        self.aws.lambda_.add_permission(**request)
        return {"id": request["StatementId"]}

    def _event_invoke_configuration(self, arguments: Arguments) -> dict[str, Any]:
        request = request_of(self.aws.lambda_, "PutFunctionEventInvokeConfig", arguments)
        self.aws.lambda_.put_function_event_invoke_config(**request)
        return {"id": request["FunctionName"]}

    def _provisioned_concurrency(self, arguments: Arguments) -> dict[str, Any]:
        request = request_of(self.aws.lambda_, "PutProvisionedConcurrencyConfig", arguments)
        self.aws.lambda_.put_provisioned_concurrency_config(**request)
        return {"id": f"{request['FunctionName']},{request['Qualifier']}"}

    def _wait_until_active(self, name: str) -> None:
        deadline = time.monotonic() + ACTIVE_SECONDS
        while (state := self.aws.lambda_.get_function_configuration(FunctionName=name)["State"]) != "Active":
            if state == "Failed" or time.monotonic() > deadline:
                raise LocalRunError(f"the function {name} is {state}, not Active")
            time.sleep(0.02)
