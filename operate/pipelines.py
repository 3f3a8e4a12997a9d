"""The pipelines of a deployed stack, found by their names and held to what AWS says of them.

The desk acts on a pipeline alone that proves to be of the stack named on the command line. The function's name begins
with the stack's, and `stack` among its tags is the stack's name, which `InferenceStack` puts on all that it makes:
the name alone would not tell pipeline `a-b` of `dev` from `b` of `dev-a`. A stack of another class has no such tag;
then a file with its outputs names the function. Which queues are the pipeline's, the function's environment says, and
both are held to what the queues themselves say.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError

from .clients import Clients
from .errors import UsageError
from .text import printable

FUNCTION_SUFFIX = "-inference"
OUTPUT = "_function_name"
# An id of a stack or pipeline; nothing else is ever part of a name that is asked for.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class QueueFacts:
    """A queue, as SQS says it is."""

    url: str
    arn: str
    visible: int
    in_flight: int
    delayed: int
    max_message_bytes: int
    redrives_to: str
    """ARN of its dead-letter queue; empty without one."""
    max_receive_count: int

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")

    @classmethod
    def read(cls, sqs: Any, url: str) -> Self:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        return cls(
            url=url,
            arn=attributes["QueueArn"],
            visible=int(attributes["ApproximateNumberOfMessages"]),
            in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(attributes["ApproximateNumberOfMessagesDelayed"]),
            max_message_bytes=int(attributes.get("MaximumMessageSize", 1_048_576)),
            redrives_to=policy.get("deadLetterTargetArn", ""),
            max_receive_count=int(policy.get("maxReceiveCount", 0)),
        )


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One pipeline of the stack."""

    stack: str
    name: str
    """Its id in the stack."""
    function: Mapping[str, Any]
    """The function's configuration, as Lambda says it."""
    environment: Mapping[str, str]

    @property
    def prefix(self) -> str:
        """Beginning of the names of its resources."""
        return self.function_name.removesuffix(FUNCTION_SUFFIX)

    @property
    def function_name(self) -> str:
        name: str = self.function["FunctionName"]
        return name

    @property
    def endpoint_name(self) -> str:
        return self.environment["ENDPOINT_NAME"]


def find_pipelines(
    clients: Clients, stack: str, *, pipeline: str | None = None, outputs: Path | None = None
) -> list[Pipeline]:
    """Return the pipelines of the stack, or the one that is asked for, by name.

    `outputs` is a file with what `terraform output -json` prints. Raises UsageError if there are none.
    """
    for kind, name in (("stack", stack), ("pipeline", pipeline)):
        if name is not None and not NAME.fullmatch(name):
            raise UsageError(
                f"{printable(repr(name), 80)} is no name of a {kind}: letters, digits, - and _, 63 at most"
            )
    found = _by_outputs(clients, stack, outputs) if outputs else _by_name(clients, stack, pipeline)
    if pipeline is not None:
        found = [one for one in found if one.name == pipeline]
    if not found:
        wanted = f"pipeline {pipeline} of stack {stack}" if pipeline else f"pipeline of stack {stack}"
        untagged = f"no function {stack}-…{FUNCTION_SUFFIX} has the tag stack={stack} (--outputs finds it without)"
        why = "its outputs name none" if outputs else untagged
        raise UsageError(f"there is no {wanted} in account {clients.account}, {clients.region}: {why}")
    return sorted(found, key=lambda one: one.name)


def one_pipeline(clients: Clients, stack: str, *, pipeline: str | None = None, outputs: Path | None = None) -> Pipeline:
    """Return the stack's only pipeline, or the one that is asked for. Raises UsageError if it has several."""
    found = find_pipelines(clients, stack, pipeline=pipeline, outputs=outputs)
    if len(found) > 1:
        raise UsageError(f"--pipeline must name one: stack {stack} has {', '.join(one.name for one in found)}")
    return found[0]


def queues_of(clients: Clients, pipeline: Pipeline) -> tuple[QueueFacts, QueueFacts]:
    """Return the work queue and the dead-letter queue.

    Raises UsageError if they are of another account or region, or not each other's.
    """
    environment = pipeline.environment
    work = QueueFacts.read(clients.sqs, environment["QUEUE_URL"])
    dead = QueueFacts.read(clients.sqs, environment["DEAD_LETTER_QUEUE_URL"])
    for queue in (work, dead):
        refuse_elsewhere(clients, pipeline, queue)
    if work.redrives_to and work.redrives_to != dead.arn:
        raise UsageError(
            f"{pipeline.function_name} writes dead letters to {dead.name}, but those of {work.name} go to "
            f"{work.redrives_to}: the desk leaves both alone"
        )
    if work.arn == dead.arn:
        raise UsageError(f"{pipeline.function_name} has {work.name} for its dead letters too: the desk leaves it alone")
    _refuse_another_stacks(clients, pipeline, work, dead)
    return work, dead


def refuse_elsewhere(clients: Clients, pipeline: Pipeline, queue: QueueFacts) -> None:
    """Raise UsageError if the queue is of another account or region."""
    _, _, _, region, account, _ = queue.arn.split(":")
    if (account, region) != (clients.account, clients.region):
        raise UsageError(
            f"{pipeline.function_name} names {queue.arn}, which is not of account {clients.account}, "
            f"{clients.region}: the desk leaves it alone"
        )


