"""Every single right that the function's role has is needed: without it, the run fails and names it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import Document, RunLocally, emulator_processes, in_account, synthesized_template


@dataclass(frozen=True)
class Grant:
    """One action of one statement of a policy of the function's role."""

    policy: str
    statement: int
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource.rpartition(':')[2]}"

    def remove_from(self, document: Document) -> None:
        """Take the action away: with it the statement and the policy, if nothing else is in them."""
        policies = document["resource"]["aws_iam_role_policy"]
        content = json.loads(policies[self.policy]["policy"])
        statement = content["Statement"][self.statement]
        statement["Action"].remove(self.action)
        content["Statement"] = [statement for statement in content["Statement"] if statement["Action"]]
        if content["Statement"]:
            policies[self.policy]["policy"] = json.dumps(content)
            return
        del policies[self.policy]
        for named in document["resource"].values():
            for resource in named.values():
                if f"aws_iam_role_policy.{self.policy}" in resource.get("depends_on", []):
                    resource["depends_on"].remove(f"aws_iam_role_policy.{self.policy}")


def grants(document: Document) -> Iterator[Grant]:
    """Yield what the function's role is allowed."""
    (function,) = document["resource"]["aws_lambda_function"].values()
    role_name = function["role"].replace(".arn}", ".name}")
    for name, policy in document["resource"]["aws_iam_role_policy"].items():
        if policy["role"] == role_name:
            for number, statement in enumerate(json.loads(policy["policy"])["Statement"]):
                (resource,) = statement["Resource"]
                yield from (Grant(name, number, action, in_account(resource)) for action in statement["Action"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "grant" in metafunc.fixturenames:
        document: dict[str, Any] = json.loads(synthesized_template().read_bytes())
        metafunc.parametrize("grant", list(grants(document)), ids=str)


def test_without_one_action_the_run_fails_and_names_it(
    grant: Grant,
    edited_template: Callable[[Callable[[Document], None]], Path],
    run_locally: RunLocally,
    tmp_path: Path,
) -> None:
    done = run_locally("--template", edited_template(grant.remove_from), "--count", 20, "--poison", 0.1)
    assert done.returncode == 1, done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: denied: arn:aws:iam::123456789012:role/dev-language-inference-")
    assert f"must be allowed {grant.action} on {grant.resource.removesuffix('*')}" in line
    assert emulator_processes(tmp_path) == []


def test_the_grants_are_those_of_the_templates_policies(template: Path) -> None:
    actions = {grant.action for grant in grants(json.loads(template.read_bytes()))}
    assert {"sqs:ReceiveMessage", "sqs:SendMessage", "sagemaker:InvokeEndpoint", "logs:PutLogEvents"} <= actions
