"""Times texts through the real handler and the Hugging Face toolkit, for `make bench ARGS=batched-inside`.

A line on standard input names texts and settings, as JSON: {"texts": "even", "settings": {"batch_inside": true}}. The
answer is a line too: {"seconds": …, "cpu": …, "requests": …}, where the CPU seconds are the server's. The server starts
first, and ends with the input.
"""

import contextlib
import json
import logging
import os
import random
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.front import ENDPOINT, Container, Front
from contract.install import ROOT, install, python_of
from contract.process import Probe, free_port, running
from contract.run import Context, event_of
from contract.servers import SERVERS
from handler.batch import BatchInference
from handler.settings import HandlerSettings

MODEL = "words"
FOLDER = ROOT / ".build" / "contract" / "batched-inside"
RECORDS = 96
TEXTS: Mapping[str, tuple[int, int]] = {"even": (12, 12), "mixed": (5, 60), "uneven": (5, 400)}
"""Fewest and most words of a text."""


def main() -> None:
    server = next(server for server in SERVERS if server.name == "huggingface")
    with contextlib.redirect_stdout(sys.stderr):
        install(server)
    python, port = python_of(server), free_port()
    shutil.rmtree(FOLDER, ignore_errors=True)
    command = [str(python), str(ROOT / "contract" / "apps" / "serve_huggingface.py"), MODEL, str(port)]
    environment = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    with Front() as front, running(command, environment, FOLDER, Probe(port, server.probe, server.ready_seconds)):
        os.environ.update(front.environment)
        front.container = Container(port)
        logging.getLogger("handler").setLevel(logging.CRITICAL)
        print("ready", flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            print(json.dumps(measured(front, bodies(*TEXTS[asked["texts"]]), asked["settings"])), flush=True)


def bodies(fewest: int, most: int) -> list[str]:
    """Return records of as many words each, drawn by a seed: each candidate gets the same ones."""
    chance = random.Random(7)
    lengths = [chance.randint(fewest, most) for _ in range(RECORDS)]
    return [
        json.dumps({"inputs": " ".join(f"w{chance.randrange(1000, 2000)}" for _ in range(length))})
        for length in lengths
    ]


def measured(front: Front, records: Sequence[str], settings: Mapping[str, Any]) -> dict[str, float]:
    """Score the records in one invocation; return its seconds and its requests. Raises RuntimeError if one is lost."""
    inference = BatchInference(
        HandlerSettings(
            endpoint_name=ENDPOINT,
            result_target=front.queue_url("results"),
            dead_letter_queue_url=front.queue_url("dead"),
            queue_url=front.queue_url("work"),
            requests_in_flight=2,
            **settings,
        )
    )
    event, before, cpu = event_of(dict(enumerate(records)), 1), front.requests, server_cpu_seconds()
    with contextlib.redirect_stdout(None):
        started = time.perf_counter()
        inference.process(event, Context())
        seconds = time.perf_counter() - started
    cpu = server_cpu_seconds() - cpu
    scored = len(front.taken("results"))
    if scored != len(records):
        raise RuntimeError(f"{scored} of {len(records)} records were scored")
    return {"seconds": seconds, "cpu": cpu, "requests": front.requests - before}


def server_cpu_seconds() -> float:
    """Return the CPU time of all processes of the server so far: those of the session that it began. On Linux."""
    stats = [fields for file in Path("/proc").glob("[0-9]*/stat") if (fields := _stat(file))]
    (session,) = {fields[3] for fields in stats if int(fields[1]) == os.getpid() and fields[3] != str(os.getsid(0))}
    ticks = sum(int(fields[11]) + int(fields[12]) for fields in stats if fields[3] == session)
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(file: Path) -> list[str]:
    """Return the fields behind a process's name, from its state on (proc_pid_stat(5)); none if it is gone."""
    try:
        return file.read_text().rpartition(")")[2].split()
    except OSError:
        return []


if __name__ == "__main__":
    main()
