"""Roles and policies. A grant is a named intent on the thing granted; here is what it becomes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from constructs_lib.core.findings import accept
from constructs_lib.core.naming import DeployTarget
from constructs_lib.settings import ExistingRole
from constructs_lib.validation.references import is_unresolved

from cdktf import Fn, Token
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from constructs import Construct


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
        if existing is not None:
            self.arn, self._name = existing.arn, existing.arn.rpartition("/")[2]
            if is_unresolved(existing.arn):
                self._name = Token.as_string(Fn.regex("[^/]+$", existing.arn))
            return
        deploy_target = DeployTarget.of(scope)
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}
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
        self, policy_name: str, *statements: Statement, accepted: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Attach an inline policy; `policies` holds all of them, to depend on where a right must exist first.

        `accepted` has the reason for each Checkov finding that is right as it is.
        """
        if not self._attaches:
            return
        policy = IamRolePolicy(
            self,
            policy_name,
            name=f"{self._prefix}{policy_name}",
            role=self._name,
            policy=policy_document(*(statement.render() for statement in statements)),
        )
        for check, reason in accepted.items():
            accept(policy, check, reason)
        self.policies.append(policy)


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
