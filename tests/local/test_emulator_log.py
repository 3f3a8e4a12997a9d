"""The log of the emulator: read in pieces, and in linear time whatever it holds."""

from pathlib import Path

import pytest

from local.emulator_log import DIED, LINE_CHARACTERS, EmulatorLog, FailedInvocation, read_failure
from local.errors import LocalRunError
from local.template import references

FAILED = "ESM: Lambda dev failed processing SQS batch from work (errorType=KeyError errorMessage=no (such) key)"
HOSTILE = {
    "no space and no dot": "\0" * 1_000_000,
    "dots": "a." * 500_000,
    "the beginning of a failure": "ESM: Lambda a failed " * 50_000,
    "messages without an end": "ESM: Lambda a failed " + " errorMessage=" * 70_000,
    "configuration errors": ".ConfigurationError: " * 50_000,
    "killed processes": "Killed a function's process: 1" * 33_000,
}


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        (FAILED, FailedInvocation("no (such) key", final=False)),
        ("x handler.settings.ConfigurationError: no MAX)", FailedInvocation("no MAX", final=True)),
        ("x Worker init failed: no module", FailedInvocation("no module", final=True)),
        ("ESM: Lambda a processed 10 SQS messages from work (1 partial failures)", None),
        ("", None),
    ],
)
def test_a_line_is_a_failure_or_not(line: str, failure: FailedInvocation | None) -> None:
    assert read_failure(line) == failure


def test_a_log_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("")
    log = EmulatorLog(path)
    with path.open("a", buffering=1) as file:
        file.write(FAILED[:30])
        file.flush()
        assert list(log.failures()) == []
        file.write(f"{FAILED[30:]}\nKilled a function's process: 12\n{FAILED.replace('no (such)', DIED[0])}\n")
        assert [failure.message for failure in log.failures()] == ["no (such) key", f"{DIED[0]} key"]
        assert (log.killed, log.batches_cut_short) == (1, 1)
        assert list(log.failures()) == []
    log.close()


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_long_hostile_line_is_read_at_once(tmp_path: Path, line: str, end: str) -> None:
    path = tmp_path / "log"
    path.write_text(line)
    log = EmulatorLog(path)
    found = list(log.failures())
    with path.open("a") as file:
        file.write(line + end)
    found += log.failures()
    log.close()
    assert len(found) <= 1
    assert all(len(failure.message) <= LINE_CHARACTERS for failure in found)
    read_failure(line)


@pytest.mark.parametrize("text", ["${" * 500_000, "%{a" * 300_000, "$${" * 300_000 + "${"])
def test_a_long_hostile_text_of_a_template_is_read_at_once(text: str) -> None:
    with pytest.raises(LocalRunError) as error:
        list(references(text))
    assert len(str(error.value)) < 200
