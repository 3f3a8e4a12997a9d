"""Powertools' AsyncBatchProcessor: boto3 in threads of asyncio, 16 of them."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.config import Config

THREADS = 16
endpoint = boto3.client("sagemaker-runtime", config=Config(max_pool_connections=THREADS))
sqs = boto3.client("sqs", config=Config(max_pool_connections=THREADS))
processor = AsyncBatchProcessor(event_type=EventType.SQS)

# The processor runs on this thread's loop. asyncio's own pool has as many threads as the machine has processors, and
# four; with so few this would be slower.
loop = asyncio.new_event_loop()
loop.set_default_executor(ThreadPoolExecutor(THREADS))
asyncio.set_event_loop(loop)


def score(body: str) -> None:
    response = endpoint.invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"], ContentType="application/json", Body=body
    )
    sqs.send_message(QueueUrl=os.environ["RESULT_TARGET"], MessageBody=response["Body"].read().decode())


async def record_handler(record: SQSRecord) -> None:
    await asyncio.to_thread(score, record.body)


def handler(event: dict[str, Any], context: Any) -> Any:
    return async_process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
