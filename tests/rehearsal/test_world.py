"""What is there before a stack, and the wall that stands where nothing answers."""

import urllib.error
import urllib.request
from typing import Any

import pytest

from rehearsal.existing import make_existing
from rehearsal.wall import Wall

DOCUMENT: dict[str, Any] = {
    "data": {"aws_sqs_queue": {"work": {"name": "crm-events"}, "fifo": {"name": "crm.fifo"}}},
    "resource": {
        "aws_s3_bucket": {"own": {"bucket": "made-here"}},
        "aws_s3_object": {
            "code": {"bucket": "company-code", "source": "a.zip"},
            "own": {"bucket": "${aws_s3_bucket.own.bucket}"},
            "own_by_name": {"bucket": "made-here"},
        },
        "aws_sagemaker_model": {"m": {"primary_container": {"model_data_url": "s3://company-models/a/model.tar.gz"}}},
        "aws_iam_role": {"f": {"permissions_boundary": "arn:aws:iam::123456789012:policy/teams/boundary"}},
        "aws_lambda_function": {"f": {"role": "arn:aws:iam::123456789012:role/inference"}},
        "aws_iam_role_policy": {
            "p": {"policy": '{"Resource": ["arn:aws:s3:::inputs/x/*", "arn:aws:iam::210987654321:role/theirs"]}'}
        },
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


class ExistsError(Exception):
    pass


class Client:
    """Notes every call; of one that is there already it says so."""

    class exceptions:  # noqa: N801 - boto3's name
        BucketAlreadyOwnedByYou = ExistsError
        EntityAlreadyExistsException = ExistsError

    def __init__(self, calls: list[tuple[str, dict[str, Any]]], there: str = "") -> None:
        self._calls = calls
        self._there = there

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> None:
            self._calls.append((operation, arguments))
            if self._there and self._there in arguments.values():
                raise ExistsError

        return call


def test_what_a_stack_names_and_does_not_make_is_made_before_it() -> None:
    calls: list[tuple[str, dict[str, Any]]] = []
    made = make_existing(DOCUMENT, lambda _: Client(calls), "eu-central-1")
    assert made == [
        "bucket company-code",
        "bucket company-models",
        "bucket inputs",
        "role inference",
        "policy boundary",
        "queue crm-events",
        "queue crm.fifo",
        "alarm company-slow",
    ]
    made_by = dict(calls)
    assert made_by["create_policy"]["Path"] == "/teams/"
    assert made_by["create_queue"] == {"QueueName": "crm.fifo", "Attributes": {"FifoQueue": "true"}}
    assert made_by["create_bucket"]["CreateBucketConfiguration"] == {"LocationConstraint": "eu-central-1"}


def test_what_is_there_already_stays() -> None:
    calls: list[tuple[str, dict[str, Any]]] = []
    assert len(make_existing(DOCUMENT, lambda _: Client(calls, "company-models"), "us-east-1")) == 8
    assert all("CreateBucketConfiguration" not in arguments for _, arguments in calls)


def test_the_wall_refuses_and_remembers_who_was_called() -> None:
    scope = "AWS4-HMAC-SHA256 Credential=123456789012/20261126/eu-central-1/ecs/aws4_request, SignedHeaders=host"
    with Wall() as wall:
        for headers in ({"Authorization": scope}, {}):
            request = urllib.request.Request(f"{wall.url}/clusters", b"{}", headers, method="POST")
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            assert refused.value.code == 403
            refused.value.close()
    assert wall.refused == ["ecs /clusters", "an unsigned request /clusters"]
