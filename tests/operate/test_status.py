"""What is found of a pipeline, and what of it is wrong."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from local.emulator import PROJECT
from tests.operate.conftest import Desk, Stack
from tests.operate.control_plane import ControlPlane, activity


@pytest.fixture
def healthy(stack: Stack, control_plane: ControlPlane) -> Stack:
    """A stack with which nothing is wrong."""
    name = f"{stack.name}-language"
    control_plane.serve_endpoint(name)
    control_plane.configurations = [f"{name}-other-99999999", f"{name}-0123abcd", f"{name}-00000000"]
    map_source(stack)
    return stack


def map_source(stack: Stack) -> str:
    lambda_ = stack.emulator.aws.lambda_
    answer = lambda_.create_event_source_mapping(EventSourceArn=stack.arn(stack.work), FunctionName=stack.function)
    return answer["UUID"]


@pytest.fixture(autouse=True)
def unmapped(stack: Stack) -> Any:
    """Take the mapping away, which would feed later tests' functions."""
    yield
    lambda_ = stack.emulator.aws.lambda_
    for mapping in lambda_.list_event_source_mappings(EventSourceArn=stack.arn(stack.work))["EventSourceMappings"]:
        lambda_.delete_event_source_mapping(UUID=mapping["UUID"])


def found(desk: Desk, stack: Stack) -> tuple[int, dict[str, list[Any]]]:
    """Return the exit status, and the findings by part."""
    said = desk("status", "--stack", stack.name, "--json")
    assert said.err == ""
    parts: dict[str, list[Any]] = {}
    for finding in json.loads(said.out)["pipelines"]["language"]:
        parts.setdefault(finding["part"], []).append(finding)
    return said.status, parts


def wrong(parts: dict[str, list[Any]]) -> dict[str, str]:
    return {part: one["text"] for part, findings in parts.items() for one in findings if one["wrong"]}


def put_metric(namespace: str, name: str, value: float, **dimensions: str) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=2),
                "Value": value,
            }
        ],
    )


def test_where_nothing_is_wrong_it_says_so(healthy: Stack, desk: Desk) -> None:
    status, parts = found(desk, healthy)
    assert (status, wrong(parts)) == (0, {})
    assert parts["configuration"][0]["text"] == f"{healthy.name}-language-0123abcd, which was deployed last"
    assert parts["capacity"][0]["text"] == "AllTraffic: 2 of 2 instances"
    said = desk("status", "--stack", healthy.name)
    assert (said.status, said.out.splitlines()[-1]) == (0, "Nothing is wrong.")


def test_it_receives_no_message(healthy: Stack, desk: Desk) -> None:
    healthy.die("x")
    found(desk, healthy)
    (message,) = healthy.received(healthy.dead)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_dead_letters_are_wrong(healthy: Stack, desk: Desk) -> None:
    healthy.die("x")
    status, parts = found(desk, healthy)
    assert (status, wrong(parts)) == (1, {"dead letters": "1 waiting: dead-letters list says why"})
    assert "!  dead letters" in desk("status", "--stack", healthy.name).out


def test_the_oldest_age_says_whom_it_leaves_out_and_how_long_draining_takes(
    stack: Stack, control_plane: ControlPlane, desk: Desk
) -> None:
    for number in range(30):
        stack.put(f"{number}", {}, url=stack.work)
    name = stack.work.rpartition("/")[2]
    put_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", 7200, QueueName=name)
    put_metric("AWS/SQS", "NumberOfMessagesDeleted", 90, QueueName=name)
    put_metric("AWS/SQS", "NumberOfMessagesSent", 100, QueueName=name)
    _, parts = found(desk, stack)
    assert parts["work queue"][0]["text"] == (
        "30 waiting, 0 in flight, 0 delayed; oldest 2 h (messages received three times or more are left out); "
        "100 in and 90 out in 15 min; 5 min to drain at this rate"
    )
    assert parts["work queue"][0]["drain_seconds"] == 300


