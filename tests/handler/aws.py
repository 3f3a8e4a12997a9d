"""SageMaker Runtime, SQS, SNS, EventBridge, S3 and DynamoDB on 127.0.0.1, for boto3; tests script their answers."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Request:
    """One request as it reached the endpoint."""

    endpoint: str
    content_type: str
    accept: str
    body: bytes
    asynchronous: bool = False
    sagemaker_headers: Mapping[str, str] = field(default_factory=dict)
    """Values of the X-Amzn-SageMaker-… headers, by the rest of the name in lower case."""

    @property
    def inputs(self) -> list[Any]:
        """The records' values: a list, or, of a request for one record, the bare value."""
        inputs: Any = json.loads(self.body)["inputs"]
        return inputs if isinstance(inputs, list) else [inputs]


@dataclass(frozen=True)
class Answer:
    """The server's answer to a call. `drop` closes the connection without one."""

    status: int = 200
    body: bytes = b""
    error: str = ""
    delay_seconds: float = 0.0
    drop: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    interim: int = 0
    """Status of an answer that is sent before the final one, which follows after `interim_seconds`."""
    interim_seconds: float = 0.0
    endless: bool = False
    """Whether the body is repeated until the client goes away."""


def scored(request: Request) -> Answer:
    """Answer as a Hugging Face container: one result per input."""
    return Answer(body=json.dumps([{"label": str(text)[:20]} for text in request.inputs]).encode())


