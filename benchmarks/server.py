"""SageMaker Runtime and SQS on 127.0.0.1, in a process of their own: `python -m benchmarks.server`.

The endpoint takes `fixed + per_record x n` seconds for a request of n records and serves `capacity` requests at once;
others wait their turn. The queue answers at once. It is one asyncio loop without a framework, because the server must
not be measured: it counts its own CPU time and how late its answers leave.
"""

import asyncio
import contextlib
import json
import selectors
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

END_OF_HEAD = b"\r\n\r\n"
CHUNK_OF_ANSWER = {"label": "en", "score": 0.987654}


@dataclass
class State:
    """The endpoint's settings, and its counts since they were set."""

    fixed: float = 0.0
    per_record: float = 0.0
    capacity: int = 1
    requests: int = 0
    records: int = 0
    results: int = 0
    bodies: list[str] = field(default_factory=list)
    """Messages whose results are not counted yet: that takes time, and no answer must wait for it."""
    late: float = 0.0
    """Seconds by which answers left later than they should, altogether."""
    cpu_before: float = field(default_factory=time.process_time)
    busy: int = 0
    waiting: deque[tuple["Connection", int, float]] = field(default_factory=deque)

    def report(self) -> dict[str, float]:
        cpu = time.process_time() - self.cpu_before  # without the time of the counting below
        contents = [json.loads(body) for body in self.bodies]
        self.results += sum(len(content) if isinstance(content, list) else 1 for content in contents)
        self.bodies.clear()
        return {
            "requests": self.requests,
            "records": self.records,
            "results": self.results,
            "late": self.late,
            "cpu": cpu,
        }

    def admit(self, connection: "Connection", records: int, arrived: float) -> None:
        self.requests += 1
        self.records += records
        self.waiting.append((connection, records, arrived))
        self._start(arrived)

    def _start(self, moment: float) -> None:
        """Serve waiting requests, as of the moment that they could be: reading a request is part of its service."""
        loop = asyncio.get_running_loop()
        while self.waiting and self.busy < self.capacity:
            connection, records, arrived = self.waiting.popleft()
            self.busy += 1
            seconds = self.fixed + self.per_record * records
            due = max(moment, arrived) + seconds
            if seconds:
                loop.call_at(due, self._finish, connection, records, due)
            else:
                self._finish(connection, records, loop.time())

    def _finish(self, connection: "Connection", records: int, due: float) -> None:
        self.busy -= 1
        self.late += asyncio.get_running_loop().time() - due
        connection.answer([CHUNK_OF_ANSWER] * records)
        self._start(due)


class Connection(asyncio.Protocol):
    state = State()

    def __init__(self) -> None:
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(END_OF_HEAD)
        if end < 0:
            return
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        start = end + len(END_OF_HEAD)
        size = start + int(headers.get("content-length", 0))
        if len(self._received) >= size:
            body = bytes(self._received[start:size])
            self._received.clear()
            self._serve(first.split(" ")[1], headers, body)

    def _serve(self, path: str, headers: dict[str, str], body: bytes) -> None:
        if path.startswith("/endpoints/"):
            arrived = asyncio.get_running_loop().time()
            inputs = json.loads(body)["inputs"]
            self.state.admit(self, len(inputs) if isinstance(inputs, list) else 1, arrived)
        elif path == "/configure":
            type(self).state = State(**json.loads(body))
            self.answer({})
        elif path == "/report":
            self.answer(self.state.report())
        else:
            self._queue(headers["x-amz-target"].rpartition(".")[2], json.loads(body))

    def _queue(self, operation: str, call: dict[str, Any]) -> None:
        if operation == "SendMessage":
            self.state.bodies.append(call["MessageBody"])
            self.answer({"MessageId": "m"})
        else:
            entries = call["Entries"]
            self.state.bodies += [entry["MessageBody"] for entry in entries]
            self.answer({"Successful": [{"Id": entry["Id"], "MessageId": "m"} for entry in entries]})

    def answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        assert self._transport
        self._transport.write(head.encode() + body)


class LocalServer:
    """The server as its users see it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def configure(self, *, fixed: float = 0.0, per_record: float = 0.0, capacity: int = 64) -> None:
        """Set the endpoint's behaviour, in seconds, and begin to count anew."""
        self._call("configure", {"fixed": fixed, "per_record": per_record, "capacity": capacity})

    def report(self) -> dict[str, float]:
        return self._call("report", {})

    def _call(self, path: str, content: object) -> dict[str, float]:
        with urllib.request.urlopen(f"{self.url}/{path}", json.dumps(content).encode()) as answer:
            report: dict[str, float] = json.load(answer)
        return report


@contextlib.contextmanager
def serve() -> Iterator[LocalServer]:
    """Run the server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield LocalServer(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.terminate()


async def _main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    # select() waits to the microsecond, epoll to the millisecond
    asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())).run(_main())
