"""Missing tools and credentials, which `make diff`, `deploy` and `destroy` name in a line."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import preflight

PROJECT = Path(__file__).parents[2]
NO_PROVIDER = """
Initializing the backend...

Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
hashicorp/aws: no available releases match the given constraints 6.25.0

To see which modules are currently depending on hashicorp/aws and what
versions are specified, run the following command:
    terraform providers
"""
BUCKET = "\nError: Failed to get existing workspaces\n\nS3 bucket does not exist.\n"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            NO_PROVIDER,
            "Failed to query available provider packages: Could not retrieve the list of available versions for "
            "provider hashicorp/aws: no available releases match the given constraints 6.25.0",
        ),
        (BUCKET, "Failed to get existing workspaces: S3 bucket does not exist."),
        ("Terraform crashed\n  somewhere\n", "Terraform crashed somewhere"),
    ],
)
def test_terraforms_first_error_is_a_line(output: str, line: str) -> None:
    assert preflight.first_error(output) == line


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No credentials anywhere, and a folder of its own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            {},
            "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            {"AWS_PROFILE": "nope"},
            "AWS credentials can't be used: The config profile (nope) could not be found",
        ),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, None),
    ],
)
def test_credentials_are_looked_for_where_terraform_does(
    bare: pytest.MonkeyPatch, variables: dict[str, str], line: str | None
) -> None:
    for name, value in variables.items():
        bare.setenv(name, value)
    assert preflight.credentials_problem() == line


@pytest.fixture
def app(bare: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Have an app of these lines, and a Terraform that does what its own script says."""

    def write(lines: str) -> None:
        (tmp_path / "stub_app.py").write_text(lines)
        bare.setenv("APP", "stub_app")
        bare.setenv("PYTHONPATH", str(PROJECT))

    return write


# beside the stack of another app, which was synthesized before
MAKES_TWO = """import json
from pathlib import Path
for name in "dev", "prod", "left":
    Path("cdktf.out/stacks", name).mkdir(parents=True)
Path("cdktf.out/manifest.json").write_text(json.dumps({"stacks": {"dev": {}, "prod": {}}}))
"""


def test_an_app_leaves_its_warnings_to_cdktf_cli_which_runs_next(
    app: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    app(f"import os, sys\nsys.stderr.write(os.environ['CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS'])\n{MAKES_TWO}")
    assert preflight.synthesis_problem("dev") is None
    assert capfd.readouterr().err == "true"


def test_settings_that_are_wrong_are_one_line(app: Callable[[str], None], capfd: pytest.CaptureFixture[str]) -> None:
    app("from constructs_lib import *\nPipelineSettings(endpoints=1)\n")
    assert preflight.synthesis_problem("dev") == "the stacks could not be synthesized; the reason is above"
    said = "stub_app.py:2: PipelineSettings() has no setting 'endpoints'; did you mean endpoint?\n"
    assert capfd.readouterr().err == said


@pytest.mark.parametrize(
    ("lines", "stack", "problem"),
    [
        (MAKES_TWO, "dev", None),
        (MAKES_TWO, "staging", "there is no stack staging; STACK is one of dev, prod"),
        (MAKES_TWO, "left", "there is no stack left; STACK is one of dev, prod"),
        ("raise SystemExit('wrong')", "dev", "the stacks could not be synthesized; the reason is above"),
    ],
)
def test_the_stack_is_one_of_the_apps(app: Callable[[str], None], lines: str, stack: str, problem: str | None) -> None:
    app(lines)
    assert preflight.synthesis_problem(stack) == problem


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 0", None),
        (
            f"cat >&2 <<'E'\n{BUCKET}E\nexit 1",
            "terraform init: Failed to get existing workspaces: S3 bucket does not exist.",
        ),
        ('echo "$@"; exit 1', "terraform init: -chdir=stack init -input=false -no-color"),
    ],
)
def test_what_terraform_lacks_is_told_before_cdktf_starts(
    bare: pytest.MonkeyPatch, tmp_path: Path, script: str, problem: str | None
) -> None:
    terraform = tmp_path / "terraform"
    terraform.write_text(f"#!/bin/sh\n{script}\n")
    terraform.chmod(0o755)
    bare.setenv("TERRAFORM_BINARY_NAME", str(terraform))
    assert preflight.terraform_problem(Path("stack")) == problem