def test_a_queue_that_nothing_leaves_is_wrong(stack: Stack, control_plane: ControlPlane, desk: Desk) -> None:
    stack.put("x", {}, url=stack.work)
    put_metric("AWS/SQS", "NumberOfMessagesDeleted", 0, QueueName=stack.work.rpartition("/")[2])
    assert wrong(found(desk, stack)[1])["work queue"].endswith("nothing leaves it")


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("Errors", "5 invocations, 3 errors, 0 throttles in 15 min"),
        ("Throttles", "5 invocations, 0 errors, 3 throttles in 15 min"),
        (
            "RecursiveInvocationsDropped",
            "5 invocations, 0 errors, 0 throttles, 3 dropped by Lambda as a loop between SQS and Lambda in 15 min",
        ),
    ],
)
def test_a_function_that_fails_is_wrong(metric: str, text: str, healthy: Stack, desk: Desk) -> None:
    put_metric("AWS/Lambda", "Invocations", 5, FunctionName=healthy.function)
    put_metric("AWS/Lambda", metric, 3, FunctionName=healthy.function)
    status, parts = found(desk, healthy)
    assert (status, list(wrong(parts))) == (1, ["function"])
    assert wrong(parts)["function"].partition("; its state is Pending")[0] == text


def test_records_that_are_not_scored_are_wrong_and_it_says_what_they_met(healthy: Stack, desk: Desk) -> None:
    own = {"Endpoint": f"{healthy.name}-language", "FunctionName": healthy.function}
    put_metric("SageMakerInference", "RecordsReceived", 100, **own)
    put_metric("SageMakerInference", "RecordsSucceeded", 90, **own)
    put_metric("SageMakerInference", "RecordsReturned", 10, **own)
    text = "100 received, 90 succeeded, 10 returned, 0 dead-lettered in 15 min"
    status, parts = found(desk, healthy)
    assert (status, parts["records"][0]["text"]) == (0, text)
    put_metric("SageMakerInference", "RecordsDeadLettered", 1, **own)
    put_metric("SageMakerInference", "Throttles", 7, **own)
    assert wrong(found(desk, healthy)[1]) == {
        "records": "100 received, 90 succeeded, 10 returned, 1 dead-lettered, 7 requests throttled in 15 min"
    }


