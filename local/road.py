"""The road that messages take, as the template wires it: every name in it comes from there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from handler.settings import ConfigurationError, HandlerSettings
from local.deploy import Deployment
from local.errors import LocalRunError
from local.template import MAPPING, Attributes, Block


@dataclass(frozen=True)
class Queue:
    name: str
    url: str
    arn: str
    max_message_bytes: int

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")

    @classmethod
    def of(cls, attributes: Attributes) -> Self:
        return cls(
            name=attributes["name"],
            url=attributes["url"],
            arn=attributes["arn"],
            max_message_bytes=int(attributes.get("max_message_size", 262_144)),
        )


@dataclass(frozen=True, kw_only=True)
class Road:
    """One event source mapping, and what it connects."""

    mapping: Attributes
    """The mapping's arguments."""
    account: str
    queue: Queue
    function_name: str
    role_arn: str
    log_group_arn: str
    tracing: bool
    settings: HandlerSettings
    """The function's environment."""
    endpoint_arn: str
    idempotency_table_arn: str
    """Empty, if nothing is remembered."""
    results: Queue
    dead_letters: Queue

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        """Follow the mapping of a deployment in which all else exists.

        Raises LocalRunError if there is not just one, or if it leads nowhere.
        """
        mappings = deployment.template.of_type(MAPPING)
        if len(mappings) != 1:
            raise LocalRunError(f"the local run takes a stack with one {MAPPING}; this one has {len(mappings)}")
        mapping = deployment.resolved(mappings[0])
        # An alias's ARN is the function's, with its name behind.
        function_arn = ":".join(mapping["function_name"].split(":")[:7])
        function = _one_with(deployment, "aws_lambda_function", "arn", function_arn)
        queue = _one_with(deployment, "aws_sqs_queue", "arn", mapping["event_source_arn"])
        environment = function.get("environment", {}).get("variables", {})
        try:
            settings = HandlerSettings.from_environment(environment)
        except ConfigurationError as error:
            raise LocalRunError(f"the function {function['function_name']} cannot start: {error}") from error
        partition, _, region, account = queue["arn"].split(":")[1:5]
        table = settings.idempotency_table
        log_group = function.get("logging_config", {}).get("log_group", f"/aws/lambda/{function['function_name']}")
        return cls(
            mapping=mapping,
            account=account,
            queue=Queue.of(queue),
            function_name=function["function_name"],
            role_arn=function["role"],
            log_group_arn=f"arn:{partition}:logs:{region}:{account}:log-group:{log_group}",
            tracing=function.get("tracing_config", {}).get("mode") == "Active",
            settings=settings,
            endpoint_arn=f"arn:{partition}:sagemaker:{region}:{account}:endpoint/{settings.endpoint_name}",
            idempotency_table_arn=f"arn:{partition}:dynamodb:{region}:{account}:table/{table}" if table else "",
            results=Queue.of(_one_with(deployment, "aws_sqs_queue", "url", settings.result_target)),
            dead_letters=Queue.of(_one_with(deployment, "aws_sqs_queue", "url", settings.dead_letter_queue_url)),
        )


def is_mapping(block: Block) -> bool:
    return block.type == MAPPING


def _one_with(deployment: Deployment, type_: str, name: str, value: object) -> Attributes:
    for block in deployment.template.of_type(type_):
        attributes: Mapping[str, object] = deployment.attributes[block.address]
        if attributes.get(name) == value:
            return attributes
    raise LocalRunError(f"no {type_} in the template has the {name} {value}")
