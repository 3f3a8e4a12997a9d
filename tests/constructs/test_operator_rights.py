"""Rights of operators in the synthesized JSON; that each is needed, and none is missing, tests/operate shows."""

import json
from dataclasses import replace
from typing import Any

from constructs_lib import (  # first: it makes importing cdktf fast
    EndpointSettings,
    ExistingRole,
    FunctionSettings,
    InferenceStack,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
)
from constructs_lib.core.iam import ServiceRole

from cdktf import Testing

from tests.constructs.conftest import MODEL, stack_of
from tests.constructs.monitored import ASYNC
from tests.constructs.synthesized import Synthesized

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OPERATORS = "arn:aws:iam::123456789012:role/operators"
SMALLEST = PipelineSettings(endpoint=EndpointSettings(model=MODEL))


def statements_of(settings: PipelineSettings) -> dict[str, list[dict[str, Any]]]:
    """Return what an existing role is granted, by the policy's name; the pipeline is `language` of `dev`."""
    stack = InferenceStack(Testing.app(), "dev", stack_of(language=settings))
    role = ServiceRole(
        stack, "operators", name="operators", service="", description="", existing=ExistingRole(arn=OPERATORS)
    )
    stack.pipelines["language"].grant_operate(role)
    synthesized = Synthesized(json.loads(Testing.synth(stack, True)))
    policies = synthesized.all("aws_iam_role_policy").values()
    return {
        policy["name"]: json.loads(synthesized.readable(policy["policy"]))["Statement"]
        for policy in policies
        if policy["role"] == "operators"
    }


def test_an_existing_role_gets_one_policy_a_pipeline() -> None:
    ((name, statements),) = statements_of(SMALLEST).items()
    assert name == "operators-operate-dev-language"
    writing = {
        (action, resource)
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not any(word in action for word in (":Get", ":List", ":Describe"))
    }
    queue = "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language-"
    taken = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
    assert writing == {
        ("sqs:SendMessage", f"{queue}work"),
        *((action, f"{queue}{part}") for action in taken for part in ("work-dlq", "results")),
    }


def test_customer_keys_come_with_it_each_through_its_service() -> None:
    settings = replace(
        SMALLEST,
        queue=QueueSettings(kms_key_arn=KEY),
        results=ResultsSettings(kms_key_arn=KEY),
        function=FunctionSettings(environment_key_arn=KEY),
    )
    (statements,) = statements_of(settings).values()
    keys = [
        (statement["Action"], statement["Condition"]["StringEquals"]["kms:ViaService"])
        for statement in statements
        if statement["Resource"] == [KEY]
    ]
    assert keys == [
        (["kms:Decrypt"], "lambda.eu-central-1.amazonaws.com"),
        (["kms:GenerateDataKey", "kms:Decrypt"], "sqs.eu-central-1.amazonaws.com"),
        (["kms:Decrypt"], "sqs.eu-central-1.amazonaws.com"),
    ]


def test_where_no_probe_is_possible_there_are_no_rights_to_results() -> None:
    asynchronous = replace(SMALLEST, endpoint=EndpointSettings(model=MODEL, capacity=ASYNC))
    for settings in (asynchronous, replace(SMALLEST, results=ResultsSettings(sink="none"))):
        (statements,) = statements_of(settings).values()
        resources = {resource for statement in statements for resource in statement["Resource"]}
        assert not [resource for resource in resources if resource.endswith("results")]


def test_results_can_be_led_to_a_probes_own_queue_alone() -> None:
    queues = "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language-probe-*"
    expected = {
        "sns": (
            "sns:Subscribe",
            {"StringEquals": {"sns:Protocol": "sqs"}, "StringLike": {"sns:Endpoint": queues}},
        ),
        "eventbridge": (
            "events:PutTargets",
            {"ForAllValues:ArnLike": {"events:TargetArn": queues}, "Null": {"events:TargetArn": "false"}},
        ),
    }
    for sink, (action, condition) in expected.items():
        (statements,) = statements_of(replace(SMALLEST, results=ResultsSettings(sink=sink))).values()
        found = [one.get("Condition") for one in statements if action in one["Action"]]
        assert found == [condition], sink
