"""The handler is found wherever it lies, and each of its classes is there once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import constructs_lib.codecs

import handler.codecs
import handler.records

ROOT = Path(__file__).parents[2]
REPORT = (
    "import sys; from constructs_lib.codecs import Item; from constructs_lib.settings.handler import HANDLER_PACKAGE;"
    "print(Item.__module__, HANDLER_PACKAGE, sorted(name for name in sys.modules if name.split('.')[0] == 'handler'))"
)


def _run(code: str, path: Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(path)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_in_the_repository_codecs_are_the_handler_s_own() -> None:
    assert constructs_lib.codecs.Item is handler.codecs.Item
    assert constructs_lib.codecs.Record is handler.records.Record


def test_a_clone_on_the_path_works_beside_another_handler(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text('raise AssertionError("nobody imports it")\n')
    done = _run(REPORT, ROOT, tmp_path)
    assert done.stdout == f"constructs_lib._handler.codecs.base {ROOT / 'handler'} []\n", done.stderr


def test_a_library_without_its_handler_says_so(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "constructs_lib", tmp_path / "constructs_lib", ignore=ignored)
    done = _run("import constructs_lib", tmp_path, tmp_path)
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: constructs_lib needs its package handler, and {tmp_path / 'handler'} is not there"
    )
