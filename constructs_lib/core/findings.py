"""Reasons for findings of a security scanner that are right as they are, kept next to the resource."""

from cdktf import TerraformResource


def accept(resource: TerraformResource, check: str, reason: str) -> None:
    """Accept one Checkov finding on one resource, for instance `accept(function, "CKV_AWS_116", "…")`.

    The reason goes into the resource's comment in the Terraform JSON, which Terraform ignores and `make security`
    reads: Checkov itself has no inline skips in Terraform JSON.
    """
    resource.add_override(f"//.checkov.{check}", reason)
