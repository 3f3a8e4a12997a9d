"""The form in which messages go to the queue: bare, in an envelope, or as a pointer to an object on S3."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

from handler.clients import split_location
from local.aws import Aws
from local.clock import now
from local.errors import UsageError
from local.messages import Message, SizeLimits
from local.pipeline import DeployedPipeline
from local.queues import as_run_error

# Bytes that an envelope may add to a message.
ENVELOPE_BYTES = 4096
# How much larger than a request an object is that can't be sent.
EXCESS_BYTES = 65_536


class Wire:
    """Gives each message the text that is sent: what the pipeline's settings say its messages look like."""

    def __init__(self, aws: Aws, pipeline: DeployedPipeline) -> None:
        self._s3 = aws.s3
        self._region, self._account = aws.region, pipeline.account
        self._settings = pipeline.settings
        self._limits = SizeLimits(
            max_request_bytes=pipeline.settings.max_request_bytes, max_message_bytes=pipeline.queue.max_message_bytes
        )

    @property
    def limits(self) -> SizeLimits:
        """The sizes of contents that the pipeline refuses, and of those that can't even be sent."""
        if self._settings.envelope == "s3":
            return replace(self._limits, max_message_bytes=self._limits.max_request_bytes + EXCESS_BYTES)
        size = self._limits.max_message_bytes - ENVELOPE_BYTES
        return replace(self._limits, max_message_bytes=size * 3 // 4 if self._is_base64 else size)

    def prepared(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages with the texts to send; what these point to is on S3 then.

        Raises UsageError if one can't be sent by this pipeline's settings.
        """
        with as_run_error("putting inputs to S3"):
            return [replace(message, text=self._text(message)) for message in messages]

    @property
    def contents_go_unread(self) -> bool:
        """Whether an asynchronous endpoint gets what messages point to as it lies there, so that nothing refuses it."""
        return self._settings.asynchronous and self._settings.envelope == "s3"

    @property
    def _is_base64(self) -> bool:
        return self._settings.body_encoding == "base64"

    def _text(self, message: Message) -> str:
        match self._settings.envelope:
            case "s3":
                return self._notification_of_s3(self._put(message))
            case "sns":
                return self._notification_of_sns(self._bare(message))
            case "eventbridge":
                return self._event(message)
            case "cloudevents":
                return self._cloud_event(message)
            case _:
                return self._bare(message)

    def _bare(self, message: Message) -> str:
        if message.file is None:
            return _encoded(message.body.encode()) if self._is_base64 else message.body
        if self._settings.input_location:
            return json.dumps({"s3": self._put(message)})
        if self._is_base64:
            return _encoded(message.file.content)
        raise UsageError("a file can't be a message: the pipeline has no input_location, and takes no base64")

    def _put(self, message: Message) -> str:
        """Put the message's content to S3; return the location."""
        bucket, prefix = split_location(self._settings.input_location)
        # A name as people give it: to be found again, it must be decoded where it comes encoded.
        key = f"{prefix}message {secrets.token_hex(8)}+{message.file.name if message.file else 'text'}"
        # A text is what the codec says that it is.
        typed: Any = {"ContentType": message.file.content_type} if message.file and message.file.content_type else {}
        self._s3.put_object(Bucket=bucket, Key=key, Body=message.content, **typed)
        return f"s3://{bucket}/{key}"

    def _notification_of_s3(self, location: str) -> str:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
        bucket, key = split_location(location)
        place = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self._region,
            "eventTime": now(),
            "eventName": "ObjectCreated:Put",
            "s3": {"s3SchemaVersion": "1.0", **place},
        }
        return json.dumps({"Records": [record]})

    def _notification_of_sns(self, text: str) -> str:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
        topic = f"arn:aws:sns:{self._region}:{self._account}:local-run"
        head = {"Type": "Notification", "MessageId": f"{uuid4()}", "TopicArn": topic}
        return json.dumps({**head, "Message": text, "Timestamp": now(), "SignatureVersion": "1"}, ensure_ascii=False)

    def _event(self, message: Message) -> str:
        """https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""
        if message.poison and not _is_object(message.body):
            return message.body  # no event can hold it
        if not _is_object(message.body):
            raise UsageError("the pipeline's messages are EventBridge events, whose detail is a JSON object")
        head = {
            "version": "0",
            "id": f"{uuid4()}",
            "detail-type": "Local run",
            "source": "local.run",
            "account": self._account,
            "time": now(),
            "region": self._region,
            "resources": [],
        }
        return f'{json.dumps(head)[:-1]}, "detail": {message.body}}}'

    def _cloud_event(self, message: Message) -> str:
        """https://github.com/cloudevents/spec/blob/main/cloudevents/formats/json-format.md"""
        head = {"specversion": "1.0", "id": f"{uuid4()}", "source": "/local/run", "type": "local.run"}
        if message.file is not None:
            data: dict[str, Any] = {
                "data_base64": _encoded(message.file.content),
                "datacontenttype": message.file.content_type,
            }
        elif _is_object(message.body):
            return f'{json.dumps(head)[:-1]}, "data": {message.body}}}'
        else:
            data = {"data": message.body, "datacontenttype": "text/plain"}
        return json.dumps({**head, **data}, ensure_ascii=False)


def _is_object(body: str) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
