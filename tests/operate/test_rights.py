"""Exactly the desk's rights: with what `grant_operate` gives every command works, and without any one of it one fails.

MiniStack enforces the role's policies on the calls to SQS, SNS, EventBridge, S3, Lambda and CloudWatch. SageMaker's and
Application Auto Scaling's stand-in asks MiniStack's policy simulator.
"""

import copy
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from constructs_lib import (  # first: it makes importing cdktf fast
    EndpointSettings,
    HuggingFaceModel,
    InferenceStack,
    PipelineSettings,
    ResultsSettings,
    ServerlessCapacity,
    StackSettings,
)
from constructs_lib.core.iam import ServiceRole

import boto3
import pytest
from cdktf import Testing

from operate.probe import watchers
from tests.local.conftest import in_account
from tests.operate.conftest import Desk, Said, Stack
from tests.operate.control_plane import ControlPlane
from tests.operate.test_probe import environment_of
from tests.operate.worker import working

Testing.__test__ = False  # it is cdktf's, not a class of tests

Statements = list[dict[str, Any]]
Run = Callable[[Statements, str], Said]
SINKS = {
    "q": ResultsSettings(),
    "t": ResultsSettings(sink="sns"),
    "b": ResultsSettings(sink="eventbridge"),
    "o": ResultsSettings(sink="s3", location="s3://dev-o-results/of/"),
}
# Which command needs an action, where it is not `status`.
COMMANDS = {
    "lambda:GetFunctionConfiguration": "status of one",
    "sqs:SendMessage": "redrive",
    "sqs:ReceiveMessage": "list",
    "sqs:DeleteMessage": "purge",
    "sqs:ChangeMessageVisibility": "list",
}


@pytest.fixture(scope="module")
def policies() -> dict[str, Statements]:
    """Return the statements of each pipeline's policy."""
    model = HuggingFaceModel(model_id="owner/model", task="text-classification")
    smallest = PipelineSettings(endpoint=EndpointSettings(model=model, capacity=ServerlessCapacity()))
    pipelines = {name: replace(smallest, results=results) for name, results in SINKS.items()}
    stack = InferenceStack(Testing.app(), "dev", StackSettings(region="eu-central-1", pipelines=pipelines))
    role = ServiceRole(stack, "operators", name="operators", service="ssm", description="Operators")
    for pipeline in stack.pipelines.values():
        pipeline.grant_operate(role)
    named = json.loads(Testing.synth(stack, True))["resource"]["aws_iam_role_policy"].values()
    own = [one for one in named if "operate-" in one.get("name", "")]  # others follow their content, with a prefix
    found = {one["name"].removeprefix("operate-dev-"): one["policy"] for one in own}
    return {name: _as_enforced(in_account(policy)) for name, policy in found.items()}


def _as_enforced(policy: str) -> Statements:
    """Return the statements as MiniStack needs them.

    It asks for a rule's targets on the bus, where AWS does on the rule; and it knows nothing of where a subscription or
    a rule leads to, which tests/constructs/test_operator_rights.py looks at.
    """
    rule = "arn:aws:events:eu-central-1:123456789012:rule/dev-b-results/dev-b-probe-*"
    bus = "arn:aws:events:eu-central-1:123456789012:event-bus/dev-b-results"
    statements: Statements = json.loads(policy.replace(f'["{rule}"]', json.dumps([rule, bus])))["Statement"]
    for statement in statements:
        if statement["Action"] in (["sns:Subscribe"], ["events:PutTargets"]):
            del statement["Condition"]
    return statements


@contextmanager
def operator(statements: Statements, control_plane: ControlPlane) -> Iterator[None]:
    """Be somebody with a role that has this policy."""
    iam: Any = boto3.client("iam")
    name = f"operator-{secrets.token_hex(4)}"
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document([trust]))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_document(statements))
    session = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="somebody")["Credentials"]

    def denies(action: str, resource: str) -> bool:
        answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource])
        return bool(answer["EvaluationResults"][0]["EvalDecision"] != "allowed")

    control_plane.denies = denies
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
        patch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])
        yield


