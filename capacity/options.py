"""The options of the command, with what each may be."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from capacity.profile import ROUND_TRIP_SECONDS
from capacity.service_time import FORMS, TOKENS_PER_SECOND, ServiceTime, duration, parse_service_time
from capacity.simulation.arrivals import FORMS as FORMS_OF_RATES
from capacity.simulation.arrivals import Arrivals, parse_arrivals
from capacity.simulation.scaling import START_SECONDS
from capacity.work import ACCOUNT_CONCURRENCY, Circumstances
from local.command import whole_number
from local.emulator import PROJECT
from local.errors import UsageError

DEFAULT_MODEL = "20ms+0.5ms"
MAX_RECORD_BYTES = 1024 * 1024
"""SQS: MaximumMessageSize."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The question: stacks, load and circumstances."""

    app: str
    stack: str | None
    pipeline: str | None
    template: Path | None
    synthesized: Path | None
    """The folder that the stacks are in already."""
    arrivals: Arrivals
    model: ServiceTime | None
    """None: by the pipeline, 20 ms + 0.5 ms a record, or what a chat's longest answer takes."""
    circumstances: Circumstances
    round_trip: float
    start: float
    """Seconds until a new instance serves."""
    formulas: bool
    prices: Path | None
    json: bool
    brief: bool
    report: Path
    command: str
    """The line for a shell that asks the same again."""


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options of the command line. Raises UsageError."""
    values = vars(_parser().parse_args(arguments))
    hours, burst = _number(values.pop("hours"), "--hours"), _number(values.pop("burst"), "--burst")
    values["arrivals"] = parse_arrivals(values.pop("rate"), hours, burst)
    values["model"] = parse_service_time(values["model"]) if values["model"] is not None else None
    values["round_trip"] = duration(values["round_trip"], "--round-trip")
    values["start"] = duration(values["start"], "--start")
    if values["record_bytes"] > MAX_RECORD_BYTES:
        raise UsageError(f"--record-bytes {values['record_bytes']}: SQS takes messages of {MAX_RECORD_BYTES:,} bytes")
    names = ("record_bytes", "account_concurrency", "groups")
    values["circumstances"] = Circumstances(**{name: values.pop(name) for name in names})
    words = sys.argv[1:] if arguments is None else arguments
    values["command"] = shlex.join(["python", "-m", "capacity", *words])
    return Options(**values)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="make capacity",
        usage='make capacity APP=MODULE STACK=NAME ARGS="[option] …"',
        description="Say what a synthesized stack carries and what it costs, before it is deployed.",
    )
    add = parser.add_argument
    app = os.environ.get("APP", "main")
    add("--app", metavar="MODULE", default=app, help="the module that defines the stacks (%(default)s)")
    add("--stack", metavar="NAME", help="one of its stacks (all)")
    add("--pipeline", metavar="NAME", help="one of the stack's pipelines (all)")
    add("--template", type=Path, metavar="FILE", help="a cdk.tf.json to read instead of synthesizing the stacks")
    add("--rate", default="100", metavar="RATE", help=f"{FORMS_OF_RATES} (%(default)s)")
    add("--burst", default="0", metavar="N", help="messages that come at once at the beginning (%(default)s)")
    add("--hours", default="24", metavar="H", help="how long is simulated, from a Monday 00:00 UTC on (%(default)s)")
    add("--model", metavar="TIME",
        help=f"the model's time: {FORMS} ({DEFAULT_MODEL}; a chat's max_tokens at {TOKENS_PER_SECOND}/s)")  # fmt: skip
    add("--record-bytes", type=whole_number(1), default=1024, metavar="N", help="size of a message (%(default)s)")
    add("--groups", type=whole_number(1), metavar="N", help="FIFO: message groups active at once (any number)")
    add("--account-concurrency", type=whole_number(1), default=ACCOUNT_CONCURRENCY, metavar="N",
        help="invocations that the account's quota leaves to the function (%(default)s)")  # fmt: skip
    add("--round-trip", default=f"{1000 * ROUND_TRIP_SECONDS:g}ms", metavar="TIME",
        help="latency of a call from the function to an AWS service (%(default)s, assumed)")  # fmt: skip
    add("--start", default=f"{START_SECONDS:g}s", metavar="TIME",
        help="until a new instance serves (%(default)s, assumed)")  # fmt: skip
    add("--formulas", action="store_true", help="the closed form alone: no simulation, and no page")
    add("--prices", type=Path, metavar="FILE", help="prices that come before those of capacity/prices.toml")
    add("--json", action="store_true", help="the numbers as JSON")
    add("--brief", action="store_true", help="one line a pipeline")
    add("--synthesized", type=Path, metavar="DIR", help="a folder that the app was synthesized into just now")
    default_report = PROJECT / ".build" / "capacity"
    add("--report", type=Path, default=default_report, metavar="DIR", help="folder of the page (.build/capacity)")
    return parser


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{what} {text!r} is not a number") from None
