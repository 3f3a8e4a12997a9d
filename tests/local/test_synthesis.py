"""Synthesis for a local run: what it needs is checked first, and what an app says is passed on."""

import importlib.util
import os
from pathlib import Path

import pytest

from local import synthesis
from local.errors import UsageError
from tests.local.conftest import RunLocally

NOT_A_PROGRAM = "JSII_NODE is {}, which is not a program; synthesizing a stack needs Node"


def test_a_node_that_is_not_there_is_one_sentence(run_locally: RunLocally, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", "/none/node")
    done = run_locally()
    assert (done.returncode, done.stderr) == (2, f"error: {NOT_A_PROGRAM.format('/none/node')}\n")


def test_a_node_that_is_no_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("")
    monkeypatch.setenv("JSII_NODE", str(node))
    with pytest.raises(UsageError) as error:
        synthesis.synthesize("main", None, tmp_path)
    assert str(error.value) == NOT_A_PROGRAM.format(node)


def test_without_the_environments_node_the_path_is_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JSII_NODE", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as error:
        synthesis._require_node()
    assert str(error.value) == (
        "there is no node on the PATH; synthesizing a stack needs Node, and JSII_NODE can name it"
    )
    (tmp_path / "node").write_text("")
    (tmp_path / "node").chmod(0o755)
    synthesis._require_node()


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeError: Error: ENOSPC: no space left on device, copyfile 'a' -> '/out/b'",
        "OSError: [Errno 30] Read-only file system: '/home/me'",
        "PermissionError: [Errno 13] Permission denied: '/out'",
    ],
)
def test_an_app_that_could_not_write_is_one_sentence(line: str) -> None:
    error = synthesis._failure("main", f"Traceback (most recent call last):\n  …\n{line}")
    assert isinstance(error, UsageError)
    assert str(error) == f"main did not synthesize: {line}"


def test_an_app_with_a_mistake_shows_its_traceback() -> None:
    error = synthesis._failure("main", "Traceback\nValueError: x")
    assert not isinstance(error, UsageError)
    assert str(error) == "main did not synthesize:\nTraceback\nValueError: x"


def test_without_a_home_that_can_be_written_jsii_has_its_cache_beside_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(synthesis.JSII_CACHE_ROOT, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert synthesis._package_cache(tmp_path / "synthesized") == {}
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert synthesis._package_cache(tmp_path / "synthesized") == {
        synthesis.JSII_CACHE_ROOT: os.fspath(tmp_path / "jsii-cache")
    }
    monkeypatch.setenv(synthesis.JSII_CACHE_ROOT, "elsewhere")
    assert synthesis._package_cache(tmp_path / "synthesized") == {}
