"""Redrives that are cut off, at every step: nothing is lost, and nothing repeated."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.emulator import PROJECT
from operate.dead_letters.journal import Journal, Step, read_marks
from operate.errors import UsageError
from tests.operate.conftest import Desk, Stack, as_a_process
from tests.operate.killed import HOLD_SECONDS, STEPS

LETTERS = ["m0", "m1", "m2"]
UNKNOWN = {"after begin to send", "before send", "after send", "before note that it was sent"}


def bodies(stack: Stack, url: str) -> list[str]:
    return sorted(message["Body"] for message in stack.received(url))


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_a_redrive_killed_at_any_step_loses_nothing_and_repeats_nothing(
    fifo: bool, make_stack: Callable[..., Stack], desk: Desk
) -> None:
    stacks = [make_stack(fifo=fifo) for _ in STEPS]
    for stack in stacks:
        for body in LETTERS:
            stack.die(body, MessageGroupId=body) if fifo else stack.die(body)
    pairs = [f"{stack.name}={number}" for number, stack in enumerate(stacks)]
    done = as_a_process(*pairs, code=("-m", "tests.operate.killed"))
    assert re.findall(r"^s\d+ (.*)$", done.stderr, re.MULTILINE) == [f"{signal.SIGKILL.value}"] * len(STEPS), (
        done.stderr
    )
    time.sleep(HOLD_SECONDS)
    for step, stack in zip(STEPS, stacks, strict=True):
        in_doubt = step in UNKNOWN and not fifo
        said = desk("dead-letters", "--stack", stack.name, "redrive", "--yes")
        assert said.status == (1 if in_doubt else 0), f"{step}: {said.out}{said.err}"
        left, sent = bodies(stack, stack.dead), bodies(stack, stack.work)
        assert len(set(sent)) == len(sent), f"{step}: repeated {sent}"
        assert {*left, *sent} == set(LETTERS), f"{step}: lost; {left} left, {sent} sent"
        assert len(left) == (1 if in_doubt else 0), f"{step}: {left} left"


def test_an_interrupt_waits_for_the_letter_that_is_sent(stack: Stack, desk: Desk) -> None:
    for body in LETTERS:
        stack.die(body)
    command = [
        sys.executable,
        "-m",
        "operate",
        "dead-letters",
        "--stack",
        stack.name,
        "redrive",
        "--yes",
        "--rate",
        "0.1",
    ]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        until = time.monotonic() + 20
        while stack.count(stack.work) == (0, 0) and time.monotonic() < until:
            time.sleep(0.05)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=20)
    assert (started.returncode, err) == (0, "interrupted: the rest is left as it was\n")
    assert "Redrive: 1 redriven" in out
    assert (stack.count(stack.dead), stack.count(stack.work)) == ((2, 0), (1, 0))


def test_a_journal_cut_off_at_any_byte_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal.open(path) as journal:
        for letter_id in ("a", "b"):
            journal.write(letter_id, Step.SENDING)
            journal.write(letter_id, Step.SENT)
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last, len(whole) - 1):
        path.write_bytes(whole[:end])
        with Journal.open(path) as journal:
            assert {name: mark.step for name, mark in read_marks(path).items()} == {"a": Step.SENT, "b": Step.SENDING}
            journal.write("c", Step.SENDING)
        assert read_marks(path)["c"].step is Step.SENDING


def test_a_second_redrive_of_a_queue_on_one_machine_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal.open(path), pytest.raises(UsageError) as error, Journal.open(path):
        pass
    assert str(error.value) == f"another redrive of this queue runs on this machine: it has {path}"


def test_a_journal_that_cannot_be_written_ends_it_before_anything_is_sent(stack: Stack, desk: Desk) -> None:
    stack.die("x")
    said = desk("dead-letters", "--stack", stack.name, "--journal", "/dev/null/j", "redrive", "--yes")
    assert (said.status, said.err) == (
        2,
        "error: the redrive's journal /dev/null/j: File exists; --journal names another\n",
    )
    assert stack.count(stack.dead) == (1, 0)


@pytest.mark.parametrize("content", [b"export PATH=x\n", b"\x00\xff", b"{}\nnot ours\n"])
def test_a_file_that_is_no_journal_is_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error, Journal.open(path):
        pass
    assert str(error.value) == f"{path} is no journal of a redrive, and is left as it is"
    assert path.read_bytes() == content


def test_a_full_disk_ends_a_redrive_before_it_sends(stack: Stack, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.die("x")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("operate.dead_letters.journal.os.fsync", full)
        said = desk("dead-letters", "--stack", stack.name, "redrive", "--yes")
    assert said.status == 1
    assert said.err.startswith("error: stopped: the redrive's journal ")
    assert said.err.endswith(": No space left on device\n")
    assert (stack.count(stack.dead), stack.count(stack.work)) == ((1, 0), (0, 0))


def test_marks_are_forgotten_once_no_letter_can_be_so_old(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    old, new = time.time() - 15 * 86_400, time.time() - 13 * 86_400
    path.write_text(f'{{"id": "a", "step": "sent", "at": {old}}}\n{{"id": "b", "step": "sent", "at": {new}}}\n')
    assert read_marks(path).keys() == {"b"}
