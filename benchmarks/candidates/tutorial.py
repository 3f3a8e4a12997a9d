"""The loop of the tutorials: one InvokeEndpoint and one SendMessage a record."""

import os
from collections.abc import Mapping
from typing import Any

import boto3

endpoint = boto3.client("sagemaker-runtime")
sqs = boto3.client("sqs")


def score(body: str) -> None:
    response = endpoint.invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"], ContentType="application/json", Body=body
    )
    result = response["Body"].read().decode()
    sqs.send_message(QueueUrl=os.environ["RESULT_TARGET"], MessageBody=result)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        try:
            score(record["body"])
        except Exception:  # noqa: BLE001 - as the tutorials have it
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
