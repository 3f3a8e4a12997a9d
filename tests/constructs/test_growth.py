"""Pipelines that are added, and stacks that stand beside: they change nothing of what was there."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any

from constructs_lib import (
    InferenceStack,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    S3StateSettings,
    StackSettings,
    add_stacks,
)

import pytest
from cdktf import Testing

from tests.constructs.conftest import SynthStack, stack_of
from tests.constructs.everything import EVERYTHING, REGION

# Deterministic, where seconds are not. A pipeline takes 49,815 (Python 3.11), of which 26,227 are typing's: jsii
# evaluates the annotations of a constructor whenever it is called.
MAX_CALLS_PER_PIPELINE = 75_000


@pytest.fixture(params=["smallest", "everything", "fifo to a topic"])
def pipeline(request: pytest.FixtureRequest, pipeline_settings: PipelineSettings) -> PipelineSettings:
    to_topic = replace(pipeline_settings, queue=QueueSettings(fifo=True), results=ResultsSettings(sink="sns"))
    return {"smallest": pipeline_settings, "everything": EVERYTHING, "fifo to a topic": to_topic}[request.param]


def _missing_or_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the address of each block of the first document that is not the same in the second."""
    return [
        f"{section}.{kind}.{name}"
        for section in ("resource", "data")
        for kind, blocks in before[section].items()
        for name, block in blocks.items()
        if after[section].get(kind, {}).get(name) != block
    ]


def test_a_second_pipeline_changes_nothing_of_the_first(synth_stack: SynthStack, pipeline: PipelineSettings) -> None:
    alone = synth_stack(stack_of(language=pipeline)).document
    both = synth_stack(stack_of(another=pipeline, language=pipeline)).document
    assert _missing_or_changed(alone, both) == []
    assert both["output"].items() >= alone["output"].items()
    assert {section: both[section] for section in ("provider", "terraform")} == {
        section: alone[section] for section in ("provider", "terraform")
    }
    for kind, resources in alone["resource"].items():
        assert len(both["resource"][kind]) == 2 * len(resources)


def test_no_two_pipelines_share_a_name(synth_stack: SynthStack, pipeline: PipelineSettings) -> None:
    both = synth_stack(stack_of(another=pipeline, language=pipeline)).document["resource"]
    for kind in set(both) - {"aws_iam_role_policy", "aws_lambda_alias"}:  # whose names are a role's, or a function's
        names = [str(block.get("name") or block.get("function_name")) for block in both[kind].values()]
        assert len(names) == len(set(names)) or set(names) == {"None"}, f"{kind}: {sorted(names)}"


def test_the_order_of_pipelines_changes_nothing(synth_stack: SynthStack, pipeline: PipelineSettings) -> None:
    there = synth_stack(stack_of(a=pipeline, b=pipeline)).document
    back = synth_stack(stack_of(b=pipeline, a=pipeline)).document
    assert back == there


def test_stacks_of_one_app_are_what_they_are_alone(pipeline: PipelineSettings) -> None:
    stacks = {
        "dev": stack_of(language=pipeline),
        "prod": StackSettings(
            region=REGION,
            pipelines={"language": pipeline, "tone": pipeline},
            state=S3StateSettings(bucket="company-state", region="eu-west-1"),
        ),
    }
    together = {name: _document(stack) for name, stack in add_stacks(Testing.app(), stacks).items()}
    alone = {name: _document(InferenceStack(Testing.app(), name, settings)) for name, settings in stacks.items()}
    assert together == alone


def _document(stack: InferenceStack) -> Any:
    return json.loads(Testing.synth(stack, True))


def _count_calls(work: Callable[[], object]) -> int:
    """Return how many calls of Python functions something takes."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def test_the_tenth_pipeline_takes_as_much_work_as_the_second(pipeline_settings: PipelineSettings) -> None:
    def build(pipelines: int) -> None:
        settings = stack_of(**{f"p{number}": pipeline_settings for number in range(pipelines)})
        add_stacks(Testing.app(), {"dev": settings})

    # Once for what is imported and kept on first use. Then for typing's cache: it keeps the last 128 annotations, fewer
    # than the provider and a first pipeline ask for, so that one pipeline evaluates them anew each time; two settle it.
    for _ in range(3):
        build(2)
    one, two, nine, ten = (_count_calls(lambda count=count: build(count)) for count in (1, 2, 9, 10))  # type: ignore[misc]
    assert ten - nine == pytest.approx(two - one, rel=0.02)
    assert two - one < MAX_CALLS_PER_PIPELINE
