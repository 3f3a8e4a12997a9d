"""The desk acts on the stack that the command line names, and on no other, however it is tried."""

import json
import os
import pty
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.emulator import ACCOUNT, PROJECT
from operate.command import parse
from operate.text import HIDDEN, printable
from tests.operate.conftest import REGION, Desk, Stack, as_a_process, text_attributes


def purge(desk: Desk, *arguments: object, behind: Sequence[object] = ()) -> Any:
    return desk("dead-letters", *arguments, "purge", *behind, "--reason", "malformed", "--yes")


def test_a_stack_whose_name_begins_alike_is_left_alone(make_stack: Callable[..., Stack], desk: Desk) -> None:
    other = make_stack("dev-a", "b")  # its names could be those of pipeline a-b of dev
    other.die("x")
    for more in ([], ["--pipeline", "a-b"]):
        said = purge(desk, "--stack", "dev", *more)
        wanted = "pipeline a-b of stack dev" if more else "pipeline of stack dev"
        assert (said.status, said.err) == (
            2,
            f"error: there is no {wanted} in account {ACCOUNT}, {REGION}: "
            "no function dev-…-inference has the tag stack=dev (--outputs finds it without)\n",
        )
    assert other.count(other.dead) == (1, 0)


def test_of_two_stacks_the_named_one_is_acted_on(make_stack: Callable[..., Stack], desk: Desk) -> None:
    mine, other = make_stack("dev", "a-b"), make_stack("dev-a", "c")
    for stack in (mine, other):
        stack.die("x")
    assert purge(desk, "--stack", "dev").status == 0
    assert (mine.count(mine.dead), other.count(other.dead)) == ((0, 0), (1, 0))


@pytest.mark.parametrize("tags", [{}, {"stack": "prod"}, {"Stack": "dev"}])
def test_a_function_without_the_stacks_tag_is_not_of_it(
    tags: dict[str, str], make_stack: Callable[..., Stack], desk: Desk
) -> None:
    stack = make_stack("dev", tags=tags)
    stack.die("x")
    assert purge(desk, "--stack", "dev").status == 2
    assert stack.count(stack.dead) == (1, 0)


def test_a_function_that_names_another_stacks_queue_is_refused(make_stack: Callable[..., Stack], desk: Desk) -> None:
    other = make_stack()
    other.die("x")
    mine = make_stack(DEAD_LETTER_QUEUE_URL=other.dead)
    said = purge(desk, "--stack", mine.name)
    assert (said.status, said.err) == (
        2,
        f"error: {mine.function} writes dead letters to {other.name}-language-work-dlq, but those of "
        f"{mine.name}-language-work go to {mine.arn(mine.dead)}: the desk leaves both alone\n",
    )
    assert other.count(other.dead) == (1, 0)


def test_a_function_that_names_both_queues_of_another_stack_is_refused(
    make_stack: Callable[..., Stack], desk: Desk
) -> None:
    other = make_stack()
    other.die("x")
    mine = make_stack(QUEUE_URL=other.work, DEAD_LETTER_QUEUE_URL=other.dead)
    error = (
        f"error: {mine.function} names {other.name}-language-work, which is of stack {other.name}, and does not take "
        "its messages from there: the desk leaves it alone\n"
    )
    for said in (purge(desk, "--stack", mine.name), desk("smoke", "--stack", mine.name, "--yes", "--own-results")):
        assert (said.status, said.err) == (2, error)
    assert (other.count(other.dead), other.count(other.work)) == ((1, 0), (0, 0))


def test_a_queue_of_another_stack_from_which_it_takes_is_its_own(make_stack: Callable[..., Stack], desk: Desk) -> None:
    other = make_stack()
    other.die("x")
    mine = make_stack(QUEUE_URL=other.work, DEAD_LETTER_QUEUE_URL=other.dead)
    other.emulator.aws.lambda_.create_event_source_mapping(
        EventSourceArn=other.arn(other.work), FunctionName=mine.function, Enabled=False
    )
    assert purge(desk, "--stack", mine.name).status == 0
    assert other.count(other.dead) == (0, 0)