def _make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAKEFLAGS": "", **variables}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "make: there is no terminal to ask on; read make diff STACK=dev, then pass ARGS=--auto-approve"),
        (
            ("STACK=prod", "ARGS=--var a=b"),
            "make: there is no terminal to ask on; read make diff STACK=prod, then pass ARGS=--auto-approve",
        ),
        (("ARGS=--auto-approve",), ""),
        (("ARGS=--var a=b --auto-approve",), ""),
    ],
)
def test_without_a_terminal_make_says_what_to_pass(arguments: tuple[str, ...], line: str) -> None:
    made = _make("terminal", *arguments)
    assert made.stderr.partition("\n")[0] == line
    assert bool(made.returncode) is bool(line)


@pytest.mark.parametrize("target", ["deploy", "destroy"])
def test_what_changes_something_asks_first_and_before_it_installs_anything(target: str) -> None:
    made = _make(target)
    assert made.returncode == 2
    assert made.stdout == ""
    assert "there is no terminal to ask on" in made.stderr


def test_without_terraform_make_says_what_is_needed() -> None:
    made = _make("terraform", TERRAFORM_BINARY_NAME="no-such-terraform")
    assert made.stderr.partition("\n")[0] == (
        "make: Terraform 1.10 or newer is needed on the PATH for this; TERRAFORM_BINARY_NAME=tofu uses OpenTofu"
    )


# Its own last line; within another make, as where all tests run, it says its level.
MAKE_FAILED = re.compile(r"make(\[\d+\])?: \*\*\* ")


def _synth(app: str, cdktf: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make synth` as where all is installed, with a command in the place of cdktf-cli."""
    return _make(
        "-o", "node_modules/.ready", "-o", ".venv/.ready", "synth", f"APP={app}", f"CDKTF={cdktf}", **variables
    )


def test_a_misspelt_setting_is_one_line_of_make_synth() -> None:
    made = _synth("tests.tools.misspelt", "sh -c 'echo a dozen lines; exit 1'")
    said = "tests/tools/misspelt.py:6: PipelineSettings() has no setting 'endpoints'; did you mean endpoint?"
    line, end = made.stderr.splitlines()
    assert (made.returncode, made.stdout, line) == (2, "", said)
    assert MAKE_FAILED.match(end)


def test_an_app_that_synthesizes_nothing_shows_none_of_another_one_s_stacks(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"stacks": {"left": {}}}')
    app = f"sh -c '{shlex.quote(sys.executable)} -m constructs_lib this'"
    made = _synth("this", app, CDKTF_OUTDIR=str(tmp_path))
    assert (made.returncode, made.stdout) == (2, "")
    assert made.stderr.startswith("nothing was synthesized: end this with ")


def test_if_cdktf_alone_fails_make_synth_says_what_it_said(tmp_path: Path) -> None:
    made = _synth("main", "sh -c 'echo a dozen lines; echo of cdktf >&2; exit 1'", CDKTF_OUTDIR=str(tmp_path))
    assert (made.returncode, made.stdout) == (2, "")
    dozen, cdktf, end = made.stderr.splitlines()
    assert (dozen, cdktf) == ("a dozen lines", "of cdktf")
    assert MAKE_FAILED.match(end)


def test_cdktf_asks_no_registry_and_runs_what_was_checked() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for command in ("diff", "deploy", "destroy"):
        assert f"$(CDKTF) {command} $(STACK) $(AS_IT_IS) $(ARGS)\n" in makefile
    assert "AS_IT_IS := --skip-synth --skip-provider-lock\n" in makefile


def test_nodes_certificates_are_the_systems_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_USE_SYSTEM_CA", raising=False)
    for given, expected in (({}, "1"), ({"NODE_USE_SYSTEM_CA": "0"}, "0")):
        recipe = (
            f"--eval=show:;@{shlex.quote(sys.executable)} -c 'import os; print(os.environ[\"NODE_USE_SYSTEM_CA\"])'"
        )
        assert _make(recipe, "show", **given).stdout.strip() == expected


def test_terraforms_own_files_are_not_for_git() -> None:
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert {"terraform.*.tfstate*", ".terraform.*.tfstate.lock.info"} <= set(ignored)
