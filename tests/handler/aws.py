"""A SageMaker Runtime and an SQS on 127.0.0.1 that answer as told, for boto3 to talk to."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What reached the endpoint."""

    endpoint: str
    content_type: str
    accept: str
    body: bytes

    @property
    def inputs(self) -> list[Any]:
        inputs: list[Any] = json.loads(self.body)["inputs"]
        return inputs


@dataclass(frozen=True)
class Answer:
    """What the endpoint does with a request. `drop` closes the connection without a word."""

    status: int = 200
    body: bytes = b""
    error: str = ""
    delay_seconds: float = 0.0
    drop: bool = False


def scored(request: Request) -> Answer:
    """Answer as a Hugging Face container: one result per input."""
    return Answer(body=json.dumps([{"label": str(text)[:20]} for text in request.inputs]).encode())


def model_error(original_status: int, message: str = "bad input") -> Answer:
    """Answer as SageMaker does when the container answered with that status; 0 if it did not answer in time."""
    body = {
        "Message": message,
        "OriginalStatusCode": original_status,
        "OriginalMessage": message,
        "LogStreamArn": "arn",
    }
    return Answer(status=424, error="ModelError", body=json.dumps(body).encode())


def service_error(status: int, code: str, message: str | None = "said the service") -> Answer:
    return Answer(status=status, error=code, body=json.dumps({"__type": code, "message": message}).encode())


@dataclass
class LocalAws:
    """The server's state. Replace `endpoint` and `refuse` to script it."""

    url: str = ""
    endpoint: Callable[[Request], Answer] = scored
    requests: list[Request] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    queues: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refuse: Callable[[str, dict[str, Any]], dict[str, Any] | Answer | None] = lambda queue, entry: None
    """Called for each message sent; returns None to take it, a BatchResultErrorEntry to refuse it, or an Answer to
    fail the whole call."""
    hidden: dict[str, int] = field(default_factory=dict)
    """Visibility timeouts that were set, by receipt handle."""
    refuse_hiding: Answer | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self, *answers: Answer | Callable[[Request], Answer]) -> None:
        """Give these answers in turn, then score."""
        remaining = list(answers)

        def endpoint(request: Request) -> Answer:
            with self.lock:
                answer = remaining.pop(0) if remaining else scored
            return answer(request) if callable(answer) else answer

        self.endpoint = endpoint

    def results(self) -> dict[str, Any]:
        """Return the results queue's events by id; fails on a duplicate."""
        events = [json.loads(message["MessageBody"]) for message in self.queues.get("results", [])]
        by_id = {event["id"]: event for event in events}
        assert len(by_id) == len(events)
        return by_id

    def dead_letters(self) -> dict[str, dict[str, str]]:
        """Return the attributes of the dead letters, with the body, by source message id; fails on a duplicate."""
        letters = {}
        for message in self.queues.get("dead", []):
            attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            assert attributes["sourceMessageId"] not in letters
            letters[attributes["sourceMessageId"]] = {**attributes, "body": message["MessageBody"]}
        return letters

    def invoke(self, request: Request) -> Answer:
        with self.lock:
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answer = self.endpoint(request)
            time.sleep(answer.delay_seconds)
            return answer
        finally:
            with self.lock:
                self.in_flight -= 1

    def send_message_batch(self, call: dict[str, Any]) -> Answer:
        queue = call["QueueUrl"].rsplit("/", 1)[1]
        successful, failed = [], []
        for entry in call["Entries"]:
            with self.lock:
                refusal = self.refuse(queue, entry)
                if isinstance(refusal, Answer):
                    return refusal
                if refusal:
                    failed.append({"Id": entry["Id"], **refusal})
                else:
                    self.queues.setdefault(queue, []).append(entry)
                    successful.append({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x"})
        return Answer(body=json.dumps({"Successful": successful, "Failed": failed}).encode())

    def change_message_visibility_batch(self, call: dict[str, Any]) -> Answer:
        assert len(call["Entries"]) <= 10
        if self.refuse_hiding:
            return self.refuse_hiding
        for entry in call["Entries"]:
            self.hidden[entry["ReceiptHandle"]] = entry["VisibilityTimeout"]
        return Answer(body=json.dumps({"Successful": [{"Id": entry["Id"]} for entry in call["Entries"]]}).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # an answer leaves in one piece; in two, Nagle's algorithm would hold back the second
    aws: LocalAws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/endpoints/"):
            name, content_type = self.path.split("/")[2], self.headers["Content-Type"]
            answer = self.aws.invoke(Request(name, content_type, self.headers.get("Accept", ""), body))
        else:
            operation = self.headers["X-Amz-Target"].removeprefix("AmazonSQS.")
            operations = {
                "SendMessageBatch": self.aws.send_message_batch,
                "ChangeMessageVisibilityBatch": self.aws.change_message_visibility_batch,
            }
            answer = operations[operation](json.loads(body))
            time.sleep(answer.delay_seconds)
        if answer.drop:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.error:
            self.send_header("x-amzn-ErrorType", answer.error)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, as the tests make it do, is no error here."""


def serve() -> tuple[LocalAws, _Server]:
    """Start a server on a free port; shut it down with the second value."""
    aws = LocalAws()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"aws": aws}))
    aws.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return aws, server
