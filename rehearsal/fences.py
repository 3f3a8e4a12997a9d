"""Fences around Terraform: a rehearsal reaches 127.0.0.1 alone, whatever the stack and the user's machine are set to.

A configuration is cleaned before it is written (`clean`), Terraform gets an environment of its own
(`environment`), and both are checked again from what lies on the disk before each command (`require_fenced`).
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.emulator import ACCOUNT
from local.errors import LocalRunError, UsageError
from rehearsal.mirrors import REGISTRIES

Document = dict[str, Any]

FILE = "cdk.tf.json"
STATE = "terraform.tfstate"
# In place of the user's configuration of AWS and of Terraform.
EMPTY_FILES = "no-aws-config", "no-cli-config"
LOOPBACK = re.compile(r"https?://127\.0\.0\.1:\d+/?")
SECTIONS = {"//", "terraform", "provider", "resource", "data", "output", "locals", "variable", "moved"}
# Of Terraform's own block. The backend is replaced; `cloud` is a backend by another name.
TERRAFORM_BLOCK = {"backend", "required_providers", "required_version"}
# Each under its own name: another name could hide one. `archive` and `random` reach nothing outside of the folder.
PROVIDERS = {"hashicorp/aws", "hashicorp/archive", "hashicorp/random"}
KEPT_OF_PROVIDER = {"alias", "default_tags", "ignore_tags", "region"}
# The services that answer in a rehearsal, by the beginning of a Terraform type; the longest one that fits counts. Names
# are those of the provider's `endpoints` block
# (https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/custom-service-endpoints).
SERVICES: Mapping[str, str | None] = {
    "aws_appautoscaling_": "appautoscaling",
    "aws_caller_identity": "sts",
    "aws_cloudwatch_dashboard": "cloudwatch",
    "aws_cloudwatch_event_": "events",
    "aws_cloudwatch_log_": "logs",
    "aws_cloudwatch_metric_alarm": "cloudwatch",
    "aws_dynamodb_": "dynamodb",
    "aws_iam_": "iam",
    "aws_kms_": "kms",
    "aws_lambda_": "lambda",
    "aws_partition": None,
    "aws_region": None,
    "aws_s3_": "s3",
    "aws_sagemaker_": "sagemaker",
    "aws_secretsmanager_": "secretsmanager",
    "aws_security_group": "ec2",
    "aws_signer_": "signer",
    "aws_sns_": "sns",
    "aws_sqs_": "sqs",
    "aws_ssm_": "ssm",
    "aws_subnet": "ec2",
    "aws_vpc": "ec2",
}
SERVED = sorted({service for service in SERVICES.values() if service})
# Read from the user's environment. Nothing of AWS, and of Terraform's nothing that changes what it does.
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
# For `init` alone: where Terraform finds its provider, and how it reaches a registry. The provider itself must get no
# proxy, to which it would send its requests.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
XDG = ("XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME")
FOR_INIT = ("HOME", "SSL_CERT_DIR", "SSL_CERT_FILE", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", *XDG, *PROXIES)
ALLOWED_VARIABLES = {
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_SHARED_CREDENTIALS_FILE",
    "TF_CLI_CONFIG_FILE",
    "TF_DATA_DIR",
    "TF_INPUT",
    "TF_IN_AUTOMATION",
    "TF_PLUGIN_CACHE_DIR",
}


class FenceError(LocalRunError):
    """A rehearsal would have reached something real: it is ended before the first call."""


def require_harmless(document: Document, addresses: Mapping[str, str]) -> None:
    """Raise UsageError naming everything in a configuration that a rehearsal doesn't carry out."""
    if found := list(dict.fromkeys(_harm(document, addresses))):
        raise UsageError(f"the stack can't be rehearsed: {'; '.join(found)}")


def _harm(document: Document, addresses: Mapping[str, str]) -> Iterator[str]:
    for section in sorted(document.keys() - SECTIONS):
        yield f"{section} blocks may reach anything"
    for name in sorted(document.get("terraform", {}).keys() - TERRAFORM_BLOCK):
        yield f"terraform.{name} names something outside of the rehearsal"
    for source in sorted({*_sources(document)} - PROVIDERS):
        yield f"the provider {source} may reach anything; a rehearsal takes {', '.join(sorted(PROVIDERS))}"
    for section, type_, name, body in blocks(document):
        address = f"{'data.' if section == 'data' else ''}{type_}.{name}"
        if type_ == "terraform_remote_state":
            yield f"{address} reads the state of something real"
        elif type_.startswith("aws_") and service_of(type_) not in (None, *addresses):
            yield f"{address}: nothing on 127.0.0.1 answers for {type_}"
        for argument in sorted(body.keys() & {"connection", "provisioner"}):
            yield f"{address}: a {argument} may reach anything"


def blocks(document: Document) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield section, type, name and body of each resource and data source."""
    for section in ("data", "resource"):
        for type_, named in document.get(section, {}).items():
            for name, body in named.items():
                yield section, type_, name, body


def service_of(type_: str) -> str | None:
    """Return the service that resources of a type call; None if they call none, the type itself if it is not known."""
    fitting = [beginning for beginning in SERVICES if type_.startswith(beginning)]
    return SERVICES[max(fitting, key=len)] if fitting else type_


def _sources(document: Document) -> Iterator[str]:
    """Yield every provider that Terraform would start: required, configured, or implied by a resource's type."""
    for name, required in document.get("terraform", {}).get("required_providers", {}).items():
        yield _source(name, str(required.get("source", name)) if isinstance(required, dict) else name)
    yield from (f"hashicorp/{name}" for name in document.get("provider", {}))
    for _, type_, _, _ in blocks(document):
        if (name := type_.partition("_")[0]) != "terraform":  # Terraform's own, such as terraform_data
            yield f"hashicorp/{name}"


