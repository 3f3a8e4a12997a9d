"""Roles and policies. A grant is a named intent on the thing granted; here is what it becomes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from constructs_lib.core.findings import accept
from constructs_lib.core.naming import DeployTarget, content_name
from constructs_lib.settings import ExistingRole
from constructs_lib.validation.checker import Violation
from constructs_lib.validation.references import is_unresolved

from cdktf import Fn, TerraformResourceLifecycle, Token
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from constructs import Construct

# IAM quotas: the inline policies of a role
MAX_INLINE_POLICY_CHARACTERS = 10_240


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of a policy; by default it allows."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    effect: str = "Allow"

    def render(self) -> dict[str, Any]:
        statement = {"Effect": self.effect, "Action": list(self.actions), "Resource": list(self.resources)}
        return {**statement, "Condition": dict(self.conditions)} if self.conditions else statement


def policy_document(*statements: Mapping[str, Any]) -> str:
    """Return plain policy JSON: the plan shows it as written here."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


# Services whose guides have roles ask for which account they act: SageMaker's, "Cross-service confused deputy
# prevention". Lambda's guide has no such condition for a function's role.
NAMES_ITS_ACCOUNT = ("sagemaker",)


class ServiceRole(Construct):
    """A role for one AWS service, and one inline policy per grant, named after what it allows."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        service: str,
        description: str,
        existing: ExistingRole | None = None,
    ) -> None:
        """`name` gets the region added: IAM names are global, and the same stack may be deployed to several regions.

        With `existing` no role is created; the policies, whose names then begin with `name`, are attached to that one,
        or to none if it has its rights already.
        """
        super().__init__(scope, id_)
        self.policies: list[IamRolePolicy] = []
        self._attaches = existing is None or existing.attach_policies
        self._prefix = "" if existing is None else f"{name}-"
        self._counted_as = name if existing is None else existing.arn
        if existing is not None:
            self.arn, self._name = existing.arn, existing.arn.rpartition("/")[2]
            if is_unresolved(existing.arn):
                self._name = Token.as_string(Fn.regex("[^/]+$", existing.arn))
            return
        deploy_target = DeployTarget.of(scope)
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": f"{service}.amazonaws.com"},
        }
        if service in NAMES_ITS_ACCOUNT:
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": deploy_target.account}}
        role = IamRole(
            self,
            "role",
            name=f"{name}-{deploy_target.region}",
            description=description,
            assume_role_policy=policy_document(trust),
            path=None if deploy_target.role_path == "/" else deploy_target.role_path,
            permissions_boundary=deploy_target.permissions_boundary_arn,
        )
        self.arn, self._name = role.arn, role.name

    def allow(
        self,
        policy_name: str,
        *statements: Statement,
        accepted: Mapping[str, str] = MappingProxyType({}),
        follows_content: bool = False,
    ) -> None:
        """Attach an inline policy; `policies` holds all of them, to depend on where a right must exist first.

        `accepted` has the reason for each Checkov finding that is right as it is. With `follows_content` the policy is
        named by what it says: where that changes, the old one stays until nothing runs any more that needs it.
        """
        if not self._attaches:
            return
        rendered = [statement.render() for statement in statements]
        name, document = f"{self._prefix}{policy_name}", policy_document(*rendered)
        # The provider ends a prefix in digits of its own. Settings that go back after an update has failed bring the
        # same content again; under the same name, Terraform would then delete the new policy in place of the old one.
        prefix = f"{content_name(self, policy_name, name, rendered)}-" if follows_content else None
        policy = IamRolePolicy(
            self,
            policy_name,
            name=None if follows_content else name,
            name_prefix=prefix,
            role=self._name,
            policy=document,
            # One that goes does so once whatever depends on it no longer does.
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )
        self._count(document, times=2 if follows_content else 1)
        for check, reason in accepted.items():
            accept(policy, check, reason)
        self.policies.append(policy)

    def _count(self, document: str, *, times: int) -> None:
        """Add to what the role's policies come to; an existing role may be that of several constructs."""
        deploy_target = DeployTarget.of(self)
        sizes = _policy_characters.setdefault(deploy_target, {})
        sizes[self._counted_as] = sizes.get(self._counted_as, 0) + times * _characters(deploy_target, document)


# By deploy target, which each stack has one of, and by role.
_policy_characters: "WeakKeyDictionary[DeployTarget, dict[str, int]]" = WeakKeyDictionary()


def policy_violations(stack: Construct) -> Iterator[Violation]:
    """Yield the roles that IAM would refuse a policy of, once all that the stack grants is granted.

    A policy that follows content counts twice: while an endpoint is updated, the old one is there beside the new one.
    """
    for role, characters in _policy_characters.get(DeployTarget.of(stack), {}).items():
        if characters > MAX_INLINE_POLICY_CHARACTERS:
            bound = (
                f"at most {MAX_INLINE_POLICY_CHARACTERS} characters, those of an update's old and new model together; "
                "use fewer pipelines a role, or attach_policies=False"
            )
            yield Violation(stack.node.path, f"inline policies of {role}", characters, bound, "IAM quotas")


def _characters(deploy_target: DeployTarget, document: str) -> int:
    """Return what IAM counts of a policy: all but white space. What only Terraform knows counts as little as it may."""
    document = document.replace(deploy_target.account, "0" * 12).replace(deploy_target.partition, "aws")
    return len(re.sub(r"\s|\$\{[^}]*\}", "", document))


def key_statements(
    keys: Sequence[str | None], service: str, deploy_target: DeployTarget, *actions: str
) -> Sequence[Statement]:
    """Return the right to use customer keys, through one AWS service alone, for instance `sqs`; none without a key."""
    if not (given := [key for key in keys if key is not None]):
        return []
    through = f"{service}.{deploy_target.region}.{deploy_target.dns_suffix}"
    return [
        Statement(
            actions=[f"kms:{action}" for action in actions],
            resources=given,
            conditions={"StringEquals": {"kms:ViaService": through}},
        )
    ]


def object_statement(deploy_target: DeployTarget, action: str, location: str) -> Statement:
    """Return the right to objects below s3://bucket/prefix/, and to no others."""
    return Statement(
        actions=[action], resources=[f"arn:{deploy_target.partition}:s3:::{location.removeprefix('s3://')}*"]
    )
