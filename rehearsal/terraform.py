"""Terraform or OpenTofu as a child process, in one folder behind the fences."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.errors import LocalRunError, UsageError
from rehearsal.fences import require_fenced
from rehearsal.mirrors import local_mirrors, versions

# Resources that are worked on at the same time; most of them wait.
PARALLELISM = 16
PLAN = "plan.bin"
# After that, a command is taken for stuck, and killed.
SECONDS = 1200


class TerraformError(LocalRunError):
    """A command of Terraform's failed; the message has its errors."""


@dataclass(frozen=True)
class Change:
    """The change of one resource that a plan has."""

    address: str
    actions: tuple[str, ...]
    """As in Terraform's plan: ("create",), ("update",), ("delete",), ("create", "delete"), ("delete", "create")."""
    attributes: tuple[str, ...] = ()
    """Names of the attributes that an update in place changes."""

    @property
    def sign(self) -> str:
        """The mark that Terraform puts before it."""
        return {("create", "delete"): "+/-", ("delete", "create"): "-/+", ("update",): "~", ("create",): "+"}.get(
            self.actions, "-"
        )

    @property
    def type(self) -> str:
        return self.address.split(".")[0]


@dataclass
class Work:
    """Terraform's work on one resource, in seconds since the apply began."""

    address: str
    action: str
    start: float
    end: float | None = None
    """None while it goes on, and if it never ended."""
    failed: bool = False


@dataclass
class Applied:
    """The outcome of an apply or destroy."""

    seconds: float = 0.0
    works: list[Work] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    status: int = 0


