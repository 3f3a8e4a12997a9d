"""Starts and ends model servers: each in a process group of its own, with bounded waits."""

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PORTS = 20_000, 32_000
PROBE_SECONDS = 0.3
END_SECONDS = 10


class NotReadyError(RuntimeError):
    """A server that ended, or was not ready in time; with the last lines of its log."""


def free_port() -> int:
    """Return a port that nothing listens on, below those that the system gives to clients.

    multi-model-server takes no port over 32767.
    """
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Probe:
    """A path that a server answers with 200 as soon as it is ready."""

    port: int
    path: str
    seconds: float
    """Longest wait for that."""

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], folder: Path, probe: Probe) -> Iterator[None]:
    """Run a server until the block ends. Raises NotReadyError if its probe does not answer in time."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, probe, log)
        yield
    finally:
        _end(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", probe: Probe, log: Path) -> None:
    end = time.monotonic() + probe.seconds
    while not probe.answers():
        ended = process.poll() is not None
        if ended or time.monotonic() > end:
            state = f"ended with {process.returncode}" if ended else f"was not ready within {probe.seconds:.0f} s"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise NotReadyError(f"the server {state}; the last lines of its log:\n{tail}")
        time.sleep(PROBE_SECONDS)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the whole process group: politely at first, and by force what is left after that."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    _signal(process, signal.SIGKILL)
    process.wait(END_SECONDS)


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
