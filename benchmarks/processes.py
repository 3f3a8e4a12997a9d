"""Processes run to their end, with their time and memory."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.measure import PROJECT, BenchmarkError, Values

MEMORY_SAMPLE_SECONDS = 0.05


def run_process(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, folder: Path = PROJECT
) -> Values:
    """Run to the end; return seconds, CPU seconds and peak memory of the process and of those it started.

    Raises BenchmarkError if it fails.
    """
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        memory = _Memory(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            tail = output.read()[-2000:].decode(errors="replace")
            raise BenchmarkError(f"{' '.join(map(str, command))} failed:\n{tail}")
    return {"wall": seconds, "cpu": usage.ru_utime + usage.ru_stime, "memory": memory.peak_mib()}


class _Memory:
    """Samples the resident memory of a process and of those it started, as they come and go."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def peak_mib(self) -> float:
        self._ended.set()
        self._thread.join()
        return self._peak / 2**20

    def _watch(self) -> None:
        while not self._ended.wait(MEMORY_SAMPLE_SECONDS):
            try:
                root = psutil.Process(self._pid)
                family = [root, *root.children(recursive=True)]
                self._peak = max(self._peak, sum(process.memory_info().rss for process in family))
            except psutil.Error:
                continue
