from pathlib import Path

import pytest

from local.__main__ import parse
from local.emulator import PROJECT
from local.errors import UsageError
from local.messages import read_samples
from local.run import Options
from tests.local.conftest import RunLocally


def test_without_arguments_the_defaults_apply() -> None:
    assert parse([]) == Options()
    assert parse([]).messages == PROJECT / "local" / "messages.jsonl"


def test_every_option_is_passed_on() -> None:
    line = "--messages m --count 5 --seed 7 --poison 0.5 --stack prod --template t --report r --keep"
    assert parse(line.split()) == Options(
        messages=Path("m"), count=5, seed=7, poison=0.5, stack="prod", template=Path("t"), report=Path("r"), keep=True
    )


def test_the_command_to_repeat_a_run_says_which_messages_to_send() -> None:
    assert Options().command() == "python -m local --count 2000 --seed 0 --poison 0.02"
    options = Options(messages=Path("my messages"), seed=3, keep=True)
    assert options.command() == "python -m local --count 2000 --seed 3 --poison 0.02 --messages 'my messages'"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "0"], "argument --count: '0' is not a whole number of at least 1"),
        (["--count", "many"], "argument --count: 'many' is not a whole number of at least 1"),
        (["--poison", "1.5"], "argument --poison: '1.5' is not a number from 0 to 1"),
        (["--poison", "nan"], "argument --poison: 'nan' is not a number from 0 to 1"),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--colour"], "unrecognized arguments: --colour"),
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
        ("[1]", 'FILE line 1 must be an object with "inputs", a text that is not empty'),
        ('{"text": "a"}', 'FILE line 1 must be an object with "inputs", a text that is not empty'),
        ('{"inputs": ""}', 'FILE line 1 must be an object with "inputs", a text that is not empty'),
        ('{"inputs": "\\ud800"}', 'FILE line 1: "inputs" is not valid Unicode'),
        ('{"inputs": "a", "expected": 1}', 'FILE line 1: "expected" must be a text'),
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
        (["--stack", "none"], "error: there is no stack none, but there are: dev, prod\n"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(run_locally: RunLocally, arguments: list[str], message: str) -> None:
    done = run_locally(*arguments)
    assert (done.returncode, done.stderr) == (2, message)
