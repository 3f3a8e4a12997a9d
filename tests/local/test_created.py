"""Every resource that the library synthesizes is created here, and what MiniStack gets wrong on the way is mended."""

import contextlib
import importlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib import (
    EndpointSettings,
    FunctionSettings,
    InstanceCapacity,
    PipelineSettings,
    ServerlessCapacity,
    StackSettings,
    add_stacks,
)

import pytest
from cdktf import App

from local.control_plane import ControlPlane, Durations
from local.creators.api import request_of
from local.deploy import Deployment
from local.elsewhere import make_elsewhere
from local.emulator import ACCOUNT, Emulator
from local.errors import LocalRunError
from local.template import Template
from tests.constructs.everything import ENDPOINT, EVERYTHING, KEY, REGION

WARM = PipelineSettings(
    endpoint=EndpointSettings(
        model=ENDPOINT.model,
        capacity=ServerlessCapacity(max_concurrency=4, provisioned_concurrency=1, max_provisioned_concurrency=3),
    ),
    function=FunctionSettings(timeout_seconds=90, alias="live", provisioned_concurrency=2),
    inference=EVERYTHING.inference,
)

# What synth accepts, and SageMaker would not: only the test's edit makes it so.
REFUSED = replace(
    EVERYTHING,
    endpoint=replace(ENDPOINT, capacity=InstanceCapacity(instance_type="ml.m5.xlarge", min_instances=2)),
    function=WARM.function,
    monitoring=None,
)
# By stack, the example's module: those that have most from elsewhere.
EXAMPLES = {"calls": "async_scale_to_zero", "crm": "bring_your_own", "pictures": "images_from_s3"}
World = tuple[Emulator, ControlPlane]
# One emulator for all of them.
pytestmark = pytest.mark.xdist_group("created")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    def role_age(arn: str) -> float | None:
        return emulator.role_age(arn)

    with contextlib.ExitStack() as stack:
        plane = stack.enter_context(
            ControlPlane(
                account=ACCOUNT,
                region=REGION,
                durations=Durations(creating=0.1, role_known=0),
                role_age=role_age,
            )
        )
        log = tmp_path_factory.mktemp("ministack") / "log"
        emulator = Emulator(region=REGION, log_file=log, function_environment={}, control_url=plane.url)
        yield stack.enter_context(emulator), plane


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthesize all stacks at once; return the folder that has one for each."""
    folder = tmp_path_factory.mktemp("synthesized")
    stacks = {"whole": StackSettings(region=REGION, pipelines={"all": EVERYTHING, "warm": WARM})}
    stacks["alone"] = StackSettings(region=REGION, pipelines={"refused": REFUSED})
    stacks["other"] = StackSettings(region=REGION, pipelines={"failing": WARM})
    for name in EXAMPLES.values():
        stacks |= importlib.import_module(f"examples.{name}").STACKS
    app = App(outdir=str(folder))
    add_stacks(app, stacks)
    app.synth()
    return folder / "stacks"


def created(path: Path, emulator: Emulator) -> Deployment:
    template = Template.load(path)
    make_elsewhere(template, emulator.aws)
    deployment = Deployment(template, emulator.aws)
    deployment.create()
    return deployment


@pytest.fixture(scope="module")
def whole(world: World, stacks: Path) -> Deployment:
    return created(stacks / "whole" / "cdk.tf.json", world[0])


def test_a_stack_with_everything_on_is_created_whole(world: World, whole: Deployment) -> None:
    emulator, plane = world
    assert whole.absent == []
    assert plane.endpoint_status("whole-all") == plane.endpoint_status("whole-warm") == "InService"
    names = [name for name in plane.resources if "whole-" in name]
    kinds = {name.partition(" whole-")[0].partition(" endpoint/")[0] for name in names}
    assert kinds == {
        "alarm", "dashboard", "endpoint", "endpoint configuration", "model", "scalable target", "scaling policy",
        "scheduled action",
    }  # fmt: skip
    signed = emulator.aws.lambda_.get_function(FunctionName="whole-all-inference")["Configuration"]
    unsigned = emulator.aws.lambda_.get_function(FunctionName="whole-warm-inference")["Configuration"]
    assert signed["CodeSha256"] == unsigned["CodeSha256"], "the signed zip is not the code"


@pytest.mark.parametrize("stack", EXAMPLES)
def test_an_example_is_created_with_what_it_has_from_elsewhere(world: World, stacks: Path, stack: str) -> None:
    emulator, _ = world
    assert created(stacks / stack / "cdk.tf.json", emulator).absent == []


# What the library's examples have from elsewhere, and more.
NAMED: dict[str, Any] = {
    "provider": {"aws": {"region": REGION}},
    "data": {"aws_sqs_queue": {"fifo": {"name": "crm.fifo"}}},
    "resource": {
        "aws_s3_bucket": {"own": {"bucket": "made-here"}},
        "aws_s3_object": {
            "code": {"bucket": "company-code", "key": "a.zip"},
            "own": {"bucket": "${aws_s3_bucket.own.bucket}"},
            "own_by_name": {"bucket": "made-here"},
        },
        "aws_sagemaker_model": {"m": {"primary_container": {"model_data_url": "s3://company-models/a/model.tar.gz"}}},
        "aws_iam_role": {"f": {"permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/teams/boundary"}},
        "aws_lambda_function": {"f": {"role": f"arn:aws:iam::{ACCOUNT}:role/ml/inference", "timeout": 60}},
        "aws_iam_role_policy": {"p": {"policy": '{"Resource": ["arn:aws:s3:::inputs/x/*"]}'}},
        "aws_cloudwatch_metric_alarm": {"own": {"alarm_name": "own"}},
        "aws_sagemaker_endpoint": {
            "e": {
                "deployment_config": {
                    "auto_rollback_configuration": {"alarms": [{"alarm_name": "own"}, {"alarm_name": "company-slow"}]}
                }
            }
        },
    },
}


def test_what_a_stack_names_and_does_not_make_is_made_once(world: World, tmp_path: Path) -> None:
    aws, plane = world[0].aws, world[1]
    path = tmp_path / "cdk.tf.json"
    path.write_text(json.dumps(NAMED))
    made = make_elsewhere(Template.load(path), aws)
    assert made == [
        "bucket company-code",
        "bucket company-models",
        "bucket inputs",
        "queue crm.fifo",
        "role inference, with every right, since its own are not known here",
        "policy boundary",
        "alarm company-slow",
    ]
    assert make_elsewhere(Template.load(path), aws) == made, "what is there already does not stay"
    assert {"company-code", "company-models", "inputs"} <= {one["Name"] for one in aws.s3.list_buckets()["Buckets"]}
    assert aws.iam.get_role(RoleName="inference")["Role"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/ml/inference"
    assert aws.sqs.get_queue_url(QueueName="crm.fifo")["QueueUrl"].endswith("/crm.fifo")
    assert "alarm company-slow" in plane.resources


def _with_policies(function: bool, model: bool) -> dict[str, Any]:
    """Return a stack whose function and model have one role from elsewhere, to which it attaches what each needs."""
    role = f"arn:aws:iam::{ACCOUNT}:role/shared-{function}-{model}"
    needs = {"depends_on": ["aws_iam_role_policy.p"]}
    return {
        "provider": {"aws": [{"region": REGION}]},
        "resource": {
            "aws_iam_role_policy": {"p": {"role": role.rpartition("/")[2], "policy": "{}"}},
            "aws_lambda_function": {"f": {"role": role, **(needs if function else {})}},
            "aws_sagemaker_model": {"m": {"execution_role_arn": role, **(needs if model else {})}},
        },
    }


@pytest.mark.parametrize(("function", "model"), [(True, True), (True, False), (False, True)])
def test_a_role_has_every_right_if_one_of_its_users_gets_none_from_the_stack(
    world: World, tmp_path: Path, function: bool, model: bool
) -> None:
    path = tmp_path / "cdk.tf.json"
    path.write_text(json.dumps(_with_policies(function, model)))
    every = "" if function and model else ", with every right, since its own are not known here"
    assert make_elsewhere(Template.load(path), world[0].aws) == [f"role shared-{function}-{model}{every}"]


FAILS_ONCE = """
import os, pathlib, boto3

