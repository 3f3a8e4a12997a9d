"""Terraform addresses and physical names of everything that the project's stacks create.

Run as a program it writes `golden.txt` anew (`make addresses`).
"""

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from constructs_lib import (  # first: it makes importing cdktf fast
    AlarmTopic,
    BatchInferenceFunction,
    InferencePipeline,
    InferenceStack,
    MessageQueue,
    ModelEndpoint,
    QueueEventSource,
    QueueSettings,
    ServiceRole,
    StackSettings,
)

from cdktf import TerraformStack, Testing
from cdktf_cdktf_provider_aws.provider import AwsProvider

from handler.settings import HandlerSettings
from tests.addresses import pipelines

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden.txt")

# Arguments that name a thing in AWS: a change of one makes Terraform replace it, and callers lose it.
NAMES = (
    "name",
    "name_prefix",
    "function_name",
    "alarm_name",
    "dashboard_name",
    "log_group_name",
    "bucket",
    "key",
    "protocol",
    "resource_id",
    "scalable_dimension",
    "statement_id",
)
# The function's code is part of some names, and changes with every line of the handler.
CODE_HASH = re.compile(r"\b[0-9a-f]{16}(?=[./])")


def app_stacks() -> dict[str, Mapping[str, StackSettings]]:
    """Return the stacks of every app by its module: main, each example, and those of the tests."""
    modules = ["main", *sorted(f"examples.{path.stem}" for path in (ROOT / "examples").glob("*.py"))]
    return {**{name: importlib.import_module(name).STACKS for name in modules}, "tests": pipelines.STACKS}


def current() -> str:
    """Return the content of the golden file as the code stands: a line for each resource, data source and output."""
    lines = [
        line
        for stacks in app_stacks().values()
        for name, settings in stacks.items()
        for line in _lines(name, InferenceStack(Testing.app(), name, settings))
    ]
    return "\n".join([*lines, *_lines("plain", _plain_stack())]) + "\n"


def _plain_stack() -> TerraformStack:
    """Return a stack of cdktf's own class with the constructs one by one, and a pipeline."""
    stack = TerraformStack(Testing.app(), "plain")
    AwsProvider(stack, "aws")
    queue = MessageQueue(stack, "queue", name="plain-queue", settings=QueueSettings(visibility_timeout_seconds=180))
    fifo = MessageQueue(stack, "fifo", name="plain", settings=QueueSettings(fifo=True), dead_letter_queue=False)
    endpoint = ModelEndpoint(stack, "endpoint", name="plain-endpoint", settings=pipelines.WARM.endpoint)  # type: ignore[arg-type]
    function = BatchInferenceFunction(
        stack,
        "function",
        name="plain-function",
        handler_settings=HandlerSettings(
            endpoint_name=endpoint.name, dead_letter_queue_url=fifo.url, result_sink="none"
        ),
    )
    endpoint.grant_invoke(function.role)
    QueueEventSource(stack, "event-source", queue=queue, function=function)
    operator = ServiceRole(stack, "operator", name="plain-operator", service="lambda", description="Moves messages")
    assert queue.dead_letter_queue is not None
    queue.dead_letter_queue.grant_redrive(operator, queue)
    queue.grant_send(operator)
    AlarmTopic(stack, "alarms", name="plain-alarms", subscribers=("on-call@example.com",))
    pipeline = InferencePipeline(stack, "pipeline", name="plain-pipeline", settings=pipelines.WARM)
    pipeline.grant_operate(operator)
    return stack


def _lines(stack: str, construct: TerraformStack) -> Iterator[str]:
    document = json.loads(Testing.synth(construct, True))
    for section, prefix in (("data", "data."), ("resource", "")):
        for kind, blocks in sorted(document.get(section, {}).items()):
            for id_, block in sorted(blocks.items()):
                yield " ".join([stack, f"{prefix}{kind}.{id_}", *_names(block)])
    for id_ in sorted(document.get("output", {})):
        yield f"{stack} output.{id_}"


def _names(block: Mapping[str, Any]) -> Iterator[str]:
    for name in NAMES:
        if isinstance(value := block.get(name), str) and not value.startswith("${aws_"):
            yield f"{name}={CODE_HASH.sub('CODE', value)}"


def differences(golden: str, now: str) -> list[str]:
    """Return what an upgrade from one content of the file to the other would do, a sentence each."""
    old, new = (_by_address(content) for content in (golden, now))
    gone, added = old.keys() - new.keys(), new.keys() - old.keys()
    moved = {(_kind(address), new[address]): address for address in added}
    found = []
    for address in old:
        if address in gone and " output." in address:
            found.append(f"an upgrade would take the output away: {address}")
        elif address in gone:
            home = moved.get((_kind(address), old[address]))
            where = f"; the same thing is now at {home.partition(' ')[2]}" if home else ""
            found.append(f"an upgrade would destroy {address}{where}")
        elif old[address] != new[address]:
            change = f"{old[address]} would become {new[address]}"
            found.append(f"an upgrade would destroy and create anew: {address}, since {change}")
    return [*found, *(f"not in {GOLDEN.name} yet: {address}" for address in new if address in added)]


def _by_address(content: str) -> dict[str, str]:
    """Return the names of each thing by its stack and address."""
    lines = (line.split(" ", 2) for line in content.splitlines())
    return {f"{stack} {address}": "".join(names) for stack, address, *names in lines}


def _kind(address: str) -> str:
    """Return stack and type."""
    return address.rpartition(".")[0]


if __name__ == "__main__":
    Testing.__test__ = False
    GOLDEN.write_text(current())
