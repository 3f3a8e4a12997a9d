"""Names and ARNs that are known when a plan is read, so that every policy in it can be read in full."""

import hashlib
import json
from weakref import WeakKeyDictionary

from constructs_lib.validation.regions import partition

from cdktf import DefaultTokenResolver, StringConcat, TerraformStack, Tokenization
from cdktf_cdktf_provider_aws.data_aws_caller_identity import DataAwsCallerIdentity
from cdktf_cdktf_provider_aws.data_aws_partition import DataAwsPartition
from cdktf_cdktf_provider_aws.data_aws_region import DataAwsRegion
from constructs import Construct, IConstruct

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

    def log_group_arn(self, name: str) -> str:
        return self.arn("logs", f"log-group:{name}")


def variant_prefix(endpoint: str, variant: str) -> str:
    """Return what names of a variant's own begin with; neither name can have a dot, so no two variants share it."""
    return f"{endpoint}.{variant}"


def content_hash(scope: IConstruct, content: object) -> str:
    """Return 8 hex digits that change with the content; references count by what they refer to."""
    text = json.dumps(content, sort_keys=True)
    if "${TfToken" in text:
        resolver = DefaultTokenResolver(StringConcat())
        text = Tokenization.resolve(text, scope=scope, preparing=False, resolver=resolver)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
