"""The page on reading plans shows what is synthesized."""

import json
import re
from pathlib import Path
from typing import Any

import cdktf
import pytest

import main

PAGE = (Path(__file__).parents[1] / "docs/plan-review.md").read_text()
EXCERPTS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.fixture(scope="module")
def stacks() -> dict[str, Any]:
    return {stack.node.id: _document(stack) for stack in main.build_app().node.children}


def _document(stack: Any) -> Any:
    text = cdktf.Testing.synth(stack, True)
    text = re.sub(r"\$\{data\.aws_partition\.\w+\.partition\}", "aws", text)
    return json.loads(re.sub(r"\$\{data\.aws_caller_identity\.\w+\.account_id\}", "123456789012", text))


def _shows(excerpt: Any, block: Any) -> bool:
    """Whether all of the excerpt is in the block; policies are compared by what they say, names but for hashes."""
    if isinstance(excerpt, dict):
        block = json.loads(block) if isinstance(block, str) and block.startswith("{") else block
        return isinstance(block, dict) and all(_shows(value, block.get(name)) for name, value in excerpt.items())
    if isinstance(excerpt, str) and isinstance(block, str):
        hashed = r"-[0-9a-f]{8}$"
        return re.sub(hashed, "", excerpt) == re.sub(hashed, "", block)
    return bool(excerpt == block)


def test_there_are_excerpts() -> None:
    assert len(EXCERPTS) == 4


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=lambda excerpt: next(iter(excerpt)))
def test_every_excerpt_is_synthesized(stacks: dict[str, Any], excerpt: dict[str, Any]) -> None:
    ((kind, shown),) = excerpt.items()
    blocks = [block for document in stacks.values() for block in document["resource"].get(kind, {}).values()]
    assert any(_shows(shown, block) for block in blocks), blocks


def test_a_default_pipeline_has_as_many_resources_as_the_page_says(stacks: dict[str, Any]) -> None:
    numbers = re.search(r"<!-- resources -->(\d+) resources and (\d+) data sources", PAGE)
    assert numbers
    counted = (sum(map(len, stacks["dev"][section].values())) for section in ("resource", "data"))
    assert tuple(counted) == tuple(map(int, numbers.groups()))


def test_every_file_the_page_links_exists() -> None:
    links = re.findall(r"\]\((\S+?)\)", PAGE)
    assert [link for link in links if not (Path("docs") / link).exists()] == []
