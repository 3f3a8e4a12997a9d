import json
from pathlib import Path

from rich.console import Console

from local import run
from local.soak import SoakOptions
from tests.local.conftest import emulator_processes


def test_with_faults_and_killed_functions_every_message_has_its_outcome(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    options = SoakOptions(count=400, seed=5, faults=0.1, kills=2, max_outstanding=100, report=folder)
    with (tmp_path / "output").open("w") as output:
        status = run.run(options, Console(file=output))
    report = json.loads((folder / "report.json").read_text())
    assert report["complaints"] == []
    assert status == 0
    assert {name: report[name] for name in ("sent", "succeeded", "lost", "moved_by_sqs", "left_in_queue")} == {
        "sent": 400, "succeeded": 392, "lost": 0, "moved_by_sqs": 0, "left_in_queue": 0,
    }  # fmt: skip
    assert report["dead_lettered"]["total"] == 8
    assert report["accuracy"] == 1
    assert report["most_outstanding"] <= 100

    disturbance = report["disturbance"]
    assert len(disturbance["injected"]) > 3
    assert disturbance["injected"]["total"] < disturbance["requests"]
    assert disturbance["workers_killed"] >= 1
    assert f"workers killed {disturbance['workers_killed']}" in " ".join((tmp_path / "output").read_text().split())
    page = (folder / "report.html").read_text()
    assert f"{disturbance['injected']['total']} of {disturbance['requests']} requests to the endpoint met" in page
    assert emulator_processes(tmp_path) == []