def handler(event, context):
    before = pathlib.Path(os.environ["MARK"])
    if not before.exists():
        before.touch()
        raise ValueError("the first time")
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=event["Records"][0]["Sns"]["Message"])
"""


def test_a_topic_invokes_a_function_that_fails_again(world: World, tmp_path: Path) -> None:
    aws = world[0].aws
    queue = aws.sqs.create_queue(QueueName="notified")["QueueUrl"]
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = aws.iam.create_role(RoleName="notified", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    rights = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    aws.iam.put_role_policy(RoleName="notified", PolicyName="all", PolicyDocument=rights)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", FAILS_ONCE)
    function = aws.lambda_.create_function(
        FunctionName="notified",
        Runtime="python3.13",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"QUEUE": queue, "MARK": str(tmp_path / "mark")}},
    )["FunctionArn"]
    topic = aws.sns.create_topic(Name="notified")["TopicArn"]
    aws.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    aws.sns.publish(TopicArn=topic, Message="scored")
    received = aws.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", [])
    assert [message["Body"] for message in received] == ["scored"], "the notification was lost with the first failure"


def test_an_endpoint_that_does_not_come_up_ends_the_run_with_its_reason(world: World, stacks: Path) -> None:
    emulator, plane = world
    plane.fail_next_creation("the container did not answer")
    with pytest.raises(LocalRunError) as error:
        created(stacks / "other" / "cdk.tf.json", emulator)
    assert str(error.value) == "the endpoint other-failing is Failed, not InService: the container did not answer"


def test_what_the_control_plane_refuses_ends_the_run_in_one_line(world: World, stacks: Path) -> None:
    emulator, _ = world
    path = stacks / "alone" / "cdk.tf.json"
    path.write_text(path.read_text().replace("ml.m5.xlarge", "ml.m5d.xlarge"))
    with pytest.raises(LocalRunError) as error:
        created(path, emulator)
    assert str(error.value).startswith("aws_sagemaker_endpoint_configuration.refused_endpoint_configuration_")
    assert str(error.value).endswith(
        " was not created: An error occurred (ValidationException) when calling the CreateEndpointConfig operation: "
        "KmsKeyId is not supported for the instance type ml.m5d.xlarge."
    )


def test_a_block_becomes_a_request_by_the_api_model(world: World) -> None:
    emulator, _ = world
    arguments = {
        "name": "p",
        "policy_type": "StepScaling",
        "step_scaling_policy_configuration": [{"step_adjustment": {"metric_interval_lower_bound": "0"}}],
        "colour": "blue",
    }
    request = request_of(emulator.aws.autoscaling, "PutScalingPolicy", arguments, {"name": "policy_name"})
    assert request == {
        "PolicyName": "p",
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {"StepAdjustments": [{"MetricIntervalLowerBound": 0.0}]},
    }
    assert arguments == {"colour": "blue"}, "what the API does not know is left, to be named"
    with pytest.raises(LocalRunError, match=r"^the local run does not know primary_container\.colour$"):
        request_of(emulator.aws.sagemaker, "CreateModel", {"primary_container": {"colour": "blue"}})


def test_ministacks_queue_policies_come_back_without_spaces(world: World) -> None:
    sqs = world[0].aws.sqs
    dead = sqs.create_queue(QueueName="defect-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"deadLetterTargetArn": arn, "maxReceiveCount": 5}
    url = sqs.create_queue(QueueName="defect", Attributes={"RedrivePolicy": json.dumps(policy)})["QueueUrl"]
    for receives in (5, 6):
        policy["maxReceiveCount"] = receives
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy, indent=2)})
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
        assert found == f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{receives}}}'


def test_ministacks_mappings_come_back_with_all_they_were_given(world: World, whole: Deployment) -> None:
    lambda_ = world[0].aws.lambda_
    (mapping, *_) = lambda_.list_event_source_mappings(FunctionName="whole-warm-inference")["EventSourceMappings"]
    fields: Any = {"MetricsConfig": {"Metrics": ["EventCount"]}, "KMSKeyArn": KEY}
    pollers: Any = {"ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 3}}
    made = lambda_.create_event_source_mapping(
        EventSourceArn=mapping["EventSourceArn"], FunctionName="whole-warm-inference", Enabled=False, **fields
    )
    assert {name: made[name] for name in fields} == fields  # type: ignore[literal-required]
    lambda_.update_event_source_mapping(UUID=made["UUID"], **pollers)
    found = lambda_.get_event_source_mapping(UUID=made["UUID"])
    assert {name: found[name] for name in (fields | pollers)} == fields | pollers  # type: ignore[literal-required]
    lambda_.delete_event_source_mapping(UUID=made["UUID"])


def test_ministacks_signer_writes_the_code(world: World) -> None:
    aws, content = world[0].aws, io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", "code")
    place: Any = {"LocationConstraint": REGION}
    aws.s3.create_bucket(Bucket="defect-code", CreateBucketConfiguration=place)
    aws.s3.put_object(Bucket="defect-code", Key="unsigned.zip", Body=content.getvalue())
    aws.signer.put_signing_profile(profileName="defect", platformId="AWSLambda-SHA384-ECDSA")
    job = aws.signer.start_signing_job(
        profileName="defect",
        source={"s3": {"bucketName": "defect-code", "key": "unsigned.zip", "version": "null"}},
        destination={"s3": {"bucketName": "defect-code", "prefix": "signed/"}},
    )["jobId"]
    key = aws.signer.describe_signing_job(jobId=job)["signedObject"]["s3"]["key"]
    assert aws.s3.get_object(Bucket="defect-code", Key=key)["Body"].read() == content.getvalue()
