"""Synthesis for a local run: what it needs is checked first, and what an app says is passed on."""

from constructs_lib.fast_synth.jsii_door import missing_node

import pytest

from local import synthesis
from local.errors import UsageError
from tests.local.conftest import RunLocally


def test_a_node_that_is_not_there_is_one_sentence(run_locally: RunLocally, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", "/none/node")
    done = run_locally()
    assert (done.returncode, done.stderr) == (2, f"error: {missing_node()}\n")


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeError: Error: ENOSPC: no space left on device, copyfile 'a' -> '/out/b'",
        "OSError: [Errno 30] Read-only file system: '/home/me'",
        "PermissionError: [Errno 13] Permission denied: '/out'",
    ],
)
def test_an_app_that_could_not_write_is_one_sentence(line: str) -> None:
    error = synthesis._failure("main", 1, f"Traceback (most recent call last):\n  …\n{line}")
    assert isinstance(error, UsageError)
    assert str(error) == f"main did not synthesize: {line}"


def test_an_app_with_a_mistake_shows_its_traceback() -> None:
    error = synthesis._failure("main", 1, "Traceback\nValueError: x")
    assert not isinstance(error, UsageError)
    assert str(error) == "main did not synthesize:\nTraceback\nValueError: x"


def test_settings_that_are_wrong_are_the_user_s_mistake_and_one_line() -> None:
    error = synthesis._failure("main", 2, "main.py:3: PipelineSettings() has no setting 'x'")
    assert isinstance(error, UsageError)
    assert str(error) == "main did not synthesize: main.py:3: PipelineSettings() has no setting 'x'"
