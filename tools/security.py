"""Security checks of the synthesized stacks, by Checkov: `python -m tools.security [--strict STACK]… [FOLDER]`.

A finding fails the command unless it has a written reason: next to the resource, or, for the settings'
defaults, in `checkov_accepted.toml`. Nothing leaves the machine.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CHECKOV = ROOT / ".tools" / "checkov" / "bin" / "python"
ACCEPTED = ROOT / "tools" / "checkov_accepted.toml"
# Checkov finds these in every inline policy; fewer means that it did not read them.
IAM_CHECK, IAM_POLICY = "CKV_AWS_355", "aws_iam_role_policy"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding of Checkov's on one resource."""

    stack: str
    check: str
    title: str
    address: str
    reason: str | None = None
    """The reason that it is accepted, from the resource's comment."""

    def __str__(self) -> str:
        return f"{self.stack} {self.address}: {self.check} {self.title}"


class ScanError(Exception):
    """The stacks could not be checked."""


def scan(folder: Path) -> tuple[list[Finding], Counter[str]]:
    """Run Checkov on a folder of synthesized stacks; return its findings, and the number of passed checks by stack."""
    stacks = _read_stacks(folder)
    if not CHECKOV.exists():
        raise ScanError("Checkov is not installed; `make security` does it")
    command = [str(CHECKOV), str(ROOT / "tools" / "run_checkov.py"), "--directory", str(folder / "stacks")]
    options = ["--framework", "terraform_json", "--skip-download", "--output", "json"]
    completed = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    try:
        report = json.loads(completed.stdout)
    except ValueError:
        raise ScanError(f"Checkov failed: {(completed.stderr or completed.stdout).strip()[-2000:]}") from None
    return read_report(report, stacks)


def read_report(report: Mapping[str, Any], stacks: Mapping[str, Any]) -> tuple[list[Finding], Counter[str]]:
    """Return findings and passed checks of Checkov's report. Raises ScanError if it does not cover the stacks."""
    results = report.get("results", {})
    if errors := results.get("parsing_errors"):
        raise ScanError(f"Checkov could not read {', '.join(errors)}")
    passed, failed = results.get("passed_checks", []), results.get("failed_checks", [])
    counted = Counter(_stack(record) for record in passed + failed if record["check_id"] == IAM_CHECK)
    for name, document in stacks.items():
        policies = len(document.get("resource", {}).get(IAM_POLICY, {}))
        if counted[name] != policies:
            raise ScanError(f"Checkov read {counted[name]} of {policies} policies of stack {name}")
    return [_finding(record, stacks) for record in failed], Counter(_stack(record) for record in passed)


def unaccepted(findings: Sequence[Finding], accepted: Collection[str], strict: Collection[str]) -> list[Finding]:
    """Return the findings without a reason; in the strict stacks only those next to a resource count."""
    return [
        finding
        for finding in findings
        if finding.reason is None and (finding.check not in accepted or finding.stack in strict)
    ]


def summary(
    findings: Sequence[Finding], passed: Mapping[str, int], accepted: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Yield a paragraph for each stack: the number of passed checks, and each finding with its reason."""
    for stack, count in sorted(passed.items()):
        yield f"{stack}: {count} checks passed"
        own = [finding for finding in findings if finding.stack == stack]
        for (check, reason), found in sorted(Counter((f.check, f.reason) for f in own).items(), key=str):
            times = f" ({found} times)" if found > 1 else ""
            because = reason or f"{accepted[check]['reason']}; mended by {accepted[check]['setting']}"
            yield f"  {check}{times}: {because}"


def _read_stacks(folder: Path) -> dict[str, Any]:
    paths = sorted(folder.glob("stacks/*/cdk.tf.json"))
    if not paths:
        raise ScanError(f"{folder}: no stacks; `make synth` makes them")
    try:
        return {path.parent.name: json.loads(path.read_bytes()) for path in paths}
    except ValueError as error:
        raise ScanError(f"{folder}: not JSON: {error}") from None


def _stack(record: Mapping[str, Any]) -> str:
    return Path(record["file_path"]).parent.name


def _finding(record: Mapping[str, Any], stacks: Mapping[str, Any]) -> Finding:
    # Checkov names a resource "resource.NAME" in some checks, and "TYPE.NAME" in others.
    stack, name = _stack(record), str(record["resource"]).partition(".")[2]
    address, comment = record["resource"], {}
    for kind, resources in stacks[stack].get("resource", {}).items():
        if name in resources:
            address, comment = f"{kind}.{name}", resources[name].get("//", {})
    reason = comment.get("checkov", {}).get(record["check_id"])
    return Finding(
        stack=stack, check=record["check_id"], title=record["check_name"], address=address, reason=reason or None
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make security", description="Security checks of the synthesized stacks.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "cdktf.out", help="default: cdktf.out")
    parser.add_argument("--strict", action="append", default=[], metavar="STACK", help="no findings of defaults here")
    options = parser.parse_args(arguments)
    accepted = tomllib.loads(ACCEPTED.read_text())
    try:
        findings, passed = scan(options.folder)
    except ScanError as error:
        sys.stderr.write(f"security: {error}\n")
        return 2
    if unknown := set(options.strict) - set(passed):
        sys.stderr.write(f"security: there is no stack {', '.join(sorted(unknown))}\n")
        return 2
    failed = unaccepted(findings, accepted, options.strict)
    left = [finding for finding in findings if finding not in failed]
    sys.stdout.writelines(f"{line}\n" for line in summary(left, passed, accepted))
    sys.stderr.writelines(f"FAILED {finding}\n" for finding in failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
