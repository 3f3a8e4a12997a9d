"""The emulator's process: it leaves nothing behind, listens on 127.0.0.1 alone, and only its own group is ended."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from local import emulator as module
from local.aws import Aws
from local.emulator import PROJECT, Emulator
from local.errors import LocalRunError, UsageError
from tests.local.conftest import local_command

LOOPBACK = ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
LISTENING = "0A"


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def emulator(folder: Path) -> Emulator:
    return Emulator(region="eu-central-1", log_file=folder / "log", function_environment={})


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (module, "require_room"),
        (module, "write_certificate"),
        (Aws, "connect"),
        (Emulator, "_start"),
        (Emulator, "_wait_until_healthy"),
    ],
)
def test_an_interrupt_at_any_step_of_the_start_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temporary: Path, place: Any, name: str
) -> None:
    started: list[int] = []
    popen = subprocess.Popen.__init__

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def note(process: Any, *arguments: Any, **options: Any) -> None:
        popen(process, *arguments, **options)
        started.append(process.pid)

    monkeypatch.setattr(subprocess.Popen, "__init__", note)
    monkeypatch.setattr(place, name, interrupt)
    with pytest.raises(KeyboardInterrupt), emulator(tmp_path):
        pass
    assert list(temporary.iterdir()) == []
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.killpg(process, 0)


@pytest.mark.parametrize("step", ["Synthesize", "Serve the model"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_interrupted_before_the_emulator_is_up_leaves_no_key(
    template: Path, tmp_path: Path, temporary: Path, step: str, number: signal.Signals
) -> None:
    command = local_command(tmp_path, "--template", template)
    variables = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, cwd=PROJECT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert any(line.startswith(step) for line in started.stdout)
        started.send_signal(number)
        _, errors = started.communicate(timeout=20)
    assert (started.returncode, errors) == (130, "interrupted\n")
    assert list(temporary.iterdir()) == []


def test_a_full_disk_for_temporary_files_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temporary: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_certificate", full)
    with pytest.raises(UsageError) as error, emulator(tmp_path):
        pass
    assert re.fullmatch(rf"{temporary}/local-run-\w+: No space left on device", str(error.value))
    assert list(temporary.iterdir()) == []


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(UsageError) as error, emulator(tmp_path):
        pass
    assert str(error.value) == f"{tmp_path / 'log'}: Is a directory"
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks for sockets in /proc")
def test_only_127_0_0_1_is_listened_on(tmp_path: Path, temporary: Path) -> None:
    with emulator(tmp_path) as running:
        addresses = listening(running._process.pid)
    assert [port for _, port in addresses] == [int(running.url.rpartition(":")[2])]
    assert {address for address, _ in addresses} <= set(LOOPBACK)


def listening(process: int) -> list[tuple[str, int]]:
    """Return address and port of each TCP socket that the process listens on."""
    folder = Path("/proc") / str(process)
    sockets = {str(entry.readlink()) for entry in (folder / "fd").iterdir() if entry.is_symlink()}
    found = []
    for table in ("tcp", "tcp6"):
        for line in (folder / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                found.append((address, int(port, 16)))
    return found


def test_a_group_that_has_ended_is_not_signalled_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temporary: Path
) -> None:
    signalled: list[int] = []
    killpg = os.killpg

    def note(group: int, number: int) -> None:
        signalled.append(group)
        killpg(group, number)

    with emulator(tmp_path) as running:
        monkeypatch.setattr(os, "killpg", note)
        running._process.kill()
        running._process.wait()
        for _ in range(2):
            with pytest.raises(LocalRunError, match="MiniStack ended with status -9"):
                running.require_alive()
    assert signalled == [running._process.pid]
    assert list(temporary.iterdir()) == []
