"""What is read out of Terraform's output, and what is said if there is no Terraform or no provider."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from local.emulator import PROJECT
from local.errors import UsageError
from rehearsal.__main__ import parse
from rehearsal.mirrors import local_mirrors, versions
from rehearsal.run import run
from rehearsal.terraform import Applied, Change, Terraform, explained, program

# As Terraform 1.11.4 prints them.
NO_VERSION = """
Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider hashicorp/aws:
no available releases match the given constraints 6.25.0

To see which modules are currently depending on hashicorp/aws and what
versions are specified, run the following command:
    terraform providers
"""
NOT_MIRRORED = """
Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
hashicorp/aws: provider registry.terraform.io/hashicorp/aws was not
found in any of the search locations

  - /opt/mirror
"""
NO_REGISTRY = """
Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
hashicorp/aws: could not connect to registry.terraform.io: failed to
request discovery document: dial tcp: no such host
"""
QUERIED = "Failed to query available provider packages Could not retrieve the list of available versions for provider"


def test_a_mirror_without_the_version_is_told_with_the_one_it_has() -> None:
    assert explained(NO_VERSION, ["5.90.0", "5.100.0"]) == (
        f"no provider: the mirror that Terraform looks in does not have it ({QUERIED} hashicorp/aws: no available "
        "releases match the given constraints 6.25.0); PROVIDER=5.100.0 rehearses with the one at hand"
    )


def test_a_mirror_without_the_provider_is_told() -> None:
    assert explained(NOT_MIRRORED) == (
        f"no provider: the mirror that Terraform looks in does not have it ({QUERIED} hashicorp/aws: provider "
        "registry.terraform.io/hashicorp/aws was not found in any of the search locations - /opt/mirror)"
    )


def test_a_registry_out_of_reach_is_told_with_the_other_way() -> None:
    assert explained(NO_REGISTRY) == (
        f"no provider: the registry can't be reached ({QUERIED} hashicorp/aws: could not connect to "
        "registry.terraform.io: failed to request discovery document: dial tcp: no such host); MIRROR=DIR takes it "
        "from a folder that `terraform providers mirror` has written"
    )


def test_no_terraform_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", "no-such-tofu")
    with pytest.raises(UsageError) as refused:
        program()
    assert str(refused.value) == (
        "there is no no-such-tofu on the PATH: a rehearsal needs Terraform 1.10 or newer; "
        "TERRAFORM_BINARY_NAME=tofu uses OpenTofu"
    )


USAGE = {
    ("--changes", "modle"): "there is no change modle; CHANGES are all, or of memory, model, ",
    ("--mirror", "/no/such"): "argument --mirror: there is no folder /no/such",
    ("--count", "0"): "argument --count: '0' is not a whole number of at least 1",
    ("--no-such",): "unrecognized arguments: --no-such",
}


@pytest.mark.parametrize("arguments", USAGE)
def test_a_mistake_on_the_command_line_is_named(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", "true")
    with pytest.raises(UsageError) as refused:
        run(parse(["--report", str(tmp_path), *arguments]), Console())
    assert str(refused.value).startswith(USAGE[arguments])
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


def test_a_mistake_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "--report", str(tmp_path / "report")],
        cwd=PROJECT,
        env={**os.environ, "TERRAFORM_BINARY_NAME": "no-such-tofu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no no-such-tofu on the PATH: ")
    assert done.stderr.count("\n") == 1


def plan_entry(actions: list[str], before: object = None, after: object = None, **more: object) -> dict[str, object]:
    change = {"actions": actions, "before": before, "after": after, "after_unknown": more.pop("after_unknown", {})}
    return {"address": "aws_sqs_queue.work", "mode": "managed", "change": change, **more}


class Recorded(Terraform):
    """Terraform whose commands have been run before: it answers with these outputs."""

    def __init__(self, outputs: dict[str, tuple[int, str]]) -> None:
        self.outputs = outputs

    def _run(self, *arguments: str, network: bool = False) -> "subprocess.CompletedProcess[str]":
        status, out = self.outputs[arguments[0]]
        return subprocess.CompletedProcess(arguments, status, out, "")


def planned(*entries: dict[str, object]) -> list[Change]:
    shown = json.dumps({"resource_changes": entries})
    return Recorded({"plan": (2, "data.x: Reading...\nTerraform will perform"), "show": (0, shown)}).plan()


def test_a_plan_is_read_with_signs_and_changed_attributes() -> None:
    found = planned(
        plan_entry(["create"], after={}),
        plan_entry(["delete"], before={}),
        plan_entry(["create", "delete"], {}, {}),
        plan_entry(["delete", "create"], {}, {}),
        plan_entry(["update"], {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5}, after_unknown={"d": True}),
        plan_entry(["delete"], before={}, deposed="1234abcd"),
        plan_entry(["no-op"], {}, {}),
        plan_entry(["read"], mode="data"),
    )
    assert [change.sign for change in found] == ["+", "-", "+/-", "-/+", "~", "-"]
    assert found[4].attributes == ("b", "c")
    assert found[5].address == "aws_sqs_queue.work (deposed)"
    assert {change.type for change in found} == {"aws_sqs_queue"}


def test_what_becomes_known_on_apply_counts_as_changed() -> None:
    (change,) = planned(plan_entry(["update"], {"version": "1"}, {}, after_unknown={"version": True}))
    assert change.attributes == ("version",)


def test_an_empty_plan_is_not_read_again() -> None:
    assert Recorded({"plan": (0, "\nTerraform has compared your real infrastructure")}).plan() == []


def test_the_state_is_read_by_address() -> None:
    state = {
        "resources": [
            {"mode": "managed", "type": "aws_sqs_queue", "name": "work", "instances": [{"attributes": {"name": "w"}}]},
            {"mode": "data", "type": "aws_region", "name": "here", "instances": [{"attributes": {"id": "eu"}}]},
        ]
    }
    found = Recorded({"state": (0, json.dumps(state))}).attributes()
    assert found == {"aws_sqs_queue.work": {"name": "w"}, "data.aws_region.here": {"id": "eu"}}
    assert Recorded({"state": (0, "")}).attributes() == {}


def hook(kind: str, action: str = "create", address: str = "aws_sqs_queue.work") -> str:
    return json.dumps({"type": kind, "hook": {"resource": {"addr": address}, "action": action}})


@pytest.fixture
def applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Applied:
    """Stream the output of an apply of which one resource fails, and one never ends."""
    lines = [
        "not JSON",
        hook("apply_start"),
        hook("apply_start", address="aws_sns_topic.alarms"),
        hook("apply_start", "read", "data.aws_region.here"),
        hook("apply_complete"),
        hook("apply_start", "update", "aws_lambda_function.f"),
        hook("apply_errored", address="aws_sns_topic.alarms"),
        json.dumps({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "no", "detail": "rights\n"}}),
        json.dumps({"type": "diagnostic", "diagnostic": {"severity": "warning", "summary": "old"}}),
    ]
    program = tmp_path / "terraform"
    program.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", str(program))
    monkeypatch.setattr("rehearsal.terraform.require_fenced", lambda *_: None)
    return Terraform(tmp_path, lambda network=False: {"PATH": "/usr/bin:/bin"}).apply()


def test_an_apply_is_a_list_of_works_with_errors(applied: Applied) -> None:
    assert (applied.status, applied.errors) == (1, ["no: rights"])
    works = {work.address: (work.action, work.end is not None, work.failed) for work in applied.works}
    assert works == {
        "aws_sqs_queue.work": ("create", True, False),
        "aws_sns_topic.alarms": ("create", True, True),
        "aws_lambda_function.f": ("update", False, False),
    }


def test_mirrors_are_those_of_the_users_configuration(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    for name in ("5.9.0/linux_amd64", "5.100.0/linux_amd64"):
        (mirror / "registry.terraform.io/hashicorp/aws" / name).mkdir(parents=True)
    packed = mirror / "registry.opentofu.org/hashicorp/aws"
    packed.mkdir(parents=True)
    (packed / "terraform-provider-aws_6.25.0_linux_amd64.zip").touch()
    (packed / "index.json").touch()
    rc = tmp_path / "rc"
    rc.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    assert local_mirrors({"TF_CLI_CONFIG_FILE": str(rc)})[0] == mirror
    assert mirror not in local_mirrors({"TF_CLI_CONFIG_FILE": str(tmp_path / "missing")})
    assert versions(mirror) == ["5.9.0", "5.100.0", "6.25.0"]
    assert versions(tmp_path) == []