def test_a_queue_of_another_account_is_refused(make_stack: Callable[..., Stack], desk: Desk, monkeypatch: Any) -> None:
    stack = make_stack()
    stack.die("x")
    monkeypatch.setattr("operate.clients.Clients.account", "999999999999")
    said = purge(desk, "--stack", stack.name)
    assert said.status == 2
    assert f"{stack.arn(stack.work)}, which is not of account 999999999999" in said.err
    assert stack.count(stack.dead) == (1, 0)


def test_another_region_has_no_such_stack(stack: Stack, desk: Desk) -> None:
    stack.die("x")
    said = purge(desk, "--stack", stack.name, "--region", "us-east-1")
    assert said.status == 2
    assert f"in account {ACCOUNT}, us-east-1: no function" in said.err
    assert stack.count(stack.dead) == (1, 0)


@pytest.mark.parametrize("name", ["", "*", "dev*", "../dev", "dev;x", "dev x", "d" * 64, "dév", "-dev"])
def test_what_is_no_name_is_refused(name: str, desk: Desk, environment: dict[str, str]) -> None:
    said = desk("dead-letters", f"--stack={name}", "list")
    assert said.status == 2
    assert "is no name of a stack: letters, digits, - and _, 63 at most" in said.err


def test_a_second_stack_on_the_command_line_is_refused(make_stack: Callable[..., Stack], desk: Desk) -> None:
    mine, other = make_stack(), make_stack()
    other.die("x")
    said = purge(desk, "--stack", mine.name, "--stack", other.name)
    assert said.err == f"error: --stack names one stack, and was given 2: {mine.name}, {other.name}\n"
    assert other.count(other.dead) == (1, 0)


def test_a_second_stack_behind_the_action_is_refused_too(make_stack: Callable[..., Stack], desk: Desk) -> None:
    mine, other = make_stack(), make_stack()
    other.die("x")
    said = purge(desk, "--stack", mine.name, behind=("--stack", other.name))
    assert said.err == f"error: --stack names one stack, and was given 2: {mine.name}, {other.name}\n"
    assert other.count(other.dead) == (1, 0)


OPTIONS = {"stack": "dev", "region": "eu-west-1", "pipeline": "a", "outputs": Path("o"), "journal": Path("j")}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("action", [["list"], ["show"], ["save", "f"], ["redrive"], ["purge"]])
def test_an_option_is_the_same_before_the_action_and_behind_it(name: str, action: list[str]) -> None:
    given = {option: [f"--{option}", str(value)] for option, value in OPTIONS.items()}
    one, others = given.pop(name), [text for texts in given.values() for text in texts]
    before = vars(parse(["dead-letters", *others, *one, *action]))
    assert before == vars(parse(["dead-letters", *others, *action, *one]))
    assert before == vars(parse(["dead-letters", *action, *one, *others]))
    assert {option: before[option] for option in OPTIONS} == OPTIONS


