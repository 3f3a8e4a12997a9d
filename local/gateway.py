"""MiniStack in a process of its own, serving TLS on a socket that is open already, until its parent goes away.

MiniStack's own command would choose its port itself and, where it may, also take port 443.

Arguments: number of the listening socket, certificate file, key file. Standard input is a pipe from the parent: it
closes even if the parent is killed. Each line of it is a number, and has one of the functions' processes killed.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import lambda_runtime

from local.cleanup import remove_folder
from local.emulator_log import KILLED
from local.ministack_defects import mend_all

KILL_ATTEMPTS = 100
KILL_PAUSE_SECONDS = 0.005


def main() -> None:
    socket_number, certificate, key = sys.argv[1:]
    mend_all()
    threading.Thread(target=_obey_parent, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{socket_number}"]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = 600
    # After 1,000 requests Hypercorn ends an HTTP/2 connection, and never answers what is under way on it. AWS's own
    # endpoints of these services speak HTTP/1.1.
    config.alpn_protocols = ["http/1.1"]
    asyncio.run(serve(cast("Any", app), config))


def _obey_parent() -> None:
    """Kill processes on demand; when the parent closes the pipe, end this process and the functions that it runs."""
    for line in sys.stdin:
        _kill_function(int(line))
    remove_folder(Path(tempfile.gettempdir()))  # belongs to this run, see local/emulator.py
    os.killpg(0, signal.SIGKILL)


def _kill_function(choice: int) -> None:
    """Kill one of the functions' processes that have an invocation, as a sandbox may die; wait a moment for one."""
    for _ in range(KILL_ATTEMPTS):
        if busy := _busy_processes():
            process = busy[choice % len(busy)]
            process.kill()
            print(f"{KILLED}{process.pid}", file=sys.stderr, flush=True)
            return
        time.sleep(KILL_PAUSE_SECONDS)


def _busy_processes() -> "list[subprocess.Popen[str]]":
    # MiniStack has no public access to them. A worker has no process until its first invocation.
    with lambda_runtime._lock:  # noqa: SLF001
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]  # noqa: SLF001
        return [process for worker in workers if worker.in_use and (process := worker._proc)]  # noqa: SLF001


if __name__ == "__main__":
    main()
