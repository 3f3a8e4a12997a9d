"""Creates on the embedded AWS and the control plane the resources that a template describes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws
from local.creators import ResourceCreator
from local.errors import LocalRunError
from local.layers import Layer
from local.template import Attributes, Block, Template, references, resolve

# Resources without an argument `name`: the argument that holds it, and the separator before the name in it.
NAMED_BY = {
    "aws_appautoscaling_target": ("resource_id", ""),
    "aws_cloudwatch_composite_alarm": ("alarm_name", ""),
    "aws_cloudwatch_dashboard": ("dashboard_name", ""),
    "aws_cloudwatch_metric_alarm": ("alarm_name", ""),
    "aws_lambda_event_source_mapping": ("event_source_arn", ":"),
    "aws_lambda_function": ("function_name", ""),
    "aws_s3_object": ("key", ""),
    "aws_sns_topic_policy": ("arn", ":"),
    "aws_sns_topic_subscription": ("endpoint", ""),
    "aws_sqs_queue_policy": ("queue_url", "/"),
    "aws_sqs_queue_redrive_allow_policy": ("queue_url", "/"),
}
# Arguments without effect here, where there are no networks and nothing is encrypted; and filters, which the messages
# of the run would not pass.
LEFT_OUT = {
    "aws_cloudwatch_log_group": {"kms_key_id"},
    "aws_lambda_event_source_mapping": {
        "filter_criteria",
        "kms_key_arn",
        "metrics_config",
        "provisioned_poller_config",
    },
    "aws_lambda_function": {"code_signing_config_arn", "kms_key_arn", "vpc_config"},
    "aws_dynamodb_table": {"point_in_time_recovery", "server_side_encryption"},
    "aws_sns_topic": {"kms_master_key_id"},
    "aws_sqs_queue": {"kms_data_key_reuse_period_seconds", "kms_master_key_id"},
}


class Deployment:
    """The resources of a template, created in order."""

    def __init__(self, template: Template, aws: Aws, layers: Sequence[Layer] = ()) -> None:
        """The layers are attached to the function in place of those that it names."""
        self.template = template
        self._layers = layers
        self.created: list[Block] = []
        self.absent: list[Block] = []
        """Resources of types that no stack of the library has, and that nothing here can create."""
        self.left_out: dict[str, set[str]] = {}
        """Arguments of those created that have no effect there, by type."""
        self.attributes: dict[str, Attributes] = {}
        """By address: arguments, and the attributes that became known on creation."""
        self._creator = ResourceCreator(aws, template, layers)

    def create(self, *, only: Callable[[Block], bool] = lambda _: True) -> None:
        """Create the blocks that `only` admits, in order. Raises LocalRunError naming the first that fails."""
        for block in filter(only, self.template.ordered()):
            if self._creator.creates(block.type):
                self._create(block)
            else:
                self.attributes[block.address] = self._known(block)
            if not block.type.startswith("data."):
                (self.created if self._creator.creates(block.type) else self.absent).append(block)

    def resolved(self, block: Block) -> Mapping[str, Any]:
        """Return the block's arguments with references replaced."""
        arguments: Mapping[str, Any] = resolve(block.arguments, self.attributes)
        return arguments

    def name(self, block: Block) -> str:
        """Return the name that a person knows the resource by: its own, its queue's, or else its address."""
        argument, separator = NAMED_BY.get(block.type, ("name", ""))
        name = str(self.attributes[block.address].get(argument, block.address))
        return name.rpartition(separator)[2] if separator else name

    def _create(self, block: Block) -> None:
        arguments = resolve(self._with_effect(block.type, block.arguments), self.attributes)
        unused = dict(arguments)
        try:
            attributes = self._creator.create(block.type, unused)
        except KeyError as error:
            raise LocalRunError(f"{block.address} has no {error.args[0]}") from error
        except (BotoCoreError, ClientError, OSError) as error:
            raise LocalRunError(f"{block.address} was not created: {' '.join(str(error).split())}") from error
        if unused:
            raise LocalRunError(f"{block.address}: the local run does not know {', '.join(sorted(unused))}")
        self.attributes[block.address] = {**arguments, **attributes}

    def _with_effect(self, type_: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments without those that have no effect, which are noted."""
        without_effect = LEFT_OUT.get(type_, set()) & arguments.keys()
        if type_ == "aws_lambda_function" and "layers" in arguments and not self._layers:
            without_effect.add("layers")
        if without_effect:
            self.left_out.setdefault(type_, set()).update(without_effect)
        return {name: value for name, value in arguments.items() if name not in without_effect}

    def _known(self, block: Block) -> Mapping[str, Any]:
        """Return the arguments of a block that is not created, as far as they are known: an ARN is not."""
        return {
            name: resolve(value, self.attributes)
            for name, value in block.arguments.items()
            if all(attribute in self.attributes.get(address, {}) for address, attribute in references(value))
        }