def fails_on(text: str, answer: Answer) -> Callable[[Request], Answer]:
    """Return an endpoint that gives this answer to requests with this input, and scores every other one."""
    return lambda request: answer if text in request.inputs else scored(request)


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
    """The server's state. Replace `endpoint`, `refuse`, `refuse_object` and `dynamodb` to script it."""

    url: str = ""
    endpoint: Callable[[Request], Answer] = scored
    requests: list[Request] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    queues: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Entries that were accepted, by the name of the queue, topic or bus."""
    batches: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    """Every call that sent entries, accepted or not, with the name of the queue, topic or bus."""
    refuse: Callable[[str, dict[str, Any]], dict[str, Any] | Answer | None] = lambda queue, entry: None
    """Called for each message sent; returns None to accept it, a BatchResultErrorEntry to refuse it, or an Answer to
    fail the whole call."""
    hidden: dict[str, int] = field(default_factory=dict)
    """Visibility timeouts that were set, by receipt handle."""
    refuse_hiding: Answer | None = None
    objects: dict[str, bytes] = field(default_factory=dict)
    """S3's objects by "bucket/key"."""
    content_types: dict[str, str] = field(default_factory=dict)
    """Content types of the objects, by "bucket/key"."""
    encodings: dict[str, str] = field(default_factory=dict)
    """Content encodings of the objects that have one, by "bucket/key"."""
    owners: dict[str, str] = field(default_factory=dict)
    """Accounts that own the buckets that are not the function's account's."""
    refuse_object: Callable[[str, str], Answer | None] = lambda method, name: None
    """Called with "PUT", "GET" or "HEAD" and "bucket/key"; returns None to go on, or an Answer to fail the call."""
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    """For a `dynamodb` hook to keep its items in."""
    dynamodb: Callable[[str, dict[str, Any]], dict[str, Any] | Answer] = lambda operation, call: {}
    """Called with the operation ("PutItem", …) and its call; returns the response, or an Answer to fail the call."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self, *answers: Answer | Callable[[Request], Answer]) -> None:
        """Give these answers in turn; after the last one, score."""
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
        dead_letters = {}
        for message in self.queues.get("dead", []):
            attributes = {
                name: value.get("StringValue") or value["BinaryValue"]
                for name, value in message["MessageAttributes"].items()
            }
            assert attributes["sourceMessageId"] not in dead_letters
            dead_letters[attributes["sourceMessageId"]] = {**attributes, "body": message["MessageBody"]}
        return dead_letters

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
        refusals = self._take(call["QueueUrl"].rsplit("/", 1)[1], call["Entries"])
        if isinstance(refusals, Answer):
            return refusals
        ids = [entry["Id"] for entry in call["Entries"]]
        answers = list(zip(ids, refusals, strict=True))
        taken = [{"Id": id_, "MessageId": "m", "MD5OfMessageBody": "x"} for id_, refusal in answers if not refusal]
        failed = [{"Id": id_, **refusal} for id_, refusal in answers if refusal]
        return Answer(body=json.dumps({"Successful": taken, "Failed": failed}).encode())

    def put_events(self, call: dict[str, Any]) -> Answer:
        (bus,) = {entry["EventBusName"] for entry in call["Entries"]}
        refusals = self._take(bus, call["Entries"])
        if isinstance(refusals, Answer):
            return refusals
        entries = [
            {"ErrorCode": refusal["Code"], "ErrorMessage": refusal.get("Message", "")} if refusal else {"EventId": "e"}
            for refusal in refusals
        ]
        failures = sum(map(bool, refusals))
        return Answer(body=json.dumps({"FailedEntryCount": failures, "Entries": entries}).encode())

    def publish_batch(self, call: dict[str, Any]) -> Answer:
        entries = [_sns_entry(entry) for entry in call["PublishBatchRequestEntries"]]
        refusals = self._take(call["TopicArn"].rsplit(":", 1)[1], entries)
        if isinstance(refusals, Answer):
            return refusals
        answers = list(zip(entries, refusals, strict=True))
        successful = "".join(
            f"<member><Id>{entry['Id']}</Id><MessageId>m</MessageId></member>"
            for entry, refusal in answers
            if not refusal
        )
        failed = "".join(
            f"<member><Id>{entry['Id']}</Id><Code>{refusal['Code']}</Code>"
            f"<Message>{escape(refusal.get('Message', ''))}</Message><SenderFault>false</SenderFault></member>"
            for entry, refusal in answers
            if refusal
        )
        result = f"<Successful>{successful}</Successful><Failed>{failed}</Failed>"
        xml = f"<PublishBatchResponse><PublishBatchResult>{result}</PublishBatchResult></PublishBatchResponse>"
        return Answer(body=xml.encode())

    def _take(self, queue: str, entries: list[dict[str, Any]]) -> list[dict[str, Any] | None] | Answer:
        """Return for each entry None or why it was refused, or the Answer that fails the whole call."""
        assert 1 <= len(entries) <= 10
        refusals: list[dict[str, Any] | None] = []
        with self.lock:
            self.batches.append((queue, entries))
            for entry in entries:
                refusal = self.refuse(queue, entry)
                if isinstance(refusal, Answer):
                    return refusal
                if not refusal:
                    self.queues.setdefault(queue, []).append(entry)
                refusals.append(refusal)
        return refusals

    def serve_object(self, method: str, name: str, body: bytes, content_type: str, expected_owner: str) -> Answer:
        with self.lock:
            refusal = self.refuse_object(method, name)
            if refusal:
                return refusal
            if method == "PUT":
                self.objects[name], self.content_types[name] = body, content_type
                return Answer()
            if expected_owner and expected_owner != self.owners.get(name.partition("/")[0], ACCOUNT):
                return service_error(403, "AccessDenied", "Access Denied")
            if name in self.objects:
                content_type = self.content_types.get(name, "binary/octet-stream")
                headers = {"Content-Type": content_type, "Content-Encoding": self.encodings.get(name, "")}
                return Answer(body=self.objects[name], headers=headers)
            return service_error(404, "NoSuchKey", "The specified key does not exist.")

    def serve_dynamodb(self, operation: str, call: dict[str, Any]) -> Answer:
        with self.lock:
            response = self.dynamodb(operation, call)
        return response if isinstance(response, Answer) else Answer(body=json.dumps(response).encode())

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
            self._answer(self.aws.invoke(self._request(body)))
        elif "X-Amz-Target" in self.headers:
            service, operation = self.headers["X-Amz-Target"].split(".")
            answer = self._serve_json(service, operation, json.loads(body))
            time.sleep(answer.delay_seconds)
            self._answer(answer)
        else:
            answer = self.aws.publish_batch(_query(body))
            time.sleep(answer.delay_seconds)
            self._answer(_in_xml(answer, "<ErrorResponse>{}</ErrorResponse>"))

    def _request(self, body: bytes) -> Request:
        _, _, name, operation = self.path.split("/")
        marker = "x-amzn-sagemaker-"
        named = {key.lower(): value for key, value in self.headers.items()}
        return Request(
            name,
            named.get("content-type") or named[marker + "content-type"],
            named.get("accept") or named.get(marker + "accept", ""),
            body,
            operation == "async-invocations",
            {key.removeprefix(marker): value for key, value in named.items() if key.startswith(marker)},
        )

    def do_PUT(self) -> None:
        self._serve_object()

    def do_GET(self) -> None:
        self._serve_object()

    def do_HEAD(self) -> None:
        self._serve_object()

    def handle_expect_100(self) -> bool:
        """Flush the answer: botocore waits for it before it sends an object."""
        ready = super().handle_expect_100()
        self.wfile.flush()
        return ready

    def _serve_json(self, service: str, operation: str, call: dict[str, Any]) -> Answer:
        if service == "DynamoDB_20120810":
            return self.aws.serve_dynamodb(operation, call)
        operations = {
            "SendMessageBatch": self.aws.send_message_batch,
            "ChangeMessageVisibilityBatch": self.aws.change_message_visibility_batch,
            "PutEvents": self.aws.put_events,
        }
        return operations[operation](call)

    def _serve_object(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = unquote(urlsplit(self.path).path).removeprefix("/")
        content_type, owner = (self.headers.get(key, "") for key in ("Content-Type", "x-amz-expected-bucket-owner"))
        answer = self.aws.serve_object(self.command, name, body, content_type, owner)
        time.sleep(answer.delay_seconds)
        self._answer(_in_xml(answer, "{}"))

    def _answer(self, answer: Answer) -> None:
        if answer.drop:
            self.close_connection = True
            self.connection.close()
            return
        if answer.interim:
            self.wfile.write(f"HTTP/1.1 {answer.interim} Interim\r\n\r\n".encode())
            self.wfile.flush()
            time.sleep(answer.interim_seconds)
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(answer.body)), **answer.headers}
        if answer.endless:
            del headers["Content-Length"]
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if answer.error:
            self.send_header("x-amzn-ErrorType", answer.error)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else answer.body)
        self.wfile.flush()
        for _ in range(1_000_000 if answer.endless else 0):
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


def _query(body: bytes) -> dict[str, Any]:
    """Return a call of the query protocol: `A.member.1.B=c` becomes {"A": [{"B": "c"}]}, maps a list of Name, Value."""
    call: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        parts, place = re.sub(r"\.(member|entry)\.", ".", name).split("."), call
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return {name: list(value.values()) if isinstance(value, dict) else value for name, value in call.items()}


def _sns_entry(entry: dict[str, Any]) -> dict[str, Any]:
    attributes = entry.get("MessageAttributes", {}).values()
    named = {attribute["Name"]: attribute["Value"] for attribute in attributes}
    return {**entry, "MessageAttributes": named} if named else entry


def _in_xml(answer: Answer, envelope: str) -> Answer:
    """Return an error in the XML of the query and S3 protocols."""
    if not answer.error:
        return answer
    message = escape(json.loads(answer.body).get("message") or "")
    error = f"<Error><Code>{answer.error}</Code><Message>{message}</Message></Error>"
    return replace(answer, body=envelope.format(error).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore that a client closed its connection, as some tests make it do."""


def serve() -> tuple[LocalAws, _Server]:
    """Start a server on a free port; shut it down with the second value."""
    aws = LocalAws()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"aws": aws}))
    aws.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return aws, server