def test_a_mapping_that_is_off_or_missing_is_wrong(healthy: Stack, desk: Desk) -> None:
    lambda_ = healthy.emulator.aws.lambda_
    (mapping,) = lambda_.list_event_source_mappings(EventSourceArn=healthy.arn(healthy.work))["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert wrong(found(desk, healthy)[1]) == {"event source": "Disabled"}
    lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
    assert wrong(found(desk, healthy)[1]) == {
        "event source": "there is no event source mapping: nothing takes messages"
    }


@pytest.mark.parametrize("reason", ["Alarm dev-language.AllTraffic-rollback-errors went off\x1b[2J", ""])
def test_a_silent_rollback_is_told_with_its_reason(
    reason: str, healthy: Stack, control_plane: ControlPlane, desk: Desk
) -> None:
    name = f"{healthy.name}-language"
    control_plane.serve_endpoint(name, **({"FailureReason": reason} if reason else {}))
    control_plane.configurations.insert(0, f"{name}-deadbeef")
    status, parts = found(desk, healthy)
    why = (
        reason.replace("\x1b", "\\x1b")
        or "SageMaker gives no reason: see the alarms …-rollback-… and the endpoint's log"
    )
    text = f"rolled back: {name}-0123abcd runs, {name}-deadbeef was deployed last; {why}"
    assert (status, wrong(parts)) == (1, {"configuration": text})


def test_a_deployment_that_runs_is_no_rollback(healthy: Stack, control_plane: ControlPlane, desk: Desk) -> None:
    name = f"{healthy.name}-language"
    control_plane.serve_endpoint(name, EndpointStatus="Updating")
    control_plane.configurations.insert(0, f"{name}-deadbeef")
    status, parts = found(desk, healthy)
    assert (status, parts["configuration"][0]["text"]) == (0, f"{name}-deadbeef is being deployed")


@pytest.mark.parametrize("gone", [False, True])
def test_an_endpoint_that_does_not_serve_is_wrong(
    gone: bool, healthy: Stack, control_plane: ControlPlane, desk: Desk
) -> None:
    name = f"{healthy.name}-language"
    control_plane.serve_endpoint(name, EndpointStatus="Failed", FailureReason="no capacity")
    if gone:
        del control_plane.endpoints[name]
    status, parts = found(desk, healthy)
    refused = "An error occurred (ValidationException) when calling the DescribeEndpoint operation"
    said = f'not known: {refused}: Could not find endpoint "{name}".'
    assert (status, wrong(parts)) == (1, {"endpoint": said if gone else "Failed: no capacity"})


@pytest.mark.parametrize(("status", "is_wrong"), [("InService", True), ("Updating", False)])
def test_fewer_instances_than_are_wanted_are_wrong_unless_they_are_on_their_way(
    status: str, is_wrong: bool, healthy: Stack, control_plane: ControlPlane, desk: Desk
) -> None:
    variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": 1, "DesiredInstanceCount": 2}
    control_plane.serve_endpoint(f"{healthy.name}-language", EndpointStatus=status, ProductionVariants=[variant])
    _, parts = found(desk, healthy)
    assert wrong(parts) == ({"capacity": "AllTraffic: 1 of 2 instances"} if is_wrong else {})


def test_instances_and_scaling(healthy: Stack, control_plane: ControlPlane, desk: Desk) -> None:
    name = f"{healthy.name}-language"
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": 2,
        "MaxCapacity": 8,
        "RoleARN": "arn:aws:iam::123456789012:role/r",
        "CreationTime": 1.0,
    }
    control_plane.targets.append(target)
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    control_plane.activities = [activity(name, "Failed", "old", long_ago), activity(name, "Successful", "done")]
    status, parts = found(desk, healthy)
    assert (status, parts["capacity"][0]["text"]) == (0, "AllTraffic: 2 of 2 instances, scaled from 2 to 8")
    assert [one["wrong"] for one in parts["scaling"]] == [False, False]
    control_plane.activities.insert(0, activity(name, "Failed", "ResourceLimitExceeded"))
    said = wrong(found(desk, healthy)[1])["scaling"]
    assert said.endswith(" s ago, Failed: Setting desired instance count to 4. ResourceLimitExceeded")


def test_alarms_that_ring_are_the_pipelines_own(healthy: Stack, desk: Desk) -> None:
    prefix = f"{healthy.name}-language"
    cloudwatch = boto3.client("cloudwatch")
    names = [f"{prefix}-queue-age", f"{prefix}.AllTraffic-scale-on-age", f"{prefix}-two-queue-age", f"{prefix}-mine"]
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription="A message has waited.",
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": "q"}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="tested")
    status, parts = found(desk, healthy)
    cloudwatch.delete_alarms(AlarmNames=names)
    assert status == 1
    assert re.fullmatch(rf"{prefix}-queue-age for \d+ s: A message has waited\.", wrong(parts)["alarm"])
    assert [one["name"] for one in parts["alarm"]] == [f"{prefix}-queue-age", f"{prefix}.AllTraffic-scale-on-age"]


def test_watch_shows_it_again_until_it_is_interrupted(healthy: Stack) -> None:
    command = [sys.executable, "-m", "operate", "status", "--stack", healthy.name, "--watch", "2"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        seen = 0
        for line in started.stdout:
            seen += line.startswith("Nothing is wrong.")
            if seen == 2:
                started.send_signal(signal.SIGINT)
                break
        started.stdout.read()
    assert (seen, started.returncode) == (2, 0)


def test_all_pipelines_of_the_stack_are_shown(
    make_stack: Callable[..., Stack], control_plane: ControlPlane, desk: Desk
) -> None:
    make_stack("dev", "a")
    make_stack("dev", "b")
    said = desk("status", "--stack", "dev", "--json")
    assert json.loads(said.out)["pipelines"].keys() == {"a", "b"}
    assert said.status == 1
