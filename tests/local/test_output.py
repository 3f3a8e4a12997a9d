"""The output folder: one run at a time, and one sentence about a path that can't be written to."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local import output
from local.emulator import PROJECT
from local.errors import UsageError
from local.output import LOCK_FILE, REPORT_FILES, OutputFolder
from tests.local.conftest import RunLocally, local_command

HOLD = """
import sys, time
from pathlib import Path
from local.output import OutputFolder
with OutputFolder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def in_use(folder: Path) -> str:
    return f'{folder} is in use by another run; choose another folder with ARGS="--report DIR"'


def test_a_second_run_into_the_same_folder_says_so_and_leaves_the_log_alone(
    run_locally: RunLocally, tmp_path: Path
) -> None:
    with OutputFolder(tmp_path / "report") as first:
        first.log_file.write_text("of the first run")
        done = run_locally()
        assert (done.returncode, done.stderr) == (2, f"error: {in_use(first.path)}\n")
        assert first.log_file.read_text() == "of the first run"


def test_the_soak_finds_the_folder_of_a_demo_in_use(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "report") as first:
        command = [sys.executable, "-m", "local.soak", "--report", str(first.path)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, f"error: {in_use(first.path)}\n")


def test_another_name_of_the_folder_is_in_use_too_and_another_folder_is_not(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "report"):
        (tmp_path / "link").symlink_to(tmp_path / "report")
        with pytest.raises(UsageError) as error, OutputFolder(tmp_path / "link"):
            pass
        assert str(error.value) == in_use(tmp_path / "link")
        with OutputFolder(tmp_path / "other"):
            pass
    with OutputFolder(tmp_path / "link"):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_killed_no_longer_uses_its_folder(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UsageError), OutputFolder(tmp_path):
            pass
        holder.send_signal(number)
        holder.wait()
        with OutputFolder(tmp_path):
            pass


@pytest.mark.parametrize(
    ("prepare", "path", "reason"),
    [
        (lambda folder: (folder / "file").write_text(""), "file", "File exists"),
        (lambda folder: (folder / "file").write_text(""), "file/in/it", "Not a directory"),
        (lambda folder: (folder / "report.html").mkdir(), "report.html", "Is a directory"),
        (lambda folder: None, "x" * 300, "File name too long"),
    ],
)
def test_an_output_path_that_is_no_folder_is_named_with_the_reason(
    run_locally: RunLocally, tmp_path: Path, prepare: Callable[[Path], object], path: str, reason: str
) -> None:
    prepare(tmp_path)
    folder = tmp_path if path == "report.html" else tmp_path / path
    done = run_locally("--report", folder)
    named = tmp_path / "file/in" if path == "file/in/it" else tmp_path / path
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr in (f"error: {named}: {reason}\n", f"error: {folder}: {reason}\n")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for what nobody may write to")
@pytest.mark.parametrize("folder", ["/proc/report", "/sys/report"])
def test_an_unwritable_folder_is_named_with_the_reason(run_locally: RunLocally, folder: str) -> None:
    done = run_locally("--report", folder)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {folder}: ")
    assert done.stderr.count("\n") == 1


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_named_before_anything_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(output.tempfile, "TemporaryFile", full)  # type: ignore[attr-defined]
    with pytest.raises(UsageError) as error, OutputFolder(tmp_path):
        pass
    assert str(error.value) == f"{tmp_path}: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


@pytest.mark.parametrize("name", REPORT_FILES)
def test_of_a_report_that_cannot_be_written_nothing_remains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    write_text = Path.write_text

    def write_until_full(path: Path, content: str, encoding: str) -> int:
        if path.name == name:
            full()
        return write_text(path, content, encoding)

    with OutputFolder(tmp_path) as folder:
        monkeypatch.setattr(Path, "write_text", write_until_full)
        with pytest.raises(UsageError) as error:
            folder.write_report("{}", "<html>")
    assert str(error.value) == f"{tmp_path / name}: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


@pytest.mark.skipif(sys.platform != "linux", reason="writes to /dev/full")
def test_output_that_cannot_be_written_is_one_sentence(template: Path, tmp_path: Path) -> None:
    command = local_command(tmp_path, "--template", template, "--count", 20)
    with Path("/dev/full").open("w") as device:
        done = subprocess.run(command, cwd=PROJECT, stdout=device, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the output: No space left on device\n")
