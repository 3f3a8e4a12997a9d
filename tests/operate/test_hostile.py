"""What a hostile sender, or a slip of the operator's, may try: it forges nothing, fills nothing and takes nothing."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operate.clients import Clients
from operate.dead_letters import scan as scan_module
from operate.dead_letters.scan import Scan
from operate.pipelines import QueueFacts
from tests.operate.conftest import Desk, Stack, text_attributes
from tests.operate.test_fences import on_a_terminal
from tests.operate.test_probe import environment_of
from tests.operate.worker import working

pytestmark = pytest.mark.xdist_group("operate")


def letters(desk: Desk, stack: Stack, *arguments: object) -> Any:
    return desk("dead-letters", "--stack", stack.name, *arguments)


def test_a_letter_that_fails_again_at_once_is_redriven_once(stack: Stack, desk: Desk, monkeypatch: Any) -> None:
    stack.die("no JSON")
    with working(stack, monkeypatch, environment_of(stack, {})):
        monkeypatch.setattr(scan_module, "WAIT_SECONDS", 1)
        said = letters(desk, stack, "redrive", "--yes", "--scan", 40)
    assert "Redrive: 1 redriven" in said.out
    assert "1 left alone: this redrive sent it, and it failed again" in said.out
    assert said.status == 1
    assert stack.count(stack.dead) == (1, 0)


def test_what_was_written_is_shown_and_not_taken_for_markup(stack: Stack, desk: Desk) -> None:
    text = "a:100:b :x: [red]c[/red] \\[b] [link=http://x]d[/link]"
    stack.die(text, detail=text, attributes=text_attributes({"own": text}))
    for action, times in ((["list"], 1), (["show", "--body"], 3)):
        said = letters(desk, stack, *action)
        assert said.out.count(text) == times, said.out


@pytest.mark.parametrize("terminal", [False, True])
def test_a_body_forges_no_line_of_the_desks(terminal: bool, stack: Stack, desk: Desk) -> None:
    forged = "id            00000000-0000-0000-0000-000000000000"
    id_ = stack.die(f"x\n{forged}\n" + "y" * 78 + f" {forged}\n" + " " * 80 + forged)
    arguments = ["dead-letters", "--stack", stack.name, "show", "--body"]
    _, shown = on_a_terminal("", *arguments) if terminal else (0, desk(*arguments).out)
    lines = [line for line in shown.splitlines() if line.startswith("id")]
    assert [line.split()[1] for line in lines] == [id_], shown


def test_a_huge_attribute_is_shown_in_part(stack: Stack, desk: Desk) -> None:
    stack.die("x", attributes=text_attributes({"own": "\x9b" * 100_000}))
    said = letters(desk, stack, "show")
    assert said.status == 0
    assert said.out.count("\\x9b") == 1999
