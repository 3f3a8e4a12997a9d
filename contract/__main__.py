"""`make contract`: install the servers, run every pair, print what came out, and renew recordings and page."""

import argparse
import contextlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from contract import recordings, report
from contract.cases import CASES, Case
from contract.front import Container, Front
from contract.install import ROOT, InstallError, install, python_of, version
from contract.process import NotReadyError, Probe, free_port, running
from contract.run import Outcome, Runner
from contract.servers import SERVERS, Server

FOLDER = ROOT / ".build" / "contract"


def main(arguments: Sequence[str]) -> int:
    """Return 1 if a pair is not as it must be, or a server could not be had; else 0."""
    options = _options(arguments)
    chosen = [server for server in SERVERS if not options.servers or server.name in options.servers]
    print(_introduction(chosen), flush=True)
    logging.getLogger("handler").setLevel(logging.CRITICAL)
    with Front() as front, _environment(front):
        failures = sum(_serve_all(server, front, options.only) for server in chosen)
    report.write_page()
    print("Recordings are in tests/contract/recorded, the table is in docs/containers.md.")
    print(
        f"{failures} pairs or servers are not as they must be."
        if failures
        else "Every pair is as it must be, but for known gaps."
    )
    return 1 if failures else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make contract ARGS=…", description=__doc__)
    names = [server.name for server in SERVERS]
    parser.add_argument(
        "servers", nargs="*", metavar="SERVER", help=f"servers to run, by default all: {', '.join(names)}"
    )
    parser.add_argument("--only", default="", help="run only pairs whose name contains this text")
    options = parser.parse_args(arguments)
    if unknown := set(options.servers) - set(names):
        parser.error(f"no such server: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


def _introduction(servers: Sequence[Server]) -> str:
    download, disk = (sum(getattr(server, size) for server in servers) for size in ("download_mib", "disk_mib"))
    return (
        f"Real model servers on 127.0.0.1, each in an environment below .tools/contract: {len(servers)} of them,\n"
        f"about {download:,} MiB to download from PyPI and {disk:,} MiB on disk in all, once. Where there is torch,\n"
        "its CPU build is counted; PyPI's own for Linux brings CUDA, some GiB more: see docs/containers.md."
    )


@contextlib.contextmanager
def _environment(front: Front) -> Iterator[None]:
    """Lead boto3 to the front, and to nothing else, for the duration of the block."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(front.environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve_all(server: Server, front: Front, only: str) -> int:
    """Run the pairs of one server, model by model; return the number that are not as they must be."""
    cases = [case for case in CASES if case.server == server.name and only in case.name]
    print(f"\n{server.title}", flush=True)
    try:
        install(server)
        installed = version(server)
    except InstallError as error:
        print(f"  NOT installed: {error}", flush=True)
        return 1
    print(f"  {server.package} {installed}", flush=True)
    models = groupby(sorted(cases, key=lambda case: case.model), key=lambda case: case.model)
    return sum(_serve(server, model, list(group), front, installed) for model, group in models)


def _serve(server: Server, model: str, cases: Sequence[Case], front: Front, installed: str) -> int:
    """Start the server with one model, run its pairs, and end it."""
    port, folder, started = free_port(), FOLDER / server.name / model, time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    python = python_of(server)
    command = [str(python), str(ROOT / "contract" / "apps" / f"serve_{server.name}.py"), model, str(port)]
    environment = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    try:
        with running(command, environment, folder, Probe(port, server.probe, server.ready_seconds)):
            print(f"  {model}: ready after {time.monotonic() - started:.0f} s", flush=True)
            return sum(not _run(case, front, port, installed) for case in cases)
    except NotReadyError as error:
        print(f"  NOT {model}: {error}", flush=True)
        return 1


def _run(case: Case, front: Front, port: int, installed: str) -> bool:
    """Run one pair and print what came out; return whether it is as it must be."""
    front.container = Container(port, case.path)
    runner, started = Runner(front), time.monotonic()
    with contextlib.redirect_stdout(None):  # the handler prints its metrics
        outcome: Outcome = runner.run(case)
    print("\n".join(report.lines(outcome)), f"      {time.monotonic() - started:.0f} s", sep="\n", flush=True)
    recordings.write(outcome, front, runner, installed)
    return outcome.is_met


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
