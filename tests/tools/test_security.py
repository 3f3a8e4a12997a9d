"""The reading of Checkov's report by `make security`; Checkov itself runs in an environment of its own."""

import json
import tomllib
from pathlib import Path
from typing import Any

from constructs_lib import EndpointSettings, HuggingFaceModel, InferenceStack, PipelineSettings, StackSettings

import pytest
from cdktf import App

from tools.security import ACCEPTED, Finding, ScanError, main, read_report, scan, summary, unaccepted

ACCEPTED_CHECKS = {"CKV_AWS_117": {"reason": "the network is yours", "setting": "function.vpc"}}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A synthesized stack as the command reads it."""
    folder = tmp_path_factory.mktemp("synthesized")
    app = App(outdir=str(folder))
    model = HuggingFaceModel(model_id="owner/model", task="text-classification")
    pipeline = PipelineSettings(endpoint=EndpointSettings(model=model))
    InferenceStack(app, "dev", StackSettings(region="eu-central-1", pipelines={"language": pipeline}))
    app.synth()
    return {"dev": json.loads((folder / "stacks/dev/cdk.tf.json").read_text())}


def _record(stacks: dict[str, Any], check: str, kind: str, *, prefix: str = "resource") -> dict[str, Any]:
    (name,) = stacks["dev"]["resource"][kind]
    return {
        "check_id": check,
        "check_name": f"Ensure {check}",
        "file_path": "/dev/cdk.tf.json",
        "resource": f"{prefix}.{name}",
    }


def _report(stacks: dict[str, Any], *failed: dict[str, Any], policies_read: int | None = None) -> dict[str, Any]:
    policies = list(stacks["dev"]["resource"]["aws_iam_role_policy"])[:policies_read]
    passed = [
        {"check_id": "CKV_AWS_355", "check_name": "", "file_path": "/dev/cdk.tf.json", "resource": f"resource.{name}"}
        for name in policies
    ]
    return {"results": {"passed_checks": passed, "failed_checks": list(failed), "parsing_errors": []}}


def test_a_finding_with_a_reason_next_to_the_resource_is_accepted(stacks: dict[str, Any]) -> None:
    record = _record(stacks, "CKV_AWS_116", "aws_lambda_function")
    (finding,), _ = read_report(_report(stacks, record), stacks)
    assert (
        finding.reason
        == "failed messages reach the dead-letter queue by redrive, failed notifications by a failure destination"
    )
    assert unaccepted([finding], {}, strict=["dev"]) == []


@pytest.mark.parametrize("prefix", ["resource", "aws_lambda_function"])
def test_a_finding_names_the_resource_by_its_address(stacks: dict[str, Any], prefix: str) -> None:
    record = _record(stacks, "CKV_AWS_117", "aws_lambda_function", prefix=prefix)
    (finding,), _ = read_report(_report(stacks, record), stacks)
    (name,) = stacks["dev"]["resource"]["aws_lambda_function"]
    assert str(finding) == f"dev aws_lambda_function.{name}: CKV_AWS_117 Ensure CKV_AWS_117"


def test_what_defaults_leave_is_accepted_but_not_in_strict_stacks(stacks: dict[str, Any]) -> None:
    record = _record(stacks, "CKV_AWS_117", "aws_lambda_function")
    findings, _ = read_report(_report(stacks, record), stacks)
    assert unaccepted(findings, ACCEPTED_CHECKS, strict=[]) == []
    assert unaccepted(findings, ACCEPTED_CHECKS, strict=["prod"]) == []
    assert unaccepted(findings, ACCEPTED_CHECKS, strict=["dev"]) == findings


def test_any_other_finding_fails(stacks: dict[str, Any]) -> None:
    record = _record(stacks, "CKV_AWS_999", "aws_lambda_function")
    findings, _ = read_report(_report(stacks, record), stacks)
    assert [finding.check for finding in unaccepted(findings, ACCEPTED_CHECKS, strict=[])] == ["CKV_AWS_999"]


def test_a_report_that_leaves_policies_out_is_refused(stacks: dict[str, Any]) -> None:
    policies = len(stacks["dev"]["resource"]["aws_iam_role_policy"])
    with pytest.raises(ScanError) as raised:
        read_report(_report(stacks, policies_read=1), stacks)
    assert str(raised.value) == f"Checkov read 1 of {policies} policies of stack dev"


def test_a_file_that_checkov_could_not_read_is_refused(stacks: dict[str, Any]) -> None:
    report = _report(stacks)
    report["results"]["parsing_errors"] = ["/dev/cdk.tf.json"]
    with pytest.raises(ScanError, match=r"^Checkov could not read /dev/cdk\.tf\.json$"):
        read_report(report, stacks)


def test_the_summary_gives_each_finding_its_reason() -> None:
    def finding(check: str, reason: str | None = None) -> Finding:
        return Finding(stack="dev", check=check, title="", address="x.y", reason=reason)

    findings = [finding("CKV_AWS_117"), finding("CKV_AWS_117"), finding("CKV_AWS_116", "not for queues")]
    assert list(summary(findings, {"dev": 40, "prod": 41}, ACCEPTED_CHECKS)) == [
        "dev: 40 checks passed",
        "  CKV_AWS_116: not for queues",
        "  CKV_AWS_117 (2 times): the network is yours; mended by function.vpc",
        "prod: 41 checks passed",
    ]


def test_each_accepted_finding_has_a_reason_and_a_setting_that_exists() -> None:
    settings = (Path(__file__).parents[2] / "docs/settings.md").read_text()
    for check, entry in tomllib.loads(ACCEPTED.read_text()).items():
        assert set(entry) == {"reason", "setting"}, check
        for setting in entry["setting"].split(" and "):
            assert f"| `{setting.rpartition('.')[2]}` |" in settings, f"{check}: {setting}"


def test_a_folder_without_stacks_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"security: {tmp_path}: no stacks; `make synth` makes them\n"


def test_a_stack_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "stacks/dev").mkdir(parents=True)
    (tmp_path / "stacks/dev/cdk.tf.json").write_text("{")
    with pytest.raises(ScanError, match="not JSON"):
        scan(tmp_path)
