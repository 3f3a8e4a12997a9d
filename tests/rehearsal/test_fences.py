"""Attempts to break out of a rehearsal: by the stack's settings, the user's environment, files, and other providers."""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.emulator import ACCOUNT
from local.errors import UsageError
from rehearsal import fences
from rehearsal.fences import FenceError
from rehearsal.terraform import Terraform

HERE = "https://127.0.0.1:4566"
ADDRESSES = dict.fromkeys(fences.SERVED, HERE)
CREDENTIALS = {"access_key": ACCOUNT, "secret": "made up"}
S3_STATE = {"bucket": "company-state", "key": "prod.tfstate", "region": "eu-west-1", "use_lockfile": True}
HARMLESS: dict[str, Any] = {
    "terraform": {
        "backend": {"local": {"path": "/home/me/terraform.prod.tfstate"}},
        "required_providers": {"aws": {"source": "aws", "version": "6.25.0"}},
    },
    "provider": {"aws": [{"region": "eu-central-1", "default_tags": [{"tags": {"stack": "prod"}}]}]},
    "data": {"aws_caller_identity": {"me": {}}, "aws_region": {"here": {}}},
    "resource": {
        "aws_sqs_queue": {"work": {"name": "prod-work"}},
        "terraform_data": {"type": {"input": "ml.m5.xlarge"}},
    },
}

TAKEN = "a rehearsal takes hashicorp/archive, hashicorp/aws, hashicorp/random"

Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit) -> dict[str, Any]:
    document = copy.deepcopy(HARMLESS)
    edit(document)
    return document


def written(folder: Path, document: dict[str, Any]) -> dict[str, str]:
    """Write a configuration as a rehearsal would, and return the environment that Terraform would get."""
    fences.clean(document, ADDRESSES, CREDENTIALS)
    (folder / fences.FILE).write_text(json.dumps(document))
    return fences.environment(folder, folder / "authority.pem", "http://127.0.0.1:9")


def test_a_stack_as_the_library_writes_it_passes(tmp_path: Path) -> None:
    document = edited(lambda _: None)
    fences.require_harmless(document, ADDRESSES)
    fences.require_fenced(tmp_path, written(tmp_path, document))