def _source(name: str, given: str) -> str:
    """Return a required provider's address, without the registry's host where that is the public one."""
    parts = given.split("/")
    if parts[0] in REGISTRIES:
        parts = parts[1:]
    source = "/".join(parts) if len(parts) > 1 else f"hashicorp/{given}"
    return source if parts[-1] == name else f"{source} under the name {name}"


def clean(document: Document, addresses: Mapping[str, str], credentials: Mapping[str, str]) -> list[str]:
    """Replace in a configuration all that names the real thing; return what was replaced, in words.

    The backend becomes a file in the rehearsal's folder. Of each AWS provider block the region and the tags stay; its
    credentials are made up, and each service has its address on 127.0.0.1.
    """
    notes = []
    backend = document.setdefault("terraform", {}).get("backend", {})
    if kinds := sorted(backend.keys() - {"local"}):
        notes.append(f"state: a file in the rehearsal's folder in place of the backend {', '.join(kinds)}")
    document["terraform"]["backend"] = {"local": {"path": STATE}}
    for block in provider_blocks(document):
        if dropped := sorted(block.keys() - KEPT_OF_PROVIDER):
            notes.append(f"provider: without {', '.join(dropped)}")
        for name in dropped:
            del block[name]
        block.update(
            access_key=credentials["access_key"],
            secret_key=credentials["secret"],
            endpoints=[dict(addresses)],
            max_retries=3,
            s3_use_path_style=True,
            skip_credentials_validation=True,
            skip_metadata_api_check="true",
            skip_region_validation=True,
        )
    return notes


def provider_blocks(document: Document) -> list[dict[str, Any]]:
    """Return the AWS provider's blocks, of which there is at least one."""
    given = document.setdefault("provider", {}).setdefault("aws", [{}])
    found: list[dict[str, Any]] = given if isinstance(given, list) else [given]
    return found


def environment(
    folder: Path, authority: Path, wall: str, *, network: bool = False, mirror: Path | None = None
) -> dict[str, str]:
    """Return Terraform's environment: nothing of the user's AWS, and any service without an address meets the wall.

    `authority` is the certificate that the embedded AWS is trusted by; `wall` an address that refuses everything.
    `network` lets it find a registry, for `init` alone; with `mirror`, a CLI configuration that names a folder of
    providers, it looks nowhere else.
    """
    no_aws_config, no_cli_config = (folder / name for name in EMPTY_FILES)
    inherited = (*INHERITED, *(FOR_INIT if network else ()))
    # Without the user's home there is no ~/.aws and no ~/.terraformrc, which may name another build of a provider.
    own = {"AWS_CA_BUNDLE": str(authority), "HOME": str(folder), "TF_CLI_CONFIG_FILE": str(no_cli_config)}
    return {
        **{name: os.environ[name] for name in inherited if name in os.environ},
        **({} if network else own),
        **({"TF_CLI_CONFIG_FILE": str(mirror)} if network and mirror else {}),
        "AWS_CONFIG_FILE": str(no_aws_config),
        "AWS_SHARED_CREDENTIALS_FILE": str(no_aws_config),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": wall,
        "CHECKPOINT_DISABLE": "1",
        # Each command reads the schema of all the provider's resources, which takes seconds; with this, a third less.
        "GOGC": "400",
        "TF_DATA_DIR": str(folder / ".terraform"),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }


def require_fenced(folder: Path, variables: Mapping[str, str]) -> None:
    """Raise FenceError unless what lies in the folder, and what Terraform would get, reach 127.0.0.1 alone."""
    if problem := next(_holes(folder, variables), None):
        raise FenceError(f"not started, since it could reach the real AWS: {problem}")


def _holes(folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    files = sorted(path.name for path in folder.iterdir() if re.search(r"\.(tf|tofu|tfvars)(\.json)?$", path.name))
    if files != [FILE]:
        yield f"{folder} has {', '.join(files)}, and must have {FILE} alone"
        return
    document = json.loads((folder / FILE).read_bytes())
    if document.get("terraform", {}).get("backend") != {"local": {"path": STATE}}:
        yield "the state is not the rehearsal's own file"
    addresses = [block.get("endpoints", [{}])[0] for block in provider_blocks(document)]
    yield from _harm(document, dict.fromkeys(addresses[0], ""))
    for block, served in zip(provider_blocks(document), addresses, strict=True):
        if extra := sorted(
            block.keys() & {"profile", "assume_role", "shared_config_files", "shared_credentials_files"}
        ):
            yield f"the provider has {', '.join(extra)}"
        if block.get("access_key") != ACCOUNT:
            yield "the provider's access key is not the rehearsal's"
        yield from (f"{name} is at {url}" for name, url in served.items() if not LOOPBACK.fullmatch(str(url)))
        yield from (f"{name} has no address" for name in SERVED if name not in served)
    yield from _holes_in_environment(folder, variables)


def _holes_in_environment(folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        path = Path(variables.get(name, "~"))
        if path.parent != folder or (path.exists() and path.stat().st_size):
            yield f"{name} is {variables.get(name, 'not set')}"
    if not LOOPBACK.fullmatch(variables.get("AWS_ENDPOINT_URL", "")):
        yield "AWS_ENDPOINT_URL is not on 127.0.0.1"
    for name in sorted(variables):
        if name.startswith(("AWS_", "TF_")) and name not in ALLOWED_VARIABLES:
            yield f"{name} is set"
