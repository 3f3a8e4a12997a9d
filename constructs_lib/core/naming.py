"""Names and ARNs that are known when a plan is read, so that every policy in it can be read in full."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

from constructs_lib.validation.references import is_unresolved
from constructs_lib.validation.regions import partition

from cdktf import (
    DefaultTokenResolver,
    Fn,
    StringConcat,
    TerraformLocal,
    TerraformResource,
    TerraformStack,
    Token,
    Tokenization,
)
from cdktf_cdktf_provider_aws.data_aws_caller_identity import DataAwsCallerIdentity
from cdktf_cdktf_provider_aws.data_aws_partition import DataAwsPartition
from cdktf_cdktf_provider_aws.data_aws_region import DataAwsRegion
from constructs import Construct, IConstruct

# of a hash, in a name
DIGITS = 8

_deploy_targets: "WeakKeyDictionary[IConstruct, DeployTarget]" = WeakKeyDictionary()


class PlacedStack(TerraformStack):
    """A stack that says which region it is deployed to; what `region` is in a stack of another class, nobody knows."""

    region: str


class DeployTarget(Construct):
    """Partition, account and region that a stack is deployed to: data sources, which Terraform reads while it plans.

    It also has what a stack sets for all of its roles.
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.role_path: str = getattr(scope, "role_path", "/")
        self.permissions_boundary_arn: str | None = getattr(scope, "permissions_boundary_arn", None)
        partition_data = DataAwsPartition(self, "partition")
        self.partition = partition_data.partition
        self.account = DataAwsCallerIdentity(self, "caller").account_id
        known_region: str | None = scope.region if isinstance(scope, PlacedStack) else None
        self.region: str = known_region or DataAwsRegion(self, "region").region
        # What the names of services end in.
        self.dns_suffix: str = partition(known_region)[1] if known_region else partition_data.dns_suffix
        self.fixed: list[str] = [self.partition, self.account, self.region, self.dns_suffix]
        """References whose values never change, for as long as the stack stays where it is."""

    @classmethod
    def of(cls, scope: IConstruct) -> "DeployTarget":
        """Return the deploy target of the stack that the construct is in; the first call creates it.

        Only Node knows which stack that is, so the answer is remembered: a construct may ask for its parent's.
        """
        if scope not in _deploy_targets:
            stack = TerraformStack.of(scope)
            if stack not in _deploy_targets:
                _deploy_targets[stack] = cls(stack, "environment")  # the id is part of addresses
            _deploy_targets[scope] = _deploy_targets[stack]
        return _deploy_targets[scope]

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a regional resource, for instance `arn("sqs", "name")`."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def without_fixed(self, text: str) -> str:
        """Return the text without the references whose values never change."""
        for reference in self.fixed:
            text = text.replace(reference, "")
        return text

    def log_group_arn(self, name: str) -> str:
        return self.arn("logs", f"log-group:{name}")


def variant_prefix(endpoint: str, variant: str) -> str:
    """Return what names of a variant's own begin with; neither name can have a dot, so no two variants share it."""
    return f"{endpoint}.{variant}"


def address(resource: TerraformResource) -> str:
    """Return the address as `depends_on` and `replace_triggered_by` want it, which take no expressions."""
    return f"{resource.terraform_resource_type}.{resource.friendly_unique_id}"


def content_name(scope: Construct, id_: str, prefix: str, content: object) -> str:
    """Return the prefix and 8 hex digits that change with the content.

    Where it holds references, such as an image tag from a variable, Terraform makes the digits, from their values:
    what they refer to stays the same when the value changes, and AWS refuses a second thing of one name. The values
    then are a local named after `id_`.
    """
    text, references = json.dumps(content, sort_keys=True), list(_references(scope, content))
    if "${TfToken" in text:
        resolver = DefaultTokenResolver(StringConcat())
        text = Tokenization.resolve(text, scope=scope, preparing=False, resolver=resolver)
    literal = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    if not references:
        return f"{prefix}-{literal}"
    values = TerraformLocal(scope, f"{id_}-content", [literal, *dict.fromkeys(references)])
    # Without `nonsensitive` the value of an SSM parameter would hide the name in each plan, and what a postcondition
    # says of it. So few digits of a hash give nothing away.
    digits = Fn.substr(Fn.nonsensitive(Fn.sha256(Fn.jsonencode(values.as_list))), 0, DIGITS)
    return f"{prefix}-{Token.as_string(digits)}"


def _references(scope: IConstruct, content: object) -> Iterator[str]:
    """Yield each text in the content whose value only Terraform knows, and which may change."""
    if isinstance(content, str):
        if is_unresolved(content) and is_unresolved(DeployTarget.of(scope).without_fixed(content)):
            yield content
    elif isinstance(content, Mapping):
        for key in sorted(content):
            yield from _references(scope, content[key])
    elif isinstance(content, Sequence):
        for item in content:
            yield from _references(scope, item)