def test_without_a_stack_nothing_is_done_whatever_the_environment_says(
    stack: Stack, desk: Desk, monkeypatch: Any
) -> None:
    stack.die("x")
    monkeypatch.setenv("STACK", stack.name)
    said = desk("dead-letters", "purge", "--reason", "malformed", "--yes")
    assert (said.status, said.err) == (2, "error: the following arguments are required: --stack\n")
    done = subprocess.run(
        ["make", "dead-letters", "ARGS=list"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "name the stack: make dead-letters STACK=…" in done.stderr
    assert stack.count(stack.dead) == (1, 0)


def test_outputs_of_another_stack_are_refused(make_stack: Callable[..., Stack], desk: Desk, tmp_path: Path) -> None:
    other = make_stack()
    other.die("x")
    file = outputs(tmp_path, other)
    said = purge(desk, "--stack", "mine", "--outputs", file)
    assert (said.status, said.err) == (2, f"error: {file}: {other.function} is of stack {other.name}, not of mine\n")
    assert other.count(other.dead) == (1, 0)


def test_outputs_that_differ_from_the_function_are_refused(
    make_stack: Callable[..., Stack], desk: Desk, tmp_path: Path
) -> None:
    mine, other = make_stack(tags={}), make_stack()
    other.die("x")
    file = outputs(tmp_path, mine, language_dead_letter_queue_url=other.dead)
    said = purge(desk, "--stack", mine.name, "--outputs", file)
    assert said.status == 2
    assert said.err.startswith(f"error: {file}: language_dead_letter_queue_url is {other.dead}, and the function has ")
    assert other.count(other.dead) == (1, 0)


def test_outputs_name_the_pipeline_of_a_stack_without_the_tag(
    make_stack: Callable[..., Stack], desk: Desk, tmp_path: Path
) -> None:
    stack = make_stack(tags={})
    stack.die("x")
    assert purge(desk, "--stack", stack.name, "--outputs", outputs(tmp_path, stack)).status == 0
    assert stack.count(stack.dead) == (0, 0)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', "null"])
def test_a_file_that_has_no_outputs_is_one_line(content: str, stack: Stack, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(content)
    said = desk("dead-letters", "--stack", stack.name, "--outputs", file, "list")
    assert said.status == 2
    assert said.err.startswith(f"error: {file} is not what `terraform output -json` prints: ")


def outputs(folder: Path, stack: Stack, **changes: str) -> Path:
    values = {
        "language_function_name": stack.function,
        "language_queue_url": stack.work,
        "language_dead_letter_queue_url": stack.dead,
        **changes,
    }
    file = folder / "outputs.json"
    file.write_text(json.dumps({name: {"value": value, "type": "string"} for name, value in values.items()}))
    return file


def test_a_stack_with_several_pipelines_wants_one_named(make_stack: Callable[..., Stack], desk: Desk) -> None:
    make_stack("dev", "a").die("x")
    make_stack("dev", "b").die("x")
    said = purge(desk, "--stack", "dev")
    assert (said.status, said.err) == (2, "error: --pipeline must name one: stack dev has a, b\n")


@pytest.mark.parametrize("action", [["redrive"], ["purge", "--reason", "malformed"]])
def test_without_a_terminal_and_without_yes_nothing_is_changed(action: list[str], stack: Stack) -> None:
    stack.die("x")
    done = as_a_process("dead-letters", "--stack", stack.name, *action, answer="y\n")
    assert done.returncode == 2
    assert done.stderr == (
        "error: there is no terminal to ask on, and nothing was changed; pass --yes once --dry-run looks right\n"
    )
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        f"Account  {ACCOUNT}",
        f"Region   {REGION}",
        f"Stack    {stack.name}, pipeline language",
        f"Queue    {stack.dead}",
    ]
    assert stack.count(stack.dead) == (1, 0)


@pytest.mark.parametrize(("answer", "left"), [("", 1), ("y", 0)])
def test_on_a_terminal_it_asks(answer: str, left: int, stack: Stack) -> None:
    stack.die("x")
    status, shown = on_a_terminal(answer, "dead-letters", "--stack", stack.name, "redrive")
    assert "Redrive dead letters of any reason (about 1 wait, and 0 are hidden)? [y/N]" in shown
    assert ("not confirmed: nothing was changed" in shown) == bool(left)
    assert status == (2 if left else 0)
    assert stack.count(stack.dead) == (left, 0)


def on_a_terminal(answer: str, *arguments: str) -> tuple[int, str]:
    """Run the desk with a terminal that gives this answer."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "operate", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdin=theirs, stdout=theirs, stderr=theirs) as started:
        os.close(theirs)
        shown = b""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if b"[y/N] " in shown and answer is not None:
                os.write(ours, f"{answer}\n".encode())
                answer = None  # type: ignore[assignment]
        status = started.wait(timeout=10)
    os.close(ours)
    return status, shown.decode()


def test_a_dry_run_changes_nothing(stack: Stack, desk: Desk) -> None:
    ids = [stack.die("x"), stack.die("y")]
    for action in (["redrive"], ["purge", "--reason", "malformed"]):
        said = desk("dead-letters", "--stack", stack.name, *action, "--dry-run")
        assert said.status == 0
        assert "Dry run, nothing is changed: " in said.out
        assert stack.count(stack.dead) == (2, 0)
    assert {message["MessageId"] for message in stack.received(stack.dead)} == set(ids)
    assert stack.count(stack.work) == (0, 0)


# What SQS takes of what a terminal acts on: controls from 7F to 9F, among them CSI and OSC in one character, and marks
# of direction and of no width.
HOSTILE = "\x9b2J\x9d0;owned\x9c\x7f\u202eevil\u200b\r\n"


def test_what_others_wrote_reaches_no_terminal_as_it_is(stack: Stack, desk: Desk) -> None:
    stack.die(HOSTILE + "body", detail="bad \u202e\u200b[red]markup[/red]", attributes=text_attributes({"x": "\x9bA"}))
    for action in (["list"], ["show"], ["show", "--body"]):
        said = desk("dead-letters", "--stack", stack.name, *action)
        assert said.status == 0
        shown = said.out + said.err
        assert not [c for c in shown if c != "\n" and not c.isprintable()], ascii(shown)
        assert "bad \\u202e\\u200b[red]markup[/red]" in shown
        assert ("\\x9b2J\\x9d0;owned\\x9c\\x7f\\u202eevil\\u200b\\r\n    body" in shown) == ("--body" in action)
        assert ("\\x9bA" in shown) == ("show" in action)


def test_a_printable_text_has_nothing_that_a_terminal_acts_on() -> None:
    text = "".join(map(chr, range(0x3000))) + "\ud800\ufeff\ue000\U000e0001"
    assert all(unicodedata.category(c) not in HIDDEN for c in printable(text))
    assert printable("\x1b[2J\r") == "\\x1b[2J\\r"


def test_bodies_are_shown_and_saved_only_when_asked_for(stack: Stack, desk: Desk, tmp_path: Path) -> None:
    stack.die("a secret of a customer")
    for action in (["list"], ["list", "--json"], ["show"], ["redrive", "--dry-run"]):
        said = desk("dead-letters", "--stack", stack.name, *action)
        assert "secret" not in said.out + said.err
    assert "secret" in desk("dead-letters", "--stack", stack.name, "show", "--body").out
    file = tmp_path / "letters.jsonl"
    said = desk("dead-letters", "--stack", stack.name, "save", file)
    assert "secret" not in said.out + said.err
    assert json.loads(file.read_text())["body"] == "a secret of a customer"
    assert file.stat().st_mode & 0o777 == 0o600
    again = desk("dead-letters", "--stack", stack.name, "save", file)
    assert (again.status, again.err) == (2, f"error: {file} exists already, and is not written over\n")


def test_a_purge_of_everything_is_refused(stack: Stack, desk: Desk) -> None:
    stack.die("x")
    said = desk("dead-letters", "--stack", stack.name, "purge", "--yes")
    assert said.err == "error: purge needs --reason or --id: it deletes for good (save FILE keeps a copy)\n"
    assert stack.count(stack.dead) == (1, 0)


def test_a_dead_letter_queue_that_would_move_them_on_is_not_looked_at(stack: Stack, desk: Desk) -> None:
    policy = {"deadLetterTargetArn": stack.arn(stack.results), "maxReceiveCount": 1}
    stack.emulator.aws.sqs.set_queue_attributes(QueueUrl=stack.dead, Attributes={"RedrivePolicy": json.dumps(policy)})
    stack.die("x")
    said = desk("dead-letters", "--stack", stack.name, "list")
    assert said.status == 2
    assert "has a redrive policy of its own: each look counts as one of 1 receives" in said.err
    assert stack.count(stack.dead) == (1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, "error: Unable to locate credentials\n"),
        ({"AWS_PROFILE": "nobody"}, "error: The config profile (nobody) could not be found\n"),
        ({"AWS_DEFAULT_REGION": ""}, "error: no region: pass --region, or set AWS_REGION or a profile with one\n"),
    ],
)
def test_credentials_come_from_the_standard_chain(
    change: dict[str, str], message: str, stack: Stack, desk: Desk, monkeypatch: Any
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    said = desk("dead-letters", "--stack", stack.name, "list")
    assert (said.status, said.err) == (2, message)


def test_the_region_may_be_aws_region(stack: Stack, desk: Desk, monkeypatch: Any) -> None:
    region = os.environ["AWS_DEFAULT_REGION"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", region)
    assert desk("dead-letters", "--stack", stack.name, "list").status == 0
