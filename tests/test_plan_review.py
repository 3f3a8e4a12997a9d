"""The page on reading plans shows plans of the stacks as they are."""

import json
import re
from pathlib import Path
from typing import Any

import constructs_lib  # noqa: F401 - first: it makes importing cdktf fast

import cdktf
import pytest

import main

PAGE = (Path(__file__).parents[1] / "docs/plan-review.md").read_text()
# A resource of a plan, up to the next one or the end of its block.
RESOURCE = re.compile(
    r"^  # ([a-z_]+)\.([\w-]+) (?:will be|must be) .*?\n(.*?)(?=\n\n|\n```)", re.MULTILINE | re.DOTALL
)
# A value that the plan shows; of a change, the one before it.
VALUE = re.compile(r'^ +[+~-]? ?([a-z_]+) += (".*?"|\d+|true|false)(?=$| ->)', re.MULTILINE)
HASHED = re.compile(r"-[0-9a-f]{8}$")


@pytest.fixture(scope="module")
def stacks() -> dict[str, Any]:
    return {stack.node.id: _document(stack) for stack in main.build_app().node.children}


def _document(stack: Any) -> Any:
    text = cdktf.Testing.synth(stack, True)
    text = re.sub(r"\$\{data\.aws_partition\.\w+\.partition\}", "aws", text)
    return json.loads(re.sub(r"\$\{data\.aws_caller_identity\.\w+\.account_id\}", "123456789012", text))


def test_there_are_excerpts() -> None:
    assert [type_ for type_, _, _ in RESOURCE.findall(PAGE)] == [
        "aws_iam_role_policy",
        "aws_sagemaker_endpoint",
        "aws_sagemaker_endpoint_configuration",
        "aws_sagemaker_model",
        "aws_appautoscaling_target",
        "aws_lambda_event_source_mapping",
    ]


@pytest.mark.parametrize(("type_", "name", "body"), RESOURCE.findall(PAGE), ids=lambda text: text[:40].strip())
def test_every_excerpt_is_of_a_resource_as_it_is_synthesized(
    stacks: dict[str, Any], type_: str, name: str, body: str
) -> None:
    block = stacks["prod"]["resource"][type_][name]
    shown = {key: json.loads(value) for key, value in VALUE.findall(body)}
    values = {key: value for key, value in _values(block) if key in shown}
    known = {key: value for key, value in values.items() if not str(value).startswith("${")}
    assert shown.keys() - values.keys() == set(), "the page shows arguments that the stack does not set"
    assert {key: _unhashed(value) for key, value in shown.items() if key in known} == {
        key: _unhashed(value) for key, value in known.items()
    }
    policy = json.loads(block["policy"]) if "policy" in block else {}
    for text in re.findall(r'^ +\+ "(.*?)",$', body, re.MULTILINE):
        assert text in json.dumps([policy, block])


def _values(block: Any) -> list[tuple[str, Any]]:
    """Return each argument that holds no block, also those within blocks."""
    if isinstance(block, list):
        return [pair for item in block for pair in _values(item)]
    if not isinstance(block, dict):
        return []
    inner = [pair for key, value in block.items() if key not in ("//", "lifecycle") for pair in _values(value)]
    return [*inner, *((key, value) for key, value in block.items() if not isinstance(value, (dict, list)))]


def _unhashed(value: object) -> object:
    return HASHED.sub("", value) if isinstance(value, str) else value


def test_a_default_pipeline_has_as_many_resources_as_the_page_says(stacks: dict[str, Any]) -> None:
    numbers = re.search(r"<!-- resources -->(\d+) resources and (\d+) data sources", PAGE)
    assert numbers
    counted = (sum(map(len, stacks["dev"][section].values())) for section in ("resource", "data"))
    assert tuple(counted) == tuple(map(int, numbers.groups()))


def test_every_file_the_page_links_exists() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\((\S+?)\)", PAGE)]
    assert [link for link in links if not (Path("docs") / link).exists()] == []
