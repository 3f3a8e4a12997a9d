"""Deployed pipelines that messages are sent through, and what is read from Terraform's state for it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from constructs_lib import ResultsSettings

import pytest

import main
from examples import several_models
from local.options import Options
from local.template import Template
from rehearsal.scoring import Applied, NotScoredError, _without_lists, pipelines_of, score
from rehearsal.synthesis import synthesize_settings
from tests.addresses import pipelines


def configuration(folder: Path, stacks: Any, name: str) -> Path:
    return synthesize_settings(name, stacks[name], folder)


def _unseen(pipeline: Any) -> Any:
    return replace(pipeline, results=ResultsSettings(sink="none"))


UNSEEN = {"dev": replace(main.STACKS["dev"], pipelines={"language": _unseen(main.STACKS["dev"].pipelines["language"])})}
NOT_SCORED = {
    "unseen": (UNSEEN, "dev", None, "its results go to none, so nobody could see them"),
    "disabled": (
        pipelines.STACKS,
        "every",
        "fifo",
        "the event source of fifo is disabled, so messages would only wait",
    ),
    "filtered": (pipelines.STACKS, "governed", None, "its filters would drop the messages of a rehearsal"),
}


@pytest.mark.parametrize("name", NOT_SCORED)
def test_a_pipeline_that_messages_can_not_go_through_says_why(tmp_path: Path, name: str) -> None:
    stacks, stack, pipeline, reason = NOT_SCORED[name]
    with pytest.raises(NotScoredError) as refused:
        score(cast("Any", None), configuration(tmp_path, stacks, stack), {}, Options(pipeline=pipeline))
    assert str(refused.value).startswith(reason)


def test_every_pipeline_of_a_stack_gets_messages(tmp_path: Path) -> None:
    assert pipelines_of(configuration(tmp_path, several_models.STACKS, "support")) == sorted(
        several_models.STACKS["support"].pipelines
    )


def test_blocks_of_the_state_are_read_as_the_configuration_has_them(tmp_path: Path) -> None:
    values = {"environment": [{"variables": {"A": "1"}}], "scaling_config": [], "layers": ["one"], "role": "r"}
    read = _without_lists(values)
    assert read == {"environment": {"variables": {"A": "1"}}, "scaling_config": [], "layers": ["one"], "role": "r"}
    template = Template.load(configuration(tmp_path, main.STACKS, "dev"))
    (block,) = template.of_type("aws_lambda_function")
    assert Applied(template, {block.address: read}).resolved(block) == read
    assert json.loads(json.dumps(read)) == read
