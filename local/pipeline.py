"""The pipeline that messages pass through, as the template connects it: every name in it comes from there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from handler.settings import ConfigurationError, HandlerSettings
from local.errors import LocalRunError
from local.template import MAPPING, Attributes, Block, Template


class Deployed(Protocol):
    """A template whose resources exist, whoever created them."""

    @property
    def template(self) -> Template: ...

    @property
    def attributes(self) -> Mapping[str, Attributes]:
        """By address: arguments, and the attributes that became known on creation."""

    def resolved(self, block: Block) -> Mapping[str, Any]:
        """Return the block's arguments with references replaced."""


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
class DeployedPipeline:
    """One event source mapping, and the resources that it connects."""

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
    """Empty, if the pipeline has no such table."""
    results: Queue
    dead_letters: Queue

    @staticmethod
    def of(deployment: Deployed) -> "DeployedPipeline":
        """Follow the mapping of a deployment in which all else exists.

        Raises LocalRunError if there is not exactly one, or if a resource that it names is missing.
        """
        mappings = deployment.template.of_type(MAPPING)
        if len(mappings) != 1:
            raise LocalRunError(f"the local run takes a stack with one {MAPPING}; this one has {len(mappings)}")
        return _Connections(deployment, deployment.resolved(mappings[0])).pipeline()


class _Connections:
    """Follows an event source mapping to the resources on both of its sides."""

    def __init__(self, deployment: Deployed, mapping: Attributes) -> None:
        self._deployment = deployment
        self._mapping = mapping
        # An alias's ARN is the function's ARN and the alias's name.
        function_arn = ":".join(mapping["function_name"].split(":")[:7])
        self._function = self._one_with("aws_lambda_function", "arn", function_arn)
        self._queue = self._one_with("aws_sqs_queue", "arn", mapping["event_source_arn"])
        self._partition, _, self._region, self._account = self._queue["arn"].split(":")[1:5]

    def pipeline(self) -> DeployedPipeline:
        settings = self._settings()
        table = settings.idempotency_table
        name = self._function["function_name"]
        log_group = self._function.get("logging_config", {}).get("log_group", f"/aws/lambda/{name}")
        return DeployedPipeline(
            mapping=self._mapping,
            account=self._account,
            queue=Queue.of(self._queue),
            function_name=name,
            role_arn=self._function["role"],
            log_group_arn=self._arn("logs", f"log-group:{log_group}"),
            tracing=self._function.get("tracing_config", {}).get("mode") == "Active",
            settings=settings,
            endpoint_arn=self._arn("sagemaker", f"endpoint/{settings.endpoint_name}"),
            idempotency_table_arn=self._arn("dynamodb", f"table/{table}") if table else "",
            results=Queue.of(self._one_with("aws_sqs_queue", "url", settings.result_target)),
            dead_letters=Queue.of(self._one_with("aws_sqs_queue", "url", settings.dead_letter_queue_url)),
        )

    def _settings(self) -> HandlerSettings:
        try:
            return HandlerSettings.from_environment(self._function.get("environment", {}).get("variables", {}))
        except ConfigurationError as error:
            raise LocalRunError(f"the function {self._function['function_name']} cannot start: {error}") from error

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self._partition}:{service}:{self._region}:{self._account}:{resource}"

    def _one_with(self, type_: str, name: str, value: object) -> Attributes:
        for block in self._deployment.template.of_type(type_):
            attributes: Mapping[str, object] = self._deployment.attributes[block.address]
            if attributes.get(name) == value:
                return attributes
        raise LocalRunError(f"no {type_} in the template has the {name} {value}")


def is_mapping(block: Block) -> bool:
    return block.type == MAPPING
