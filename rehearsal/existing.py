"""Things that a stack refers to and does not make: they are made before it, as somebody else has made them in AWS."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from local.emulator import ACCOUNT
from rehearsal.fences import Document, blocks

BUCKETS = re.compile(r"(?:\bs3://|:s3:::)([a-z0-9][a-z0-9.-]+[a-z0-9])")
ROLES = re.compile(rf"arn:aws:iam::{ACCOUNT}:role((?:/[\w+=,.@-]+)+)")
POLICIES = re.compile(rf"arn:aws:iam::{ACCOUNT}:policy((?:/[\w+=,.@-]+)+)")
ANYBODY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

Client = Callable[[str], Any]
Thing = tuple[str, Callable[[], object]]


def make_existing(document: Document, client: Client, region: str) -> list[str]:
    """Make buckets, roles, policies, queues and alarms that the configuration names and does not create; what is there
    already stays. Return each as "kind name".
    """
    text = json.dumps([document.get("data", {}), document.get("resource", {})])
    made = []
    for name, make in (
        *_buckets(document, text, client, region),
        *_of_iam(text, client),
        *_queues(document, client),
        *_alarms(document, client),
    ):
        with contextlib.suppress(*_already(client)):
            make()
        made.append(name)
    return made


def _already(client: Client) -> tuple[type[Exception], ...]:
    s3, iam = client("s3").exceptions, client("iam").exceptions
    return s3.BucketAlreadyOwnedByYou, iam.EntityAlreadyExistsException


def _buckets(document: Document, text: str, client: Client, region: str) -> Iterator[Thing]:
    named = {body.get("bucket", "") for section, _, _, body in blocks(document) if section == "resource"}
    made = {body.get("bucket") for body in document.get("resource", {}).get("aws_s3_bucket", {}).values()}
    for name in sorted({*BUCKETS.findall(text), *(name for name in named if name and "${" not in name)} - made):
        yield f"bucket {name}", partial(_make_bucket, client("s3"), name, region)


def _make_bucket(s3: Any, name: str, region: str) -> None:
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **place)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def _of_iam(text: str, client: Client) -> Iterator[Thing]:
    iam = client("iam")
    for path in sorted({*ROLES.findall(text)}):
        folder, _, name = path.rpartition("/")
        trust = json.dumps(ANYBODY)
        yield (
            f"role {name}",
            partial(iam.create_role, RoleName=name, Path=f"{folder}/", AssumeRolePolicyDocument=trust),
        )
    for path in sorted({*POLICIES.findall(text)}):
        folder, _, name = path.rpartition("/")
        rights = json.dumps(ANYTHING)
        yield (
            f"policy {name}",
            partial(iam.create_policy, PolicyName=name, Path=f"{folder}/", PolicyDocument=rights),
        )


def _queues(document: Document, client: Client) -> Iterator[Thing]:
    for body in document.get("data", {}).get("aws_sqs_queue", {}).values():
        name = body["name"]
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        yield f"queue {name}", partial(client("sqs").create_queue, QueueName=name, Attributes=attributes)


def _alarms(document: Document, client: Client) -> Iterator[Thing]:
    """Yield alarms that roll a deployment back and are somebody else's."""
    own = {body["alarm_name"] for body in document.get("resource", {}).get("aws_cloudwatch_metric_alarm", {}).values()}
    for body in document.get("resource", {}).get("aws_sagemaker_endpoint", {}).values():
        rollback = body.get("deployment_config", {}).get("auto_rollback_configuration", {})
        for name in (alarm["alarm_name"] for alarm in rollback.get("alarms", [])):
            if "${" not in name and name not in own:
                yield f"alarm {name}", partial(_make_alarm, client("cloudwatch"), name)


def _make_alarm(cloudwatch: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Rehearsal",
        MetricName="Errors",
        Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0.0,
        Period=60,
        EvaluationPeriods=1,
    )
