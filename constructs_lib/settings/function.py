"""The Lambda function, its role and its network."""

from dataclasses import dataclass

from constructs_lib.settings.base import Settings


@dataclass(frozen=True, kw_only=True)
class VpcSettings(Settings):
    """A network of yours."""

    subnet_ids: tuple[str, ...]
    """Subnets, in two or more availability zones for one to fail."""
    security_group_ids: tuple[str, ...]
    """Security groups."""


@dataclass(frozen=True, kw_only=True)
class ExistingRole(Settings):
    """A role of the same account that exists already."""

    arn: str
    """Its ARN."""
    attach_policies: bool = True
    """Whether the rights are attached to it as inline policies; by default they are. False: it must have them."""


@dataclass(frozen=True, kw_only=True)
class CodeSigning(Settings):
    """Code signed by AWS Signer before Lambda takes it."""

    config_arn: str
    """The function's code signing configuration, which names the signing profiles that it trusts."""
    profile_name: str
    """Signing profile, of the platform `AWSLambda-SHA384-ECDSA`, that signs."""
    location: str
    """`s3://bucket/prefix/`, of a bucket with versioning that exists, where the zip is put and signed. AWS Signer's
    zips, below `signed/`, stay there when the function goes: give them a lifecycle rule."""


@dataclass(frozen=True, kw_only=True)
class FunctionSettings(Settings):
    """The Lambda function."""

    memory_mib: int = 512
    """Memory, which also sets the CPU share; by default 512 MB."""
    timeout_seconds: int = 30
    """Longest invocation; by default 30 s. Set it above the time that a cold model needs to answer: a serverless
    container may take most of its 60 s on the first request."""
    architecture: str = "arm64"
    """`arm64` or `x86_64`; by default arm64, which costs less for the same work."""
    layers: tuple[str, ...] = ()
    """ARNs of layer versions, for a codec of your own; by default none, the handler needs none."""
    runtime: str = "python3.13"
    """Lambda runtime; it brings boto3. By default Python 3.13."""
    log_level: str = "INFO"
    """Least severe log line kept; by default INFO. Message bodies are never logged."""
    log_retention_days: int = 30
    """How long logs are kept; by default 30 days."""
    tracing: bool = True
    """X-Ray active tracing; by default on."""
    reserved_concurrency: int | None = None
    """Concurrency reserved for, and limiting, this function; by default it shares the account's."""
    system_log_level: str = "WARN"
    """Least severe line of Lambda's own that is kept: `DEBUG`, `INFO` or `WARN`; by default WARN."""
    log_key_arn: str | None = None
    """Customer key that the logs are encrypted with; by default CloudWatch's own. Its policy must admit
    `logs.REGION.amazonaws.com`."""
    ephemeral_storage_mib: int = 512
    """Size of /tmp; by default 512 MB, which costs nothing. The handler writes nothing; a codec of yours may."""
    alias: str | None = None
    """Publish a version with each change, and have the mapping call it by this alias; by default the mapping calls
    the newest code and no versions are kept."""
    provisioned_concurrency: int | None = None
    """With `alias`: sandboxes kept warm, and paid for; by default none."""
    snap_start: bool | None = None
    """With `alias`: start sandboxes from a snapshot taken after initialization; by default they start cold. False turns
    off what was on: leave it out again once that is applied, since Terraform's provider never finds it done."""
    vpc: VpcSettings | None = None
    """Network to run in; by default Lambda's own. docs/network.md lists what it must reach."""
    role: ExistingRole | None = None
    """Role to run as; by default one is created."""
    environment_key_arn: str | None = None
    """Customer key that the environment variables are encrypted with; by default Lambda's own."""
    code_signing: CodeSigning | None = None
    """Have the code signed, and Lambda refuse any that is not; by default it is not signed."""
