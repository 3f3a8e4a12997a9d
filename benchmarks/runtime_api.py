"""Lambda's Runtime API on 127.0.0.1: gives each process that asks one event, and notes when its response arrives."""

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler

from benchmarks.measure import BenchmarkError
from benchmarks.worker import REMAINING_MS, event
from local.loopback import LoopbackServer


class RuntimeApi(LoopbackServer):
    """Serves on a free port; a context manager."""

    def __init__(self) -> None:
        super().__init__(_RequestHandler)
        self.address = f"127.0.0.1:{self.server_port}"
        self.answers: queue.Queue[tuple[float, str, bytes]] = queue.Queue()

    def first_response(self, timeout: float) -> float:
        """Return the moment it arrived. Raises BenchmarkError if it was an error, or did not come in time."""
        try:
            moment, path, body = self.answers.get(timeout=timeout)
        except queue.Empty:
            raise BenchmarkError(f"no response in {timeout} s") from None
        if not path.endswith("/response") or json.loads(body) != {"batchItemFailures": []}:
            raise BenchmarkError(f"{path}: {body.decode()}")
        return moment


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RuntimeApi
    served = False
    """True once this connection has had its event; a runtime keeps one connection."""

    def do_GET(self) -> None:
        if self.served:
            threading.Event().wait()  # until the process is ended
        self.served = True
        content = json.dumps(event(1, 1024)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + REMAINING_MS))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:f")
        self._end(content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answers.put((time.perf_counter(), self.path, body))
        self.send_response(202)
        self._end(b"{}")

    def _end(self, content: bytes) -> None:
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""
