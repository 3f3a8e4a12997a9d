"""The function at work: the handler itself, fed from the work queue as the event source mapping would."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import ClientError

from handler.batch import BatchInference
from handler.settings import HandlerSettings
from tests.handler.aws import LocalAws, serve
from tests.handler.conftest import FakeContext
from tests.operate.conftest import Stack


@contextmanager
def working(stack: Stack, monkeypatch: Any, environment: dict[str, str]) -> Iterator[LocalAws]:
    """Take messages until the end of the context; yields the endpoint, which tests script."""
    endpoint, server = serve()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint.url)
    inference = BatchInference(HandlerSettings.from_environment(environment))
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(stack, inference, stop))
    thread.start()
    try:
        yield endpoint
    finally:
        stop.set()
        thread.join()
        server.shutdown()
        server.server_close()


def _work(stack: Stack, inference: BatchInference, stop: threading.Event) -> None:
    sqs: Any = boto3.client("sqs")
    while not stop.wait(0.02):
        messages = sqs.receive_message(
            QueueUrl=stack.work,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            continue
        event = {"Records": [_record(stack, message) for message in messages]}
        failed = {item["itemIdentifier"] for item in inference.process(event, FakeContext())["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in failed:
                with contextlib.suppress(ClientError):  # a test has emptied the queue meanwhile
                    sqs.delete_message(QueueUrl=stack.work, ReceiptHandle=message["ReceiptHandle"])


def _record(stack: Stack, message: Any) -> dict[str, Any]:
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": stack.arn(stack.work),
        "awsRegion": "eu-central-1",
    }