def _document(statements: Statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def operate(make_stack: Any, desk: Desk, control_plane: ControlPlane) -> Run:
    """Run a command on pipeline `q` of `dev` with these statements as rights."""
    stack: Stack = make_stack("dev", "q")
    control_plane.serve_endpoint("dev-q")
    stack.emulator.aws.lambda_.create_event_source_mapping(
        EventSourceArn=stack.arn(stack.work), FunctionName=stack.function, Enabled=False
    )

    def run(statements: Statements, command: str) -> Said:
        stack.die("x")
        with operator(statements, control_plane):
            if command.startswith("status"):
                return desk("status", "--stack", "dev", *(["--pipeline", "q"] if command == "status of one" else []))
            more = {"list": [], "redrive": ["--yes"], "purge": ["--yes", "--reason", "malformed"]}[command]
            return desk("dead-letters", "--stack", "dev", command, *more)

    return run


def without(statements: Statements, number: int, action: str) -> Statements:
    less = copy.deepcopy(statements)
    less[number]["Action"].remove(action)
    return [statement for statement in less if statement["Action"]]


def test_with_all_of_them_every_command_works(policies: dict[str, Statements], operate: Run) -> None:
    for command in ("list", "redrive", "purge"):
        said = operate(policies["q"], command)
        assert said.status == 0, f"{command}: {said.out}{said.err}"
    said = operate(policies["q"], "status")
    assert "AccessDenied" not in said.out + said.err, said.out


def test_without_any_one_of_them_a_command_fails_and_names_it(policies: dict[str, Statements], operate: Run) -> None:
    statements = policies["q"]
    assert statements[-1]["Resource"] == ["arn:aws:sqs:eu-central-1:123456789012:dev-q-results"]  # see the probe's test
    for number, statement in enumerate(statements[:-1]):
        for action in statement["Action"]:
            said = operate(without(statements, number, action), COMMANDS.get(action, "status"))
            shown = said.out + said.err
            assert said.status == 1, f"without {action}: {shown}"
            assert "AccessDenied" in shown or "not authorized" in shown, f"without {action}: {shown}"
            assert action.partition(":")[2] in shown, f"without {action}: {shown}"


@pytest.mark.parametrize("name", SINKS)
def test_each_sinks_probe_needs_each_of_its_rights(
    name: str,
    policies: dict[str, Statements],
    make_stack: Any,
    desk: Desk,
    control_plane: ControlPlane,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(watchers, "WAIT_SECONDS", 0)
    monkeypatch.setattr("operate.probe.run.RECEIVERS", 1)
    monkeypatch.setattr("operate.probe.desk.SMOKE_SECONDS", 5.0)
    sink = _make_sink(name)
    stack = make_stack("dev", name, **sink)
    statements = policies[name]
    common = len(policies["q"]) - 1
    options = ["--stack", "dev", "--pipeline", name, "--yes", *([] if sink else ["--own-results"])]
    with working(stack, monkeypatch, environment_of(stack, sink)):
        for less, action in [(statements, ""), *_each_less(statements, common, name)]:
            with operator(less, control_plane):
                said = desk("smoke", *options)
            shown = said.out + said.err
            if action:
                assert said.status == 1, f"without {action}: {shown}"
                assert "AccessDenied" in shown or "not authorized" in shown, f"without {action}: {shown}"
            else:
                assert said.status == 0, shown
            _tidy(stack)


def _each_less(statements: Statements, common: int, name: str) -> Iterator[tuple[Statements, str]]:
    for number in range(common, len(statements)):
        for action in statements[number]["Action"]:
            if name == "q" and action == "sqs:ChangeMessageVisibility":
                continue  # for another's result alone: see test_probe
            yield without(statements, number, action), action


def _make_sink(name: str) -> dict[str, str]:
    match name:
        case "t":
            arn = boto3.client("sns").create_topic(Name="dev-t-results")["TopicArn"]
            return {"RESULT_SINK": "sns", "RESULT_TARGET": arn}
        case "b":
            boto3.client("events").create_event_bus(Name="dev-b-results")
            return {"RESULT_SINK": "eventbridge", "RESULT_TARGET": "dev-b-results"}
        case "o":
            place: Any = {"LocationConstraint": "eu-central-1"}
            boto3.client("s3").create_bucket(Bucket="dev-o-results", CreateBucketConfiguration=place)
            return {"RESULT_SINK": "s3", "RESULT_TARGET": "s3://dev-o-results/of/"}
    return {}


def _tidy(stack: Stack) -> None:
    """Take away what a probe without a right left behind."""
    sqs = stack.emulator.aws.sqs
    for url in sqs.list_queues(QueueNamePrefix=f"dev-{stack.pipeline}-probe-").get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)
    for url in (stack.work, stack.results, stack.dead):
        sqs.purge_queue(QueueUrl=url)
