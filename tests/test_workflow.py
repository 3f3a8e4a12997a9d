"""The workflow of pull requests, as people copy it. What GitHub makes of it can't be run here."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / ".github/workflows/pull-request.yml").read_text()


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TEXT)["jobs"]
    return loaded


def test_every_stack_is_planned(jobs: dict[str, Any]) -> None:
    assert jobs["plan"]["strategy"]["matrix"]["stack"] == list(main.STACKS)


def test_every_action_is_pinned_to_a_commit_and_says_its_version(jobs: dict[str, Any]) -> None:
    used = [line.split("uses: ")[1] for line in TEXT.splitlines() if "uses: " in line]
    assert len(used) == sum("uses" in step for job in jobs.values() for step in job["steps"])
    assert [use for use in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []


def test_each_job_has_the_permissions_it_needs_and_no_others(jobs: dict[str, Any]) -> None:
    assert yaml.safe_load(TEXT)["permissions"] == {}
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "test": {"contents": "read"},
        "synth": {"contents": "read"},
        "plan": {"id-token": "write", "pull-requests": "write"},
    }


def test_the_job_with_credentials_runs_no_code_of_the_pull_request(jobs: dict[str, Any]) -> None:
    steps = jobs["plan"]["steps"]
    assert not any("actions/checkout" in step.get("uses", "") for step in steps)
    assert not any("make" in step.get("run", "").split() for step in steps)


def test_nothing_of_the_pull_request_is_pasted_into_a_script(jobs: dict[str, Any]) -> None:
    assert [step["run"] for job in jobs.values() for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_the_targets_it_runs_exist(jobs: dict[str, Any]) -> None:
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    run = {step["run"] for job in jobs.values() for step in job["steps"] if step.get("run", "").startswith("make ")}
    assert {command.split()[1] for command in run} == {"test", "synth", "security"} <= targets
