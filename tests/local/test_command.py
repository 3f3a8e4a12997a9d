import os
import subprocess
from pathlib import Path

import pytest

from local import soak
from local.__main__ import parse
from local.emulator import PROJECT
from local.errors import UsageError
from local.messages import read_samples
from local.options import Options
from tests.local.conftest import RunLocally

NO_FORM = 'FILE line 1 must be an object with "inputs", a text that is not empty, with "body", or with "file", a path'


def test_without_arguments_the_defaults_apply() -> None:
    assert parse([]) == Options()
    assert parse([]).messages == PROJECT / "local" / "messages.jsonl"


def test_every_option_is_passed_on() -> None:
    line = "--messages m --count 5 --seed 7 --poison 1 --app a.b --stack c --pipeline p --template t --report r --keep"
    assert parse([*line.split(), "--layer", "l", "--model", "n"]) == Options(
        messages=Path("m"), count=5, seed=7, poison=1, app="a.b", stack="c", pipeline="p", template=Path("t"),
        report=Path("r"), keep=True, layer=Path("l"), model=Path("n"),
    )  # fmt: skip


def test_the_command_to_repeat_a_run_says_which_messages_to_send() -> None:
    assert Options().command() == 'make demo ARGS="--count 2000 --seed 0 --poison 0.02"'
    options = Options(messages=Path("my messages"), seed=3, stack="prod", keep=True)
    assert options.command() == (
        """make demo ARGS="--count 2000 --seed 3 --poison 0.02 --messages 'my messages' --stack prod\""""
    )


def test_the_soaks_command_says_which_faults_to_inject() -> None:
    assert soak.parse(["--count", "5000", "--seed", "3"]).command() == (
        'make soak ARGS="--count 5000 --seed 3 --poison 0.02 --faults 0.05 --kills 2"'
    )


def test_the_command_to_repeat_a_run_survives_the_shell_and_make(tmp_path: Path) -> None:
    name = """a 'b' "c" $d `e` \\f"""
    (tmp_path / "Makefile").write_text("demo:\n\t@printf '%s\\n' $(ARGS)\n")
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["sh", "-c", Options(messages=Path(name)).command()]
    done = subprocess.run(command, cwd=tmp_path, env=outside_make, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["--messages", name]


@pytest.mark.parametrize(("count", "kills"), [(1, 1), (2500, 1), (100_000, 40)])
def test_one_function_is_killed_in_so_many_messages(count: int, kills: int) -> None:
    assert soak.parse(["--count", str(count)]).kills == kills
    assert soak.parse(["--count", str(count), "--kills", "0"]).kills == 0


@pytest.mark.parametrize("target", ["demo", "soak"])
def test_the_usage_is_that_of_the_make_target(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        (parse if target == "demo" else soak.parse)(["--help"])
    assert done.value.code == 0
    assert capsys.readouterr().out.startswith(f'usage: make {target} ARGS="[option] …"\n')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "0"], "argument --count: '0' is not a whole number of at least 1"),
        (["--count", "many"], "argument --count: 'many' is not a whole number of at least 1"),
        (["--poison", "1.5"], "argument --poison: '1.5' is not a number from 0 to 1"),
        (["--poison", "nan"], "argument --poison: 'nan' is not a number from 0 to 1"),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--colour"], "unrecognized arguments: --colour"),
        (
            ["--messages", "500"],
            "argument --messages: there is no file 500; --count 500 sets how many messages to send",
        ),
    ],
)
def test_a_bad_argument_is_explained(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "FILE holds no messages"),
        ('{"inputs": "a"}\n\nno JSON\n', "FILE line 3 is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            "[1]",
            NO_FORM,
        ),
        (
            '{"text": "a"}',
            NO_FORM,
        ),
        (
            '{"inputs": ""}',
            NO_FORM,
        ),
        ('{"inputs": "\\ud800"}', 'FILE line 1: "inputs" is not valid Unicode'),
        ('{"inputs": "a", "expected": 1}', 'FILE line 1: "expected" must be a text'),
        ('{"inputs": "a", "poison": 1}', 'FILE line 1: "poison" must be a text that says why it can never be scored'),
        ('{"body": ""}', 'FILE line 1: "body" is empty, which SQS does not take'),
        ('{"body": "a", "poison": "b"}', "FILE holds no messages that can be scored"),
        (b"\xff", "FILE is not UTF-8: invalid start byte at byte 0"),
    ],
)
def test_a_bad_messages_file_is_explained(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as error:
        read_samples(path)
    assert str(error.value) == message.replace("FILE", str(path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--messages", "none.jsonl"], "error: none.jsonl: No such file or directory\n"),
        (["--stack", "none"], "error: there is no stack none; main has dev, prod\n"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(run_locally: RunLocally, arguments: list[str], message: str) -> None:
    done = run_locally(*arguments)
    assert (done.returncode, done.stderr) == (2, message)
