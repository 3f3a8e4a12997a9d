"""The pipelines that messages pass through, as the template connects them: every name in it comes from there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from handler.settings import ConfigurationError, HandlerSettings
from local.errors import LocalRunError
from local.sinks import Sink
from local.template import MAPPING, Attributes, Block, Template

# The stack's own, and those from elsewhere.
QUEUES = "aws_sqs_queue", "data.aws_sqs_queue"


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
    sink: Sink
    dead_letters: Queue
    name: str = ""
    place: int = 0
    """Its place in a chain, counted from 0."""
    followers: Sequence[Attributes] = ()
    """What each pipeline that its results feed takes of them: a pattern of the event; an empty one takes all."""

    @property
    def ends_messages(self) -> bool:
        """Whether a result may be one that no other pipeline takes."""
        return all(self.followers)


class DeployedChain:
    """The pipelines of a stack: messages are sent to the first one, whose results may feed others."""

    def __init__(self, pipelines: Sequence[DeployedPipeline]) -> None:
        """They are in the order of the chain."""
        self.pipelines = pipelines
        self.first = pipelines[0]

    @classmethod
    def of(cls, deployment: Deployed) -> Self:
        """Follow the mappings of a deployment in which all else exists.

        Raises LocalRunError if there is none, or if a resource that one of them names is missing.
        """
        mappings, feeds = deployment.template.of_type(MAPPING), deployment.template.feeds()
        followers = deployment.template.followers()
        if not mappings:
            raise LocalRunError(f"the local run takes a stack with one {MAPPING} or more; this one has none")
        pipelines = []
        for block in mappings:
            place, part = 0, block.part
            while part in feeds:
                place, part = place + 1, feeds[part]
            found = _Connections(deployment, deployment.resolved(block)).pipeline()
            pipelines.append(replace(found, name=block.part, place=place, followers=followers.get(block.part, ())))
        return cls(sorted(pipelines, key=lambda pipeline: pipeline.place))

    @property
    def last(self) -> Sequence[DeployedPipeline]:
        """Those with results that no other one takes: these are what comes of the messages."""
        return [pipeline for pipeline in self.pipelines if pipeline.ends_messages]


class _Connections:
    """Follows an event source mapping to the resources on both of its sides."""

    def __init__(self, deployment: Deployed, mapping: Attributes) -> None:
        self._deployment = deployment
        self._mapping = mapping
        # An alias's ARN is the function's ARN and the alias's name.
        function_arn = ":".join(mapping["function_name"].split(":")[:7])
        self._function = self._one_with(("aws_lambda_function",), "arn", function_arn)
        self._queue = self._one_with(QUEUES, "arn", mapping["event_source_arn"])
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
            sink=self._sink(settings.result_sink, settings.result_target),
            dead_letters=Queue.of(self._one_with(QUEUES, "url", settings.dead_letter_queue_url)),
        )

    def _settings(self) -> HandlerSettings:
        try:
            return HandlerSettings.from_environment(self._function.get("environment", {}).get("variables", {}))
        except ConfigurationError as error:
            raise LocalRunError(f"the function {self._function['function_name']} cannot start: {error}") from error

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self._partition}:{service}:{self._region}:{self._account}:{resource}"

    def _sink(self, kind: str, target: str) -> Sink:
        """Return the sink of results, with the ARN that the policies of a role name it by."""
        match kind:
            case "sqs":
                arn = self._one_with(QUEUES, "url", target)["arn"]
            case "sns":
                arn = target
            case "eventbridge":
                arn = self._arn("events", f"event-bus/{target}")
            case _:
                arn = f"arn:{self._partition}:s3:::{target.removeprefix('s3://')}any"
        return Sink(kind, target, arn)

    def _one_with(self, types: Sequence[str], name: str, value: object) -> Attributes:
        for block in (block for type_ in types for block in self._deployment.template.of_type(type_)):
            attributes: Mapping[str, object] = self._deployment.attributes[block.address]
            if attributes.get(name) == value:
                return attributes
        raise LocalRunError(f"no {types[0]} in the template has the {name} {value}")


def is_mapping(block: Block) -> bool:
    return block.type == MAPPING
