"""Dev's life with real Terraform: only with Terraform and a provider at hand, since tests download nothing."""

import json
import time

import pytest

from tests.rehearsal.conftest import life_folder, provider_at_hand

SECONDS = 540
STEPS = ["copy", "init", "validate", "plan", "apply", "second plan", "score", "destroy", "nothing left"]


def test_devs_life_as_terraform_lives_it() -> None:
    if provider_at_hand() is None:
        pytest.skip("no Terraform with the AWS provider in a local mirror; make rehearse would fetch it")
    folder, deadline = life_folder(), time.monotonic() + SECONDS
    while not (folder / "status").exists():
        assert time.monotonic() < deadline, f"the rehearsal took over {SECONDS} s: {_output()}"
        time.sleep(0.5)
    time.sleep(0.1)  # the shell has created the file, and writes to it
    assert (folder / "status").read_text() == "0\n", _output()
    report = json.loads((folder / "report/report.json").read_text())
    assert report["passed"]
    assert [step["step"] for step in report["steps"]] == STEPS
    steps = {step["step"]: step for step in report["steps"]}
    assert len(steps["plan"]["changes"]) == 25
    assert steps["second plan"]["changes"] == []
    assert steps["score"]["remark"] == "language: 196 scored, 4 dead-lettered, 0 lost"
    assert (folder / "report/report.html").stat().st_size > 10_000


def _output() -> str:
    return (life_folder() / "output").read_text(errors="replace")
