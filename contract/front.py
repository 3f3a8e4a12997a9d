"""SageMaker's InvokeEndpoint in front of a model server, and the calls of SQS that the handler makes; for boto3."""

import hashlib
import http.client
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from local.loopback import LoopbackServer

CONTAINER_SECONDS = 60  # SageMaker: a container has as long for its answer
MOST_REQUEST_BYTES = MOST_RESPONSE_BYTES = 25 * 1024 * 1024  # SageMaker: real-time endpoints
PATH = re.compile(r"/endpoints/([^/]+)/invocations")
ENDPOINT = "contract"
MEMBERS = {"SendMessageBatch": "Entries", "ChangeMessageVisibilityBatch": "Entries"}
MOST_ENTRIES = 10  # SQS: of one call
MOST_ENTRIES_BYTES = 1_048_576


@dataclass(frozen=True)
class Exchange:
    """One request, and what the container answered."""

    content_type: str
    accept: str
    request: bytes
    status: int
    """The container's; 0 if it did not answer in time."""
    answer_type: str
    answer: bytes


@dataclass(frozen=True)
class Container:
    """A model server that runs on this machine."""

    port: int
    path: str = "/invocations"

    def ask(self, body: bytes, content_type: str, accept: str) -> Exchange:
        """Send a request as SageMaker does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CONTAINER_SECONDS)
        headers = {name: value for name, value in (("Content-Type", content_type), ("Accept", accept)) if value}
        try:
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            content, status = response.read(), response.status
            return Exchange(content_type, accept, body, status, response.getheader("Content-Type", ""), content)
        except (OSError, http.client.HTTPException):
            return Exchange(content_type, accept, body, 0, "", b"")
        finally:
            connection.close()


class Front(LoopbackServer):
    """Serves boto3. Set `container` to the one that the endpoint runs."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.container = Container(0)
        self.requests = 0
        """Number of requests that reached the container."""
        self.queues: dict[str, list[dict[str, Any]]] = {}
        """Messages that were sent, by the name of their queue."""
        self._lock = threading.Lock()

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that lead boto3 here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "contract",
            "AWS_SECRET_ACCESS_KEY": "contract",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def queue_url(self, name: str) -> str:
        return f"{self.url}/123456789012/{name}"

    def taken(self, name: str) -> list[dict[str, Any]]:
        """Return the queue's messages, and empty it."""
        with self._lock:
            return self.queues.pop(name, [])

    def invoke(self, body: bytes, content_type: str, accept: str) -> Exchange:
        with self._lock:
            self.requests += 1
        return self.container.ask(body, content_type, accept)

    def send(self, queue: str, entries: list[dict[str, Any]]) -> None:
        with self._lock:
            self.queues.setdefault(queue, []).extend(entries)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Front

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            self._fail(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        elif found := PATH.fullmatch(self.path):
            self._invoke(found[1], body)
        else:
            self._serve_sqs(self.headers.get("X-Amz-Target", "").rpartition(".")[2], json.loads(body))

    def _invoke(self, name: str, body: bytes) -> None:
        if name != ENDPOINT:
            self._fail(400, "ValidationError", f"Endpoint {name} of account 123456789012 not found.")
        elif len(body) > MOST_REQUEST_BYTES:
            limit = f"Member must have length less than or equal to {MOST_REQUEST_BYTES}"
            self._fail(400, "ValidationError", f"1 validation error detected: Value at 'body' failed: {limit}")
        else:
            content_type, accept = self.headers.get("Content-Type", ""), self.headers.get("Accept", "")
            exchange = self.server.invoke(body, content_type, accept)
            if 200 <= exchange.status < 300 and len(exchange.answer) <= MOST_RESPONSE_BYTES:
                self._answer(200, exchange.answer, {"Content-Type": exchange.answer_type})
            else:
                self._model_error(exchange)

    def _model_error(self, exchange: Exchange) -> None:
        """Answer as SageMaker does if the container answered with an error, or not at all."""
        said = exchange.answer.decode(errors="replace")
        side = "client" if 400 <= exchange.status < 500 else "server"
        message = f'Received {side} error ({exchange.status}) from primary with message "{said}".'
        more = {"OriginalStatusCode": exchange.status, "OriginalMessage": said, "LogStreamArn": "arn:aws:logs"}
        self._fail(424, "ModelError", message, **more)

    def _serve_sqs(self, operation: str, call: dict[str, Any]) -> None:
        entries = call.get(MEMBERS.get(operation, ""))
        if not isinstance(entries, list):
            self._fail(400, "UnsupportedOperation", f"{operation} is not served here")
        elif not 1 <= len(entries) <= MOST_ENTRIES:
            self._fail(400, "TooManyEntriesInBatchRequest", f"{len(entries)} entries; SQS takes 1 to {MOST_ENTRIES}")
        elif sum(len(entry.get("MessageBody", "").encode()) for entry in entries) > MOST_ENTRIES_BYTES:
            self._fail(400, "BatchRequestTooLong", f"the entries have more than {MOST_ENTRIES_BYTES} bytes")
        else:
            if operation == "SendMessageBatch":
                self.server.send(call["QueueUrl"].rsplit("/", 1)[1], entries)
            done = [{"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": _md5(entry)} for entry in entries]
            self._answer(200, json.dumps({"Successful": done, "Failed": []}).encode(), {})

    def _fail(self, status: int, error_type: str, message: str, **more: object) -> None:
        body = json.dumps({"__type": error_type, "message": message, "Message": message, **more}).encode()
        self._answer(status, body, {"x-amzn-errortype": error_type})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: requests are counted."""


def _md5(entry: Mapping[str, Any]) -> str:
    return hashlib.md5(entry.get("MessageBody", "").encode(), usedforsecurity=False).hexdigest()