def _refuse_another_stacks(clients: Clients, pipeline: Pipeline, work: QueueFacts, dead: QueueFacts) -> None:
    """Raise UsageError if a queue bears another stack's tag, and AWS has nothing that joins it to the function.

    An existing queue may well be of another stack: then the function takes from it, and it redrives to the other.
    """
    for queue in (work, dead):
        tag = clients.sqs.list_queue_tags(QueueUrl=queue.url).get("Tags", {}).get("stack", pipeline.stack)
        if tag == pipeline.stack or (work.redrives_to == dead.arn and event_sources(clients, pipeline, work)):
            continue
        raise UsageError(
            f"{pipeline.function_name} names {queue.name}, which is of stack {printable(tag)}, and does not take its "
            f"messages from there: the desk leaves it alone"
        )


def event_sources(clients: Clients, pipeline: Pipeline, work: QueueFacts) -> list[Mapping[str, Any]]:
    """Return the event source mappings by which the function takes messages from the queue."""
    mappings = clients.lambda_.list_event_source_mappings(EventSourceArn=work.arn)["EventSourceMappings"]
    of_function = re.compile(rf".*:function:{re.escape(pipeline.function_name)}(:.*)?")
    return [one for one in mappings if of_function.fullmatch(one["FunctionArn"])]


def _by_name(clients: Clients, stack: str, pipeline: str | None) -> list[Pipeline]:
    if pipeline is not None:
        function = _configuration(clients, f"{stack}-{pipeline}{FUNCTION_SUFFIX}")
        candidates = [] if function is None else [function]
    else:
        pages = clients.lambda_.get_paginator("list_functions").paginate()
        candidates = [function for page in pages for function in page["Functions"]]
    pattern = re.compile(rf"{re.escape(stack)}-({NAME.pattern}){FUNCTION_SUFFIX}")
    return [
        _pipeline(stack, name[1], function)
        for function in candidates
        if (name := pattern.fullmatch(function["FunctionName"])) and _tag(clients, function) == stack
    ]


def _by_outputs(clients: Clients, stack: str, path: Path) -> list[Pipeline]:
    return [
        _of_output(clients, stack, path, name.removesuffix(OUTPUT), values)
        for values in [_read_outputs(path)]
        for name in values
        if name.endswith(OUTPUT) and f"{name.removesuffix(OUTPUT)}_dead_letter_queue_url" in values
    ]


def _of_output(clients: Clients, stack: str, path: Path, name: str, values: Mapping[str, str]) -> Pipeline:
    function_name = values[name + OUTPUT]
    if not FUNCTION_NAME.fullmatch(function_name):  # an ARN could be of another account
        raise UsageError(f"{path}: {printable(name)}{OUTPUT} is {printable(function_name, 80)}, no name of a function")
    function = _configuration(clients, function_name)
    if function is None:
        where = f"account {clients.account}, {clients.region}"
        raise UsageError(f"{path}: there is no function {printable(function_name)} in {where}")
    if (tag := _tag(clients, function)) not in (None, stack):
        raise UsageError(f"{path}: {printable(function_name)} is of stack {tag}, not of {stack}")
    pipeline = _pipeline(stack, name.replace("_", "-"), function)
    for output, variable in (("dead_letter_queue_url", "DEAD_LETTER_QUEUE_URL"), ("queue_url", "QUEUE_URL")):
        said, found = values.get(f"{name}_{output}"), pipeline.environment[variable]
        if said != found:
            raise UsageError(f"{path}: {name}_{output} is {printable(str(said))}, and the function has {found}")
    return pipeline


def _read_outputs(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {name: output["value"] for name, output in content.items()}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not what `terraform output -json` prints: {printable(repr(error), 200)}"
        ) from error
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _configuration(clients: Clients, name: str) -> Mapping[str, Any] | None:
    try:
        configuration: Mapping[str, Any] = clients.lambda_.get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    return configuration


def _tag(clients: Clients, function: Mapping[str, Any]) -> str | None:
    tags: Mapping[str, str] = clients.lambda_.list_tags(Resource=function["FunctionArn"]).get("Tags", {})
    return tags.get("stack")


def _pipeline(stack: str, name: str, function: Mapping[str, Any]) -> Pipeline:
    environment = function.get("Environment", {})
    if error := environment.get("Error"):
        said = printable(str(error.get("Message", "")), 200)
        raise UsageError(f"the environment of {function['FunctionName']} can't be read: {said}")
    variables: Mapping[str, str] = environment.get("Variables", {})
    if lacking := list(_lacking(variables)):
        raise UsageError(f"{function['FunctionName']} is no function of this library: it has no {', '.join(lacking)}")
    return Pipeline(stack=stack, name=name, function=function, environment=variables)


def _lacking(variables: Mapping[str, str]) -> Iterator[str]:
    for name in ("ENDPOINT_NAME", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "RESULT_SINK"):
        if not variables.get(name):
            yield name
