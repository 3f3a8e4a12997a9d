"""InvokeEndpoint in front of a container, and servers that start and end."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from contract.front import ENDPOINT, Container, Front
from contract.process import NotReadyError, Probe, free_port, running


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = int(body) if body.isdigit() else 200
        answer = json.dumps([self.path, self.headers["Content-Type"], self.headers["Accept"], body.decode()]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-container")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


@contextmanager
def container() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    with Front() as served, container() as port:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        served.container = Container(port, "/v2/infer")
        yield served


def invoke(body: bytes, name: str = ENDPOINT) -> tuple[str, str]:
    client = boto3.client("sagemaker-runtime")
    answer = client.invoke_endpoint(EndpointName=name, ContentType="text/csv", Accept="text/plain", Body=body)
    return answer["ContentType"], answer["Body"].read().decode()


def test_a_request_reaches_the_containers_own_path_with_its_types(front: Front) -> None:
    kind, answer = invoke(b"a,b")
    assert (kind, json.loads(answer)) == ("application/x-container", ["/v2/infer", "text/csv", "text/plain", "a,b"])
    assert front.requests == 1


@pytest.mark.parametrize("status", [302, 400, 500])
def test_an_error_of_the_container_is_a_model_error(front: Front, status: int) -> None:
    with pytest.raises(ClientError) as raised:
        invoke(str(status).encode())
    response: Any = raised.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (response["OriginalStatusCode"], json.loads(response["OriginalMessage"])[3]) == (status, str(status))


def test_no_answer_has_no_status(front: Front) -> None:
    front.container = Container(free_port())
    with pytest.raises(ClientError) as raised:
        invoke(b"a")
    response: Any = raised.value.response
    assert response["OriginalStatusCode"] == 0


def test_another_endpoint_is_not_found(front: Front) -> None:
    with pytest.raises(ClientError, match="Endpoint other of account 123456789012 not found"):
        invoke(b"a", "other")


def test_sqs_takes_ten_entries_and_keeps_them(front: Front) -> None:
    client = boto3.client("sqs")
    entries: list[Any] = [{"Id": str(number), "MessageBody": "x"} for number in range(11)]
    client.send_message_batch(QueueUrl=front.queue_url("dead"), Entries=entries[:10])
    assert [entry["Id"] for entry in front.taken("dead")] == [str(number) for number in range(10)]
    assert front.taken("dead") == []
    with pytest.raises(ClientError, match="11 entries"):
        client.send_message_batch(QueueUrl=front.queue_url("dead"), Entries=entries)


SERVER = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("ids", "w").write(f"{os.getpid()} {child.pid}")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux which processes run")
def test_a_server_ends_with_its_children(tmp_path: Path) -> None:
    port = free_port()
    with running([sys.executable, "-c", SERVER, str(port)], {"A": "b"}, tmp_path, Probe(port, "/ids", 30)):
        ids = [int(text) for text in (tmp_path / "ids").read_text().split()]
        assert all(map(is_running, ids))
    deadline = time.monotonic() + 5
    while any(map(is_running, ids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, ids))
    assert os.getpid() not in ids


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such model'); raise SystemExit(3)"]
    with (
        pytest.raises(NotReadyError, match=r"ended with 3; the last lines of its log:\nno such model"),
        running(command, {}, tmp_path, Probe(free_port(), "/", 30)),
    ):
        pass


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        pytest.raises(NotReadyError, match="was not ready within 0 s"),
        running(command, {}, tmp_path, Probe(free_port(), "/", 0)),
    ):
        pass


def test_a_probe_takes_only_200(front: Front) -> None:
    assert not Probe(front.container.port, "/", 1).answers()
