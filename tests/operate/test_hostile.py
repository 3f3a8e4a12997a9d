"""What a hostile sender, or a slip of the operator's, may try: it forges nothing, fills nothing and takes nothing."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.emulator import PROJECT
from operate.clients import Clients
from operate.dead_letters import scan as scan_module
from operate.dead_letters.edit import EditFailedError, edited
from operate.dead_letters.journal import default_folder
from operate.dead_letters.scan import Scan
from operate.errors import UsageError
from operate.pipelines import QueueFacts
from operate.probe import watchers
from operate.probe.bodies import bodies
from operate.probe.mark import MOST_MESSAGES, Mark
from tests.operate.conftest import REGION, Desk, Stack, text_attributes
from tests.operate.test_fences import on_a_terminal, outputs
from tests.operate.test_probe import environment_of
from tests.operate.worker import working


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


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ("yes", "yes wrote over 1,048,576 bytes, which no message may have"),
        ("sh -c 'yes >&2'", "sh wrote over 1,048,576 bytes, which no message may have"),
        ("sh -c 'setsid sleep 20 & echo x'", "sh took over 1 s"),
    ],
)
def test_an_edit_that_writes_without_end_is_ended(
    edit: str, why: str, stack: Stack, desk: Desk, monkeypatch: Any
) -> None:
    monkeypatch.setattr("operate.dead_letters.edit.TIMEOUT_SECONDS", 1)
    id_ = stack.die("x")
    said = letters(desk, stack, "redrive", "--yes", "--edit", edit)
    assert (said.status, said.err) == (1, f"{id_}: {why}\n")
    assert (stack.count(stack.dead), stack.count(stack.work)) == ((1, 0), (0, 0))


def test_an_edit_that_is_ended_takes_with_it_what_it_started(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("operate.dead_letters.edit.TIMEOUT_SECONDS", 0.5)
    with pytest.raises(EditFailedError):
        edited(["sh", "-c", f"sleep 30 & echo $! > {tmp_path / 'pid'}; wait"], "x")
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(pid), "what the edit started still runs"


def _runs(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_message_in_the_probes_trace_that_others_sent_is_theirs() -> None:
    mark = Mark()
    for rest in ("b7ad6b7169203331-01", "", "zz-00", f"{MOST_MESSAGES + 1:016x}-00", "0000000000000000-00"):
        assert mark.number(mark.prefix + rest) is None, rest
    assert mark.number(mark.of_message(MOST_MESSAGES - 1)) == MOST_MESSAGES - 1


@pytest.mark.parametrize("body", ["[]", "[" * 100_000, "\x85"])
def test_whatever_a_stranger_wrote_to_the_results_it_is_given_back(
    body: str, stack: Stack, desk: Desk, monkeypatch: Any
) -> None:
    def with_a_stranger(*arguments: Any) -> Iterator[str]:
        stack.put(body, {}, url=stack.results)
        return bodies(*arguments)

    monkeypatch.setattr("operate.probe.desk.bodies", with_a_stranger)
    said = desk("smoke", "--stack", stack.name, "--yes", "--own-results")
    assert said.status == 1
    assert "a result of another's came to " in said.err
    assert stack.count(stack.results) == (1, 0)


def test_strange_objects_beside_the_results_end_no_probe(
    make_stack: Callable[..., Stack], desk: Desk, monkeypatch: Any
) -> None:
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket="strange", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    monkeypatch.setattr("operate.probe.watchers.MOST_OBJECT_BYTES", 300_000)

    def with_strangers(*arguments: Any) -> Iterator[str]:
        for number, content in enumerate((b"\xff\xfe\x00", b"[" * 200_000, b"\n" * 400_000, b"9" * 5000)):
            s3.put_object(Bucket="strange", Key=f"of/{number}", Body=content)
        return bodies(*arguments)

    monkeypatch.setattr("operate.probe.desk.bodies", with_strangers)
    sink = {"RESULT_SINK": "s3", "RESULT_TARGET": "s3://strange/of/"}
    stack = make_stack(**sink)
    with working(stack, monkeypatch, environment_of(stack, sink)):
        said = desk("smoke", "--stack", stack.name, "--yes")
    assert said.status == 0, said.out + said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_probe_that_is_told_to_end_while_it_begins_leaves_nothing(
    number: signal.Signals, make_stack: Callable[..., Stack], desk: Desk, monkeypatch: Any
) -> None:
    sns: Any = boto3.client("sns")
    topic = sns.create_topic(Name="ended")["TopicArn"]
    stack = make_stack(RESULT_SINK="sns", RESULT_TARGET=topic)
    told = []
    arn = watchers._arn

    def told_to_end(*arguments: Any) -> str:
        told.append(signal.getsignal(number))
        assert told[0] not in (signal.SIG_DFL, signal.default_int_handler), "it would end at once"
        os.kill(os.getpid(), number)
        return arn(*arguments)

    monkeypatch.setattr(watchers, "_arn", told_to_end)
    said = desk("smoke", "--stack", stack.name, "--yes")
    assert (said.status, said.err) == (130, "interrupted\n")
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    found = stack.emulator.aws.sqs.list_queues(QueueNamePrefix=f"{stack.name}-language-probe-")
    assert found.get("QueueUrls", []) == []
    assert stack.count(stack.work) == (0, 0)


def test_a_scan_that_outlasted_its_hold_leaves_what_another_desk_may_have(stack: Stack, monkeypatch: Any) -> None:
    monkeypatch.setattr(scan_module, "WAIT_SECONDS", 0)
    monkeypatch.setattr(scan_module, "HOLD_SECONDS", 1)
    stack.die("x")
    clients = Clients()
    dead = QueueFacts.read(clients.sqs, stack.dead)
    with Scan(clients.sqs, dead) as late:
        assert next(late.letters()).body == "x"
        time.sleep(1.1)
        monkeypatch.setattr(scan_module, "HOLD_SECONDS", 60)
        with Scan(clients.sqs, dead) as other:
            assert next(other.letters()).body == "x"
            given_back: list[Any] = []
            with monkeypatch.context() as patch:
                patch.setattr(clients.sqs, "change_message_visibility_batch", lambda **it: given_back.append(it))
                late.release()
            assert given_back == []


@pytest.mark.parametrize("arguments", ["list", "purge --reason malformed --yes"])
def test_the_environment_says_nothing_of_what_to_do(arguments: str, stack: Stack) -> None:
    stack.die("x")
    done = subprocess.run(
        ["make", "dead-letters", f"STACK={stack.name}"],
        cwd=PROJECT,
        env={**os.environ, "ARGS": arguments},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "make: ARGS is set in the environment, and is taken from make's command line alone" in done.stderr
    assert stack.count(stack.dead) == (1, 0)


@pytest.mark.parametrize("content", [b"\x7fELF\xff\xfe", b'{"id": ' + b"[" * 100_000, b'{"id"', b""])
def test_a_strange_journal_is_no_traceback(content: bytes, stack: Stack, desk: Desk, tmp_path: Path) -> None:
    stack.die("x")
    path = tmp_path / "journal"
    path.write_bytes(content)
    assert desk("dead-letters", "--stack", stack.name, "--journal", path, "list").status == 0
    said = desk("dead-letters", "--stack", stack.name, "--journal", path, "redrive", "--yes")
    assert said.status == (2 if content.startswith(b"\x7f") else 0), said.err


def test_saved_letters_are_no_journal(stack: Stack, desk: Desk, tmp_path: Path) -> None:
    stack.die("x")
    path = tmp_path / "letters.jsonl"
    letters(desk, stack, "save", path)
    before = path.read_bytes()
    said = desk("dead-letters", "--stack", stack.name, "--journal", path, "redrive", "--yes")
    assert (said.status, said.err) == (2, f"error: {path} is no journal of a redrive, and is left as it is\n")
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", ["", "state"])
def test_the_journal_does_not_depend_on_where_one_is(value: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_folder() == Path("/home/somebody/.local/state/sqs-sagemaker-inference/redrive")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(UsageError, match="there is no home folder for the redrive's journal; --journal names a file"):
        default_folder()


def test_outputs_name_a_function_and_nothing_else(stack: Stack, desk: Desk, tmp_path: Path) -> None:
    arn = f"arn:aws:lambda:{REGION}:999999999999:function:{stack.function}"
    file = outputs(tmp_path, stack, language_function_name=arn)
    said = desk("dead-letters", "--stack", stack.name, "--outputs", file, "list")
    assert said.status == 2
    assert said.err.startswith(f"error: {file}: language_function_name is arn:aws:lambda:")
    assert said.err.endswith(", no name of a function\n")
    file.write_text("[" * 100_000)
    said = desk("dead-letters", "--stack", stack.name, "--outputs", file, "list")
    assert said.err.startswith(f"error: {file} is not what `terraform output -json` prints: RecursionError")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/full", "fifo"])
def test_a_device_is_no_journal(device: str, stack: Stack, desk: Desk, tmp_path: Path) -> None:
    stack.die("x")
    if device == "fifo":
        device = str(tmp_path / "fifo")
        os.mkfifo(device)
    for action in (["list"], ["redrive", "--yes"]):
        said = desk("dead-letters", "--stack", stack.name, "--journal", device, *action)
        assert (said.status, said.err) == (2, f"error: {device} is no file, so it can't be the journal of a redrive\n")
    assert stack.count(stack.dead) == (1, 0)


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ("<&-", 2, "there is no terminal to ask on, and nothing was changed; pass --yes once --dry-run looks right"),
        ("--yes > /dev/full", 1, "the output: No space left on device"),
    ],
)
def test_streams_that_are_closed_or_full_end_it_in_one_line(change: str, status: int, error: str, stack: Stack) -> None:
    stack.die("x")
    command = f"{shlex.quote(sys.executable)} -m operate dead-letters --stack {stack.name} redrive {change}"
    done = subprocess.run(["bash", "-c", command], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, f"error: {error}\n")
    assert stack.count(stack.dead) == (1, 0)


def test_an_endpoint_that_is_none_is_one_line(stack: Stack, desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    said = letters(desk, stack, "list")
    assert (said.status, said.err) == (2, "error: lambda: Invalid endpoint: nonsense\n")