REFUSED: dict[str, tuple[Edit, str]] = {
    "another provider": (
        lambda d: d["terraform"]["required_providers"].update(google={"source": "hashicorp/google"}),
        f"the provider hashicorp/google may reach anything; {TAKEN}",
    ),
    "another provider of the same name": (
        lambda d: d["terraform"]["required_providers"]["aws"].update(source="example.com/hashicorp/aws"),
        f"the provider example.com/hashicorp/aws may reach anything; {TAKEN}",
    ),
    "a provider without a source": (
        lambda d: d["provider"].update(external=[{}]),
        f"the provider hashicorp/external may reach anything; {TAKEN}",
    ),
    "the AWS provider under another name, which would not be fenced": (
        lambda d: d["terraform"]["required_providers"].update(archive={"source": "hashicorp/aws"}),
        f"the provider hashicorp/aws under the name archive may reach anything; {TAKEN}",
    ),
    "a provider that a resource merely implies": (
        lambda d: d["resource"].update(google_storage_bucket={"b": {"name": "company"}}),
        f"the provider hashicorp/google may reach anything; {TAKEN}",
    ),
    "a program as a data source": (
        lambda d: d["data"].update(external={"keys": {"program": ["aws", "sts", "get-session-token"]}}),
        f"the provider hashicorp/external may reach anything; {TAKEN}",
    ),
    "HCP Terraform": (
        lambda d: d["terraform"].update(cloud={"organization": "company"}),
        "terraform.cloud names something outside of the rehearsal",
    ),
    "a remote state": (
        lambda d: d["data"].update(terraform_remote_state={"net": {"backend": "s3", "config": S3_STATE}}),
        "data.terraform_remote_state.net reads the state of something real",
    ),
    "a provisioner": (
        lambda d: d["resource"]["terraform_data"]["type"].update(provisioner=[{"local-exec": {}}]),
        "terraform_data.type: a provisioner may reach anything",
    ),
    "a module": (
        lambda d: d.update(module={"vpc": {"source": "terraform-aws-modules/vpc/aws"}}),
        "module blocks may reach anything",
    ),
    "an ephemeral resource": (
        lambda d: d.update(ephemeral={"aws_secretsmanager_secret_version": {"token": {"secret_id": "hub"}}}),
        "ephemeral blocks may reach anything",
    ),
    "a service without an address": (
        lambda d: d["resource"].update(aws_ecs_cluster={"servers": {"name": "servers"}}),
        "aws_ecs_cluster.servers: nothing on 127.0.0.1 answers for aws_ecs_cluster",
    ),
    "a data source of a service without an address": (
        lambda d: d["data"].update(aws_organizations_organization={"all": {}}),
        "data.aws_organizations_organization.all: nothing on 127.0.0.1 answers for aws_organizations_organization",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_stack_that_reaches_further_is_refused_in_words(name: str) -> None:
    edit, message = REFUSED[name]
    with pytest.raises(UsageError) as refused:
        fences.require_harmless(edited(edit), ADDRESSES)
    assert str(refused.value) == f"the stack can't be rehearsed: {message}"


def test_all_reasons_are_named_at_once() -> None:
    def edit(document: dict[str, Any]) -> None:
        for other, _ in REFUSED.values():
            other(document)

    with pytest.raises(UsageError) as refused:
        fences.require_harmless(edited(edit), ADDRESSES)
    said = str(refused.value)
    # A module of another's registry hides behind no other reason.
    assert [name for name, (_, message) in REFUSED.items() if message.split(";")[0] not in said] == []


REPLACED: dict[str, tuple[Edit, list[str]]] = {
    "an S3 backend": (
        lambda d: d["terraform"].update(backend={"s3": S3_STATE}),
        ["state: a file in the rehearsal's folder in place of the backend s3"],
    ),
    "a backend that runs HTTP": (
        lambda d: d["terraform"].update(backend={"http": {"address": "https://state.example.com"}}),
        ["state: a file in the rehearsal's folder in place of the backend http"],
    ),
    "the stack's own state file": (lambda d: None, []),
    "a role to assume": (
        lambda d: d["provider"]["aws"][0].update(assume_role=[{"role_arn": "arn:aws:iam::123456789012:role/deploy"}]),
        ["provider: without assume_role"],
    ),
    "a profile with files": (
        lambda d: d["provider"]["aws"][0].update(profile="prod", shared_credentials_files=["~/.aws/credentials"]),
        ["provider: without profile, shared_credentials_files"],
    ),
    "credentials and a proxy": (
        lambda d: d["provider"]["aws"][0].update(access_key="AKIAREAL", token="t", http_proxy="http://proxy:3128"),
        ["provider: without access_key, http_proxy, token"],
    ),
    "an address of its own": (
        lambda d: d["provider"]["aws"][0].update(endpoints=[{"sqs": "https://sqs.eu-central-1.amazonaws.com"}]),
        ["provider: without endpoints"],
    ),
    "a second provider block": (
        lambda d: d["provider"]["aws"].append({"alias": "other", "region": "us-east-1", "profile": "prod"}),
        ["provider: without profile"],
    ),
    "a provider block that is no list": (
        lambda d: d["provider"].update(aws={"region": "eu-central-1", "profile": "prod"}),
        ["provider: without profile"],
    ),
    "no provider block": (lambda d: d.pop("provider"), []),
}  # fmt: skip


@pytest.mark.parametrize("name", REPLACED)
def test_what_names_the_real_thing_is_replaced_and_said(tmp_path: Path, name: str) -> None:
    edit, notes = REPLACED[name]
    document = edited(edit)
    assert fences.clean(document, ADDRESSES, CREDENTIALS) == notes
    (tmp_path / fences.FILE).write_text(json.dumps(document))
    variables = fences.environment(tmp_path, tmp_path / "authority.pem", "http://127.0.0.1:9")
    fences.require_fenced(tmp_path, variables)
    text = json.dumps(document)
    assert [word for word in ("s3", "/home/me", "prod.tfstate", "AKIA", "amazonaws", "proxy", "role/deploy") if word in
            text.replace('"s3": "https://127.0.0.1', "").replace("s3_use_path_style", "")] == []  # fmt: skip
    for block in fences.provider_blocks(document):
        assert block["access_key"] == ACCOUNT
        assert block["endpoints"] == [ADDRESSES]


# Everything that an AWS SDK or Terraform might read; the values are those of somebody's account.
HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_PROFILE": "prod",
    "AWS_DEFAULT_PROFILE": "prod",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/deploy",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/credentials",
    "AWS_CONFIG_FILE": "/home/me/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/home/me/.aws/credentials",
    "AWS_ENDPOINT_URL": "https://sqs.eu-central-1.amazonaws.com",
    "AWS_ENDPOINT_URL_SQS": "https://sqs.eu-central-1.amazonaws.com",
    "AWS_ENDPOINT_URL_SAGEMAKER": "https://api.sagemaker.eu-central-1.amazonaws.com",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://169.254.169.254",
    "AWS_REGION": "us-east-1",
    "TF_CLI_ARGS": "-lock=false",
    "TF_CLI_ARGS_apply": "-state=/home/me/terraform.prod.tfstate",
    "TF_DATA_DIR": "/home/me/.terraform",
    "TF_WORKSPACE": "prod",
    "TF_VAR_bucket": "company",
    "TF_TOKEN_app_terraform_io": "real",
    "TF_REATTACH_PROVIDERS": "{}",
    "TF_CLOUD_ORGANIZATION": "company",
    "HTTPS_PROXY": "http://proxy.example.com:3128",
    "https_proxy": "http://proxy.example.com:3128",
    "ALL_PROXY": "http://proxy.example.com:3128",
    "HOME": "/home/me",
    "LD_PRELOAD": "/home/me/evil.so",
}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    """Let a program stand for Terraform that writes down its environment, and run a command of it."""
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    program = tmp_path / "fake-terraform"
    program.write_text(f"#!/bin/sh\nenv -0 > {tmp_path}/environment\necho \"$@\" > {tmp_path}/arguments\necho '{{}}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", str(program))
    folder = tmp_path / "stack"
    folder.mkdir()
    written(folder, edited(lambda _: None))

    def run(command: str) -> dict[str, str]:
        terraform = Terraform(
            folder,
            lambda network=False: fences.environment(folder, folder / "ca.pem", "http://127.0.0.1:9", network=network),
        )
        getattr(terraform, command)()
        lines = (tmp_path / "environment").read_bytes().split(b"\0")
        return dict(line.decode().split("=", 1) for line in lines if b"=" in line)

    return run


@pytest.mark.parametrize("command", ["plan", "apply", "destroy", "attributes"])
def test_nothing_of_the_users_account_reaches_terraform(
    recorded: Callable[[str], dict[str, str]], command: str, tmp_path: Path
) -> None:
    seen = recorded(command)
    assert {name: seen[name] for name in HOSTILE.keys() & seen.keys() if seen[name] == HOSTILE[name]} == {}
    folder = str(tmp_path / "stack")
    assert (tmp_path / "arguments").read_text().split()[0] == f"-chdir={folder}"
    assert seen["HOME"] == folder, "~/.aws and ~/.terraformrc are the user's"
    assert seen["TF_DATA_DIR"].startswith(folder)
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert {name for name in seen if name.startswith(("AWS_", "TF_"))} <= fences.ALLOWED_VARIABLES
    assert [name for name in seen if "proxy" in name.lower()] == []


def test_init_alone_finds_the_users_mirror_and_proxy_but_no_credentials(
    recorded: Callable[[str], dict[str, str]],
) -> None:
    seen = recorded("init")
    assert {name for name in HOSTILE if seen.get(name) == HOSTILE[name]} == {"HOME", "HTTPS_PROXY", "https_proxy"}


HOLES: dict[str, tuple[Callable[[Path, dict[str, str]], object], str]] = {
    "a second configuration": (
        lambda folder, _: (folder / "more.tf").write_text('provider "aws" {}'),
        "{folder} has cdk.tf.json, more.tf, and must have cdk.tf.json alone",
    ),
    "an override": (
        lambda folder, _: (folder / "backend_override.tf.json").write_text("{}"),
        "{folder} has backend_override.tf.json, cdk.tf.json, and must have cdk.tf.json alone",
    ),
    "variables of somebody's": (
        lambda folder, _: (folder / "prod.auto.tfvars").write_text(""),
        "{folder} has cdk.tf.json, prod.auto.tfvars, and must have cdk.tf.json alone",
    ),
    "another state": (
        lambda folder, _: rewrite(folder, lambda d: d["terraform"].update(backend={"s3": S3_STATE})),
        "the state is not the rehearsal's own file",
    ),
    "a real address": (
        lambda folder, _: rewrite(folder, lambda d: endpoints(d).update(sqs="https://sqs.eu-central-1.amazonaws.com")),
        "sqs is at https://sqs.eu-central-1.amazonaws.com",
    ),
    "an address that only begins like this machine's": (
        lambda folder, _: rewrite(folder, lambda d: endpoints(d).update(sqs="https://127.0.0.1:443@example.com")),
        "sqs is at https://127.0.0.1:443@example.com",
    ),
    "no address": (
        lambda folder, _: rewrite(folder, lambda d: endpoints(d).pop("logs")),
        "logs has no address",
    ),
    "a profile": (
        lambda folder, _: rewrite(folder, lambda d: d["provider"]["aws"][0].update(profile="prod")),
        "the provider has profile",
    ),
    "somebody's key": (
        lambda folder, _: rewrite(folder, lambda d: d["provider"]["aws"][0].update(access_key="AKIAREAL")),
        "the provider's access key is not the rehearsal's",
    ),
    "credentials in the environment": (
        lambda _, variables: variables.update(AWS_SESSION_TOKEN="real"),
        "AWS_SESSION_TOKEN is set",
    ),
    "an address in the environment": (
        lambda _, variables: variables.update(AWS_ENDPOINT_URL_SQS="http://127.0.0.1:1"),
        "AWS_ENDPOINT_URL_SQS is set",
    ),
    "no wall": (
        lambda _, variables: variables.update(AWS_ENDPOINT_URL="https://example.com"),
        "AWS_ENDPOINT_URL is not on 127.0.0.1",
    ),
    "a configuration file": (
        lambda _, variables: variables.update(AWS_CONFIG_FILE="/home/me/.aws/config"),
        "AWS_CONFIG_FILE is /home/me/.aws/config",
    ),
    "a file that got content": (
        lambda folder, variables: Path(variables["AWS_SHARED_CREDENTIALS_FILE"]).write_text("[default]"),
        "AWS_CONFIG_FILE is {folder}/no-aws-config",
    ),
    "arguments in the environment": (
        lambda _, variables: variables.update(TF_CLI_ARGS_apply="-state=prod"),
        "TF_CLI_ARGS_apply is set",
    ),
}  # fmt: skip


def rewrite(folder: Path, edit: Edit) -> None:
    document = json.loads((folder / fences.FILE).read_text())
    edit(document)
    (folder / fences.FILE).write_text(json.dumps(document))


def endpoints(document: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = document["provider"]["aws"][0]["endpoints"][0]
    return found


@pytest.mark.parametrize("name", HOLES)
def test_a_hole_in_the_fences_ends_the_rehearsal_before_terraform_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make, problem = HOLES[name]
    folder = tmp_path / "stack"
    folder.mkdir()
    variables = written(folder, edited(lambda _: None))
    make(folder, variables)
    program = tmp_path / "fake-terraform"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", str(program))
    with pytest.raises(FenceError) as refused:
        Terraform(folder, lambda network=False: variables).plan()
    said = problem.format(folder=folder)
    assert str(refused.value) == f"not started, since it could reach the real AWS: {said}"
    assert not (tmp_path / "started").exists()
    assert os.environ["TERRAFORM_BINARY_NAME"] == str(program)
