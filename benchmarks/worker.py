"""A warm function in a process of its own: `python -m benchmarks.worker MODULE`, one event a line on its input."""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from benchmarks.measure import PROJECT, BenchmarkError, Values
from benchmarks.server import LocalServer
from handler.settings import HandlerSettings

OURS = "handler.index"
REMAINING_MS = 600_000


class Context:
    """The parts of Lambda's context that the candidates use."""

    function_name = "benchmark"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:benchmark"

    def get_remaining_time_in_millis(self) -> int:
        return REMAINING_MS


@cache
def event(records: int, record_bytes: int) -> dict[str, Any]:
    """Return an event of the event source mapping: bodies of so many bytes, for the Hugging Face container."""
    frame = len('{"inputs": ""}')
    return {
        "Records": [
            {
                "messageId": f"{number:036}",
                "receiptHandle": f"r{number}",
                "body": json.dumps({"inputs": f"{number:08}".ljust(record_bytes - frame, "x")}),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:work",
                "awsRegion": "eu-central-1",
            }
            for number in range(records)
        ]
    }


def environment(server: LocalServer, **settings: Any) -> dict[str, str]:
    """Return a function's environment, with these settings of the handler."""
    handler_settings = HandlerSettings(
        endpoint_name="benchmark",
        result_target=f"{server.url}/123456789012/results",
        dead_letter_queue_url=f"{server.url}/123456789012/dead",
        queue_url=f"{server.url}/123456789012/work",
        **settings,
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return {
        **kept,
        "AWS_LAMBDA_FUNCTION_NAME": Context.function_name,
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **handler_settings.to_environment(),
    }


class Worker:
    """A function that stays warm from one event to the next."""

    def __init__(self, process: "subprocess.Popen[str]", server: LocalServer) -> None:
        self._process = process
        self._server = server

    def invoke(self, records: int, *, record_bytes: int = 1024, times: int = 1) -> Values:
        """Return milliseconds and CPU milliseconds of an invocation with so many records, the mean of several.

        Raises BenchmarkError unless each record's result reached the queue.
        """
        before = self._server.report()["results"]
        values = self.invoke_unchecked(records, record_bytes=record_bytes, times=times)
        sent = self._server.report()["results"] - before
        if sent != records * times:
            raise BenchmarkError(f"{sent:g} of {records * times} results came from {self._process.args!r}")
        return values

    def invoke_unchecked(self, records: int, *, record_bytes: int = 1024, times: int = 1) -> Values:
        """Return what `invoke` does, beside other functions, whose results the queue can't tell apart.

        Raises BenchmarkError if the function ended.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([records, record_bytes, times]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"no answer came from {self._process.args!r}")
        values: dict[str, float] = json.loads(line)
        return values


@contextlib.contextmanager
def function(module: str, server: LocalServer, **settings: Any) -> Iterator[Worker]:
    """Start a function; end it at the end."""
    command = [sys.executable, "-m", "benchmarks.worker", module]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment(server, **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Worker(process, server)
        finally:
            process.terminate()


def _measure(handler: Any, records: int, record_bytes: int, times: int) -> Mapping[str, float]:
    batch, context = event(records, record_bytes), Context()
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        response = handler(batch, context)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if response["batchItemFailures"]:
        raise BenchmarkError(f"{len(response['batchItemFailures'])} records failed")
    return {"wall": 1000 * seconds / times, "cpu": 1000 * cpu / times}


def _main(module: str) -> None:
    answers = sys.stdout
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - a function's output goes to its log
    handler = importlib.import_module(module).handler
    for line in sys.stdin:
        print(json.dumps(_measure(handler, *json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
