"""Run Checkov with policies that it can read. Started by `tools.security` in Checkov's own environment.

In Terraform JSON a policy is text, and Checkov's IAM analysis (CKV_AWS_286 to 290, 355, and of queues and topics)
skips text: here it gets the parsed policy.
"""

import json
import sys
from typing import Any

from checkov.main import Checkov  # type: ignore[import-not-found]
from checkov.terraform_json import runner  # type: ignore[import-not-found]

POLICIES = ("policy", "assume_role_policy")
read_files = runner.create_definitions


def _read(policy: Any) -> Any:
    return json.loads(policy) if isinstance(policy, str) and policy.startswith("{") else policy


def read_files_with_policies(paths: list[str]) -> Any:
    definitions, lines, errors = read_files(paths)
    for definition in definitions.values():
        for resource in definition.get("resource", []):
            for by_name in resource.values():
                for attributes in by_name.values():
                    for name in POLICIES:
                        if name in attributes:
                            attributes[name] = [_read(text) for text in attributes[name]]
    return definitions, lines, errors


runner.create_definitions = read_files_with_policies
sys.exit(Checkov(argv=sys.argv[1:]).run())
