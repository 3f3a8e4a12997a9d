"""Reads pipelines from a synthesized template; nothing is known but what stands there."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from capacity.deployed import Function, Pipeline, Queue, Source, Watching
from capacity.json_blocks import addresses, every, number, only
from capacity.reading_endpoint import read_endpoint
from handler.settings import ConfigurationError, HandlerSettings
from local.errors import UsageError
from local.template import MAPPING, Block, Template


def pipelines_of(template: Template) -> list[Pipeline]:
    """Return the pipelines of a stack, by name. Raises UsageError if there are none, or one can't be read."""
    mappings = template.of_type(MAPPING)
    if not mappings:
        raise UsageError(f"{template.path}: the stack {template.stack} has no {MAPPING}, so it has no pipeline")
    return sorted((_Reader(template, mapping).pipeline() for mapping in mappings), key=lambda found: found.name)


class _Reader:
    """Follows an event source mapping to everything on both of its sides."""

    def __init__(self, template: Template, mapping: Block) -> None:
        self._template = template
        self._mapping = mapping
        self._is_alone = len(template.of_type(MAPPING)) == 1

    def pipeline(self) -> Pipeline:
        function = self._function()
        handler = self._handler(function)
        source = self._source()
        endpoint, notes = read_endpoint(self._template, handler, source)
        return Pipeline(
            stack=self._template.stack,
            name=self._mapping.part or "pipeline",
            region=self._template.region,
            queue=self._queue(handler),
            source=source,
            function=self._function_settings(function),
            handler=handler,
            endpoint=endpoint,
            watching=self._watching(),
            encrypted_queues=sum("kms_master_key_id" in block.arguments for block in self._own("aws_sqs_queue")),
            notes=notes,
        )

    def _own(self, type_: str) -> Iterator[Block]:
        """Yield the pipeline's own blocks of a type; all of the stack's if it has no other pipeline."""
        for block in self._template.of_type(type_):
            if self._is_alone or block.part == self._mapping.part:
                yield block

    def _function(self) -> Block:
        block = self._referred(self._mapping, "function_name", "aws_lambda_alias", "aws_lambda_function")
        if block is not None and block.type == "aws_lambda_alias":
            block = self._referred(block, "function_name", "aws_lambda_function")
        if block is None:
            raise UsageError(
                f"{self._mapping.address}: its function is not in the stack {self._template.stack}: "
                f"function_name = {self._mapping.arguments.get('function_name')!r}"
            )
        return block

    def _referred(self, block: Block, argument: str, *types: str) -> Block | None:
        """Return the block of one of these types that an argument refers to."""
        found = [self._template.blocks.get(address) for address in addresses(block.arguments.get(argument))]
        return next((one for one in found if one is not None and one.type in types), None)

    def _handler(self, function: Block) -> HandlerSettings:
        variables = only(function.arguments.get("environment")).get("variables", {})
        try:
            return HandlerSettings.from_environment({name: str(value) for name, value in variables.items()})
        except ConfigurationError as error:
            raise UsageError(f"{function.address}: its environment is not this project's handler's: {error}") from error

    def _queue(self, handler: HandlerSettings) -> Queue:
        block = self._referred(self._mapping, "event_source_arn", "aws_sqs_queue")
        if block is None:  # one that exists already
            fifo = str(self._mapping.arguments.get("event_source_arn")).endswith(".fifo")
            return Queue(fifo=fifo, max_receive_count=handler.max_receive_count)
        arguments = block.arguments
        return Queue(
            fifo=bool(arguments.get("fifo_queue")),
            high_throughput=arguments.get("fifo_throughput_limit") == "perMessageGroupId",
            visibility_seconds=number(block, "visibility_timeout_seconds", 30),
            retention_seconds=number(block, "message_retention_seconds", 345_600),
            delay_seconds=number(block, "delay_seconds", 0),
            max_receive_count=_receives(arguments, handler.max_receive_count),
        )

    def _source(self) -> Source:
        block, arguments = self._mapping, self._mapping.arguments
        scaling, pollers = only(arguments.get("scaling_config")), only(arguments.get("provisioned_poller_config"))
        least = number(block, "minimum_pollers", 2, pollers)
        return Source(
            batch_size=number(block, "batch_size", 10),
            window_seconds=number(block, "maximum_batching_window_in_seconds", 0),
            maximum_concurrency=number(block, "maximum_concurrency", 0, scaling) or None,
            pollers=(least, number(block, "maximum_pollers", 200, pollers)) if pollers else None,
            enabled=arguments.get("enabled", True),
        )

    def _function_settings(self, block: Block) -> Function:
        arguments = block.arguments
        reserved = number(block, "reserved_concurrent_executions", -1)
        provisioned = next(iter(self._own("aws_lambda_provisioned_concurrency_config")), None)
        return Function(
            memory_mib=number(block, "memory_size", 128),
            timeout_seconds=number(block, "timeout", 3),
            arm=arguments.get("architectures") == ["arm64"],
            tracing=only(arguments.get("tracing_config")).get("mode") == "Active",
            reserved_concurrency=None if reserved < 0 else reserved,
            provisioned_concurrency=number(provisioned, "provisioned_concurrent_executions", 0) if provisioned else 0,
        )

    def _watching(self) -> Watching:
        alarms = [block.arguments for block in self._own("aws_cloudwatch_metric_alarm")]
        return Watching(
            alarm_metrics=sum(_alarm_metrics(alarm) for alarm in alarms),
            dashboards=sum(1 for _ in self._own("aws_cloudwatch_dashboard")),
        )


def _receives(arguments: Mapping[str, Any], default: int) -> int:
    try:
        return int(json.loads(arguments.get("redrive_policy", "{}")).get("maxReceiveCount", default))
    except ValueError:
        return default


def _alarm_metrics(alarm: Mapping[str, Any]) -> int:
    return max(1, sum("metric" in query for query in every(alarm.get("metric_query"))))
