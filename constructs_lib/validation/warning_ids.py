"""Ids of the warnings: they stay as they are, since settings acknowledge warnings by them."""

from collections.abc import Mapping
from typing import NamedTuple

WARNINGS: Mapping[str, str] = {
    "answer-over-time": "an answer of a language model may take longer than a request has",
    "answers-over-memory": "the answers in flight may fill half of the function's memory",
    "batch-over-memory": "the inputs of a batch may fill half of the function's memory",
    "batch-over-payload": "a full batch of the largest messages is over what Lambda hands to one invocation",
    "bucket-events-refused": "S3 may send to the queue, and its notifications are dead-lettered",
    "dead-letters-expire": "dead letters are kept no longer than messages",
    "few-receives": "a message has fewer receives than Lambda advises",
    "filters-delete": "Lambda deletes the messages that fit no filter",
    "filters-over-quota": "there are more filters than an account may have until its quota is raised",
    "image-on-other-hardware": "the image is for another processor than the instance type has",
    "instance-not-listed": "the instance type was not sold in the region on the day of the price list",
    "model-fills-memory": "a model's weights leave little memory for the texts that it works on, or may not fit",
    "requests-over-capacity": "invocations may have more requests in flight than the endpoint takes",
    "request-over-api-model": "a request may be larger than the API model of InvokeEndpoint admits",
    "session-without-routing": "sessions have no effect, since the endpoint does not route by prefix",
    "timeout-below-cold-start": "the function gives up before a cold serverless container answers",
    "unknown-region": "the region is none that AWS's SDKs know",
    "unknown-task": "the task is none of those that transformers, or AWS's containers, know",
    "visibility-below-advice": "the visibility timeout is shorter than Lambda advises",
    "volume-key-unused": "the instances keep data on local storage, which the volume key does not encrypt",
}


class SettingsWarning(NamedTuple):
    """A setting that works but is not advised."""

    id: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} [{self.id}]"
