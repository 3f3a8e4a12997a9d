"""Reads synthesized Terraform JSON the way an assertion wants it."""

import json
import re
from collections.abc import Mapping
from typing import Any


def policy_name(policy: dict[str, Any]) -> str:
    """Return an inline policy's name, without the digits in which the provider ends one that follows its content."""
    name: str = policy.get("name") or policy["name_prefix"].removesuffix("-")
    return name


class Synthesized:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def all(self, kind: str) -> dict[str, Any]:
        """Return the resources of a type by logical id without its hash: construct ids joined by underscores."""
        resources = self.document["resource"].get(kind, {})
        return {re.sub(r"_[0-9A-F]{8}$", "", name): resource for name, resource in resources.items()}

    def one(self, kind: str, part: str = "") -> dict[str, Any]:
        """Return the only resource of a type whose logical id has this part."""
        resource: dict[str, Any] = self.document["resource"][kind][self._logical_id(kind, part)]
        return resource

    def reference(self, kind: str, part: str = "") -> str:
        """Return the address that others refer to the resource by."""
        return f"{kind}.{self._logical_id(kind, part)}"

    def policies(self, role: str) -> dict[str, list[dict[str, Any]]]:
        """Return the statements of a role's inline policies by policy name, without the hash of what they say."""
        return {
            re.sub(r"-([0-9a-f]{8}|\$\{substr\(.*\)\})$", "", policy_name(policy)): json.loads(policy["policy"])[
                "Statement"
            ]
            for name, policy in self.all("aws_iam_role_policy").items()
            if f"{role}_role_" in name
        }

    def readable(self, text: str) -> str:
        """Return the text with the account and partition references as a reader thinks of them."""
        data = self.document["data"]
        for kind, attribute, word in (
            ("aws_partition", "partition", "PARTITION"),
            ("aws_caller_identity", "account_id", "ACCOUNT"),
            ("aws_region", "region", "REGION"),
        ):
            for name in data.get(kind, {}):
                text = text.replace(f"${{data.{kind}.{name}.{attribute}}}", word)
        return text

    def _logical_id(self, kind: str, part: str) -> str:
        found: list[str] = [name for name in self.document["resource"].get(kind, {}) if part in name]
        assert len(found) == 1, f"{len(found)} {kind} with {part!r}: {found}"
        return found[0]
