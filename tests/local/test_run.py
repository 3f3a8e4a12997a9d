import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from local import run
from local.emulator import PROJECT
from local.errors import LocalRunError
from local.options import Options
from tests.local.conftest import Document, RunLocally, emulator_folder, emulator_processes, local_command


class References(HTMLParser):
    """Gathers what a page would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data")]
        self.found += [tag] if tag in ("script", "link", "iframe", "object", "embed", "base") else []


def test_a_run_scores_every_good_message_and_dead_letters_the_rest(run_locally: RunLocally, tmp_path: Path) -> None:
    done = run_locally("--count", 60, "--poison", 0.1)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert {name: report[name] for name in ("sent", "succeeded", "lost", "repeated", "left_in_queue")} == {
        "sent": 60, "succeeded": 54, "lost": 0, "repeated": 0, "left_in_queue": 0,
    }  # fmt: skip
    assert report["dead_lettered"]["total"] == 6
    assert report["dead_lettered"]["too-large"] == 1
    assert report["accuracy"] > 0.95
    assert report["messages_per_second"] > 0
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"] <= report["latency_ms"]["p99"]
    assert report["records_per_request"] > 1
    assert re.search(r"^ *succeeded +54$", done.stdout, re.MULTILINE)
    assert re.search(r"^ *messages/s +[\d,]+$", done.stdout, re.MULTILINE)
    assert [line for line in done.stdout.splitlines() if line != line.rstrip()] == []
    assert "not created here" not in done.stdout
    assert re.search(r"aws_sagemaker_endpoint\s+dev-language$", done.stdout, re.MULTILINE)

    page = (tmp_path / "report" / "report.html").read_text()
    assert References(page).found == []
    assert "url(" not in page
    assert "@import" not in page
    assert "60 messages sent: 54 scored, 6 " in page
    assert emulator_processes(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_running(template: Path, tmp_path: Path, number: signal.Signals) -> None:
    report = tmp_path / "report" / "report.html"
    report.parent.mkdir()
    report.write_text("an earlier run's")
    command = local_command(tmp_path, "--template", template, "--count", 100_000)
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert any("came back" in line for line in started.stdout)
        assert len(emulator_processes(tmp_path)) > 1
        folder = emulator_folder(tmp_path)
        assert folder.exists()
        started.send_signal(number)
        _, errors = started.communicate(timeout=20)
    if number == signal.SIGKILL:
        time.sleep(2)  # MiniStack notices by itself that the run is gone
    else:
        assert (started.returncode, errors) == (130, "interrupted\n")
    assert emulator_processes(tmp_path) == []
    assert not folder.exists()
    assert not report.exists()


@pytest.fixture
def template_with_handler(
    edited_template: Callable[[Callable[[Document], None]], Path], tmp_path: Path
) -> Callable[[str], Path]:
    """Make the dev stack with this as the body of its handler."""

    def edit(body: str) -> Path:
        with zipfile.ZipFile(tmp_path / "function.zip", "w") as archive:
            archive.writestr("handler/__init__.py", "")
            archive.writestr("handler/index.py", f"def handler(event, context):\n    {body}\n")

        def change(document: Document) -> None:
            (function,) = document["resource"]["aws_lambda_function"].values()
            function["filename"] = str(tmp_path / "function.zip")

        return edited_template(change)

    return edit


def test_a_run_without_progress_stops_with_the_functions_last_error(
    template_with_handler: Callable[[str], Path], tmp_path: Path
) -> None:
    template = template_with_handler("raise RuntimeError('out of paper')")
    options = Options(template=template, count=5, report=tmp_path / "report", stall_seconds=2)
    with pytest.raises(LocalRunError) as error:
        run.run(options, Console(quiet=True))
    assert str(error.value) == "no message came back for 2 s, 5 are missing; the function's last error: out of paper"
    assert emulator_processes(tmp_path) == []


def test_messages_that_the_function_swallows_are_reported_as_lost(
    template_with_handler: Callable[[str], Path], tmp_path: Path
) -> None:
    template = template_with_handler("return {'batchItemFailures': []}")
    status = run.run(Options(template=template, count=20, report=tmp_path / "report"), Console(quiet=True))
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert status == 1
    assert (report["sent"], report["lost"], report["left_in_queue"]) == (20, 20, 0)
    assert re.fullmatch(r"messages lost: 20; [0-9a-f-]{36}(, [0-9a-f-]{36}){9} and 10 more", report["complaints"][0])


def test_what_the_template_asks_for_and_the_run_does_not_know_is_an_error(
    edited_template: Callable[[Callable[[Document], None]], Path], run_locally: RunLocally
) -> None:
    addresses = []

    def ask_for_more(document: Document) -> None:
        name, queue = next(iter(document["resource"]["aws_sqs_queue"].items()))
        queue["colour"] = "blue"
        addresses.append(f"aws_sqs_queue.{name}")

    done = run_locally("--template", edited_template(ask_for_more))
    assert done.stderr == f"error: {addresses[0]}: the local run does not know colour\n"
    assert done.returncode == 1


def test_what_nothing_creates_is_listed_by_kind_and_the_run_goes_on(
    edited_template: Callable[[Callable[[Document], None]], Path], run_locally: RunLocally
) -> None:
    def dress_up(document: Document) -> None:
        resources = document["resource"]
        (function,) = resources["aws_lambda_function"].values()
        function["vpc_config"] = {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
        resources["aws_cloudwatch_composite_alarm"] = {
            f"alarm-{number}": {"alarm_name": f"alarm-{number}", "alarm_rule": "${aws_kms_key.key.arn}"}
            for number in range(5)
        }
        resources["aws_sns_topic"] = {"alarms": {"name": "alarms", "kms_master_key_id": "${aws_kms_key.key.arn}"}}
        resources["aws_kms_key"] = {"key": {"description": "of the topic"}}

    done = run_locally("--template", edited_template(dress_up), "--count", 40)
    assert done.returncode == 0, done.stdout + done.stderr
    created, _, rest = " ".join(done.stdout.split()).partition("not created here: 6")
    assert "aws_sns_topic alarms" in created
    assert "aws_cloudwatch_composite_alarm alarm-0, alarm-1 and 3 more aws_kms_key aws_kms_key.key" in rest
    assert "without effect there: aws_lambda_function vpc_config" in rest
    assert "without effect there: aws_sns_topic kms_master_key_id" in rest