class Terraform:
    """Runs commands in a folder that has a fenced configuration."""

    def __init__(self, folder: Path, environment: Callable[..., dict[str, str]], mirror: Path | None = None) -> None:
        """`environment` returns the variables of a command; `network=True` are those of `init`. `mirror` is the folder
        that providers come from, if it is given.
        """
        self.folder = folder
        self._mirrors = [mirror] if mirror else local_mirrors()
        self._environment = environment
        self._program = program()
        self.plan_text = ""
        """The kept plan as Terraform shows it."""

    def init(self) -> None:
        """Install the provider. Raises UsageError saying where it is missing."""
        done = self._run("init", "-no-color", network=True)
        if done.returncode:
            mirrored = [version for mirror in self._mirrors for version in versions(mirror)]
            raise UsageError(explained(done.stderr or done.stdout, mirrored))

    def validate(self) -> None:
        """Raises TerraformError naming errors and warnings, of which there must be none."""
        done = self._run("validate", "-json")
        try:
            found = json.loads(done.stdout)["diagnostics"]
        except ValueError:
            raise TerraformError(f"validate: {done.stderr.strip()}") from None
        if found:
            raise TerraformError("validate: " + "; ".join(map(_told, found)))

    def plan(self) -> list[Change]:
        """Return what an apply would do, and keep the plan for it. Raises TerraformError if there is no plan."""
        done = self._run("plan", "-no-color", "-detailed-exitcode", f"-out={PLAN}", f"-parallelism={PARALLELISM}")
        if done.returncode not in (0, 2):
            raise TerraformError(f"plan: {_errors_of(done.stderr or done.stdout)}")
        self.plan_text = done.stdout[max(done.stdout.find("\nTerraform "), 0) :].strip()
        if done.returncode == 0:
            return []  # which spares reading it
        shown = json.loads(self._run("show", "-json", PLAN).stdout)
        return [change for change in map(_change, shown.get("resource_changes", [])) if change]

    def apply(self, watch: Callable[[Work], bool] = lambda _: False) -> Applied:
        """Carry out the kept plan. Where `watch` returns True for a work that begins, Terraform is killed."""
        return self._stream(watch, "apply", "-json", f"-parallelism={PARALLELISM}", PLAN)

    def destroy(self) -> Applied:
        return self._stream(lambda _: False, "destroy", "-json", "-auto-approve", f"-parallelism={PARALLELISM}")

    def attributes(self) -> dict[str, dict[str, Any]]:
        """Return the attributes of everything in the state, by address; a data source's begins with `data.`.

        From the state itself: `show -json` would start the provider for it.
        """
        state = json.loads(self._run("state", "pull").stdout or "{}")
        return {
            f"{'data.' if resource['mode'] == 'data' else ''}{resource['type']}.{resource['name']}": instance[
                "attributes"
            ]
            for resource in state.get("resources", [])
            for instance in resource["instances"]
        }

    def _command(self, *arguments: str) -> list[str]:
        return [self._program, f"-chdir={self.folder}", *arguments]

    def _variables(self, *, network: bool = False) -> Mapping[str, str]:
        variables = self._environment(network=network)
        require_fenced(self.folder, variables)
        return variables

    def _run(self, *arguments: str, network: bool = False) -> "subprocess.CompletedProcess[str]":
        variables = self._variables(network=network)
        with _ended(
            subprocess.Popen(
                self._command(*arguments),
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        ) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _stream(self, watch: Callable[[Work], bool], *arguments: str) -> Applied:
        applied, started = Applied(), time.monotonic()
        going: dict[str, Work] = {}
        with _ended(
            subprocess.Popen(
                self._command(*arguments),
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                began = _note(line, time.monotonic() - started, applied, going)
                if began and watch(began):
                    _kill(process)
            applied.status = process.wait()
        applied.seconds = time.monotonic() - started
        return applied


def program() -> str:
    """Return the program to run, as `make deploy` would choose it. Raises UsageError if there is none."""
    name = os.environ.get("TERRAFORM_BINARY_NAME") or "terraform"
    if not (path := shutil.which(name)):
        raise UsageError(
            f"there is no {name} on the PATH: a rehearsal needs Terraform 1.10 or newer; "
            "TERRAFORM_BINARY_NAME=tofu uses OpenTofu"
        )
    return path


def explained(output: str, mirrored: Sequence[str] = ()) -> str:
    """Return why `init` found no provider: no registry can be reached, or the mirror lacks it or its version.

    `mirrored` are the versions of the AWS provider in the folders that Terraform looks in.
    """
    text = _errors_of(output)
    at_hand = f"; PROVIDER={mirrored[-1]} rehearses with the one at hand" if mirrored else ""
    if "no available releases match" in text or "was not found in any of the search locations" in text:
        return f"no provider: the mirror that Terraform looks in does not have it ({text}){at_hand}"
    if "could not connect to" in text or "could not query provider registry" in text:
        other = at_hand or "; MIRROR=DIR takes it from a folder that `terraform providers mirror` has written"
        return f"no provider: the registry can't be reached ({text}){other}"
    return f"no provider: terraform init: {text}"


def _errors_of(output: str) -> str:
    """Return the errors of plain output as one line."""
    errors = f"\n{output}".split("\nError: ")[1:]
    return " ".join(" ".join(errors or [output]).split("To see which modules")[0].split())


def _told(diagnostic: Mapping[str, Any]) -> str:
    return " ".join(f"{diagnostic['summary']}: {diagnostic.get('detail', '')}".split())


def _change(entry: Mapping[str, Any]) -> Change | None:
    actions = tuple(entry["change"]["actions"])
    if entry["mode"] == "data" or actions in (("no-op",), ("read",)):
        return None
    before, after = (entry["change"].get(side) or {} for side in ("before", "after"))
    unknown = entry["change"].get("after_unknown") or {}
    names = (
        ()
        if actions != ("update",)
        else tuple(
            sorted(
                name for name in {*before, *after} if before.get(name) != after.get(name) or unknown.get(name) is True
            )
        )
    )
    address = entry["address"] + (" (deposed)" if entry.get("deposed") else "")
    return Change(address, actions, names)


def _note(line: str, at: float, applied: Applied, going: dict[str, Work]) -> Work | None:
    """Take in one line of `-json` output; return the work that begins with it."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    kind = message.get("type")
    if kind == "diagnostic" and message["diagnostic"]["severity"] == "error":
        applied.errors.append(_told(message["diagnostic"]))
    if kind not in ("apply_start", "apply_complete", "apply_errored"):
        return None
    hook = message["hook"]
    address = hook["resource"]["addr"]
    if kind == "apply_start" and hook["action"] != "read":
        going[address] = Work(address, hook["action"], at)
        applied.works.append(going[address])
        return going[address]
    if work := going.pop(address, None):
        work.end, work.failed = at, kind == "apply_errored"
    return None


@contextlib.contextmanager
def _ended(process: "subprocess.Popen[str]") -> "Iterator[subprocess.Popen[str]]":
    """End the command with its providers, if it still runs when the rehearsal is interrupted, or for too long."""
    stuck = threading.Timer(SECONDS, _kill, [process])
    with process:
        try:
            stuck.start()
            yield process
        finally:
            stuck.cancel()
            _kill(process)


def _kill(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
