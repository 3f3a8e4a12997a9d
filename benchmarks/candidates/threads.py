"""boto3 in 16 threads, one InvokeEndpoint a record; results are sent ten a call."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

THREADS = 16
ENTRIES = 10
endpoint = boto3.client("sagemaker-runtime", config=Config(max_pool_connections=THREADS))
sqs = boto3.client("sqs", config=Config(max_pool_connections=THREADS))
pool = ThreadPoolExecutor(THREADS)


def score(record: Mapping[str, Any]) -> str | None:
    try:
        response = endpoint.invoke_endpoint(
            EndpointName=os.environ["ENDPOINT_NAME"], ContentType="application/json", Body=record["body"]
        )
        return response["Body"].read().decode()
    except Exception:  # noqa: BLE001 - the record is returned to the queue
        return None


def send(results: Sequence[tuple[str, str]]) -> list[str]:
    """Return the ids of the messages that were not sent."""
    entries: list[Any] = [{"Id": str(number), "MessageBody": result} for number, (_, result) in enumerate(results)]
    answer = sqs.send_message_batch(QueueUrl=os.environ["RESULT_TARGET"], Entries=entries)
    return [results[int(failed["Id"])][0] for failed in answer.get("Failed", ())]


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    failures, gathered, sending = [], [], []
    for record, result in zip(event["Records"], pool.map(score, event["Records"]), strict=True):
        if result is None:
            failures.append(record["messageId"])
            continue
        gathered.append((record["messageId"], result))
        if len(gathered) == ENTRIES:
            sending.append(pool.submit(send, gathered))
            gathered = []
    if gathered:
        sending.append(pool.submit(send, gathered))
    for future in sending:
        failures += future.result()
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures]}
