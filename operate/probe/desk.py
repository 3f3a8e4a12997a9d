"""The commands `smoke` and `load`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..clients import Clients
from ..display import Display
from ..errors import UsageError
from ..fence import Permission
from ..interrupt import Interrupt
from ..pipelines import Pipeline, QueueFacts
from ..text import printable
from .bodies import bodies
from .mark import MOST_MESSAGES, Mark
from .run import Patience, Run
from .watchers import refuse_what_cannot_be_told_apart, watcher

IN_THE_REPOSITORY = "operate.probe"
SMOKE_MESSAGES, SMOKE_RATE, SMOKE_SECONDS = 10, 100.0, 50.0
PATIENCE_SECONDS = 60
# SQS: one request to send, to receive and to delete each message, and its result as much again, if nothing is batched.
# The list price of us-east-1: https://aws.amazon.com/sqs/pricing/
REQUESTS_PER_MESSAGE, USD_PER_MILLION_REQUESTS = 6, 0.40
TIME = "the function's time, and the endpoint's: serverless by its work, instances only if scaling adds some"


@dataclass(frozen=True, kw_only=True)
class ProbeDesk:
    """Sends messages of its own through one pipeline."""

    clients: Clients
    pipeline: Pipeline
    work: QueueFacts
    dead: QueueFacts
    display: Display
    permission: Permission
    own_results: bool = False
    messages: Path | None = None

    def smoke(self) -> bool:
        """Send ten messages; return whether each came back as a result within a minute."""
        run = self._run(SMOKE_MESSAGES, SMOKE_RATE, Patience(quiet_seconds=SMOKE_SECONDS, whole_seconds=SMOKE_SECONDS))
        if run is None:
            return True
        for number, died in sorted(run.dead_letters.items()):
            why = f"{died.letter.reason}: {printable(died.letter.detail, 200)}"
            self.display.line(f"message {number + 1} became a dead letter, which was deleted: {why}")
        if run.missing:
            self.display.line(f"{len(run.missing)} of {len(run.sent)} came back in no way within {SMOKE_SECONDS:g} s")
        passed = len(run.results) == len(run.sent) == SMOKE_MESSAGES
        slowest = max((at - run.sent[number][0] for number, (at, _) in run.results.items()), default=0.0)
        took = f"; the slowest took {slowest:.1f} s" if run.results else ""
        self.display.line(f"{'Passed' if passed else 'Failed'}: {len(run.results)} of {SMOKE_MESSAGES} scored{took}")
        return passed

    def load(self, *, rate: float, seconds: float, report: Path) -> bool:
        """Send messages at a rate for so long, and report; return whether each came back as a result."""
        count = round(rate * seconds)
        if not 1 <= count <= MOST_MESSAGES:
            raise UsageError(f"--rate {rate:g} --seconds {seconds:g} is {count:,} messages, not 1 to {MOST_MESSAGES:,}")
        if __package__ != IN_THE_REPOSITORY:
            raise UsageError("the report is the demo's, which is not installed: run make load in a clone")
        from .report import write_report  # noqa: PLC0415 - elsewhere `local` is a module of the user's own

        run = self._run(count, rate, Patience(quiet_seconds=PATIENCE_SECONDS))
        if run is None:
            return True
        complaints = list(_complaints(run))
        rows, page = write_report(run, self.pipeline, report, rate, complaints)
        self.display.table(rows)
        self.display.line(f"Report: {page}")
        for complaint in complaints:
            self.display.line(f"Failed: {complaint}")
        return not complaints

    def _run(self, count: int, rate: float, patience: Patience) -> Run | None:
        """Say what would be sent and what it costs, ask, and send; None for a dry run."""
        way = refuse_what_cannot_be_told_apart(self.clients, self.pipeline, own_results=self.own_results)
        contents = bodies(self.messages, self.pipeline.environment)
        requests = count * REQUESTS_PER_MESSAGE
        price = f"USD {requests / 1e6 * USD_PER_MILLION_REQUESTS:.4f} at the list price of us-east-1"
        facts = [
            ("Queue", self.work.url),
            ("Sends", f"{count:,} messages, {rate:g} a second, to endpoint {self.pipeline.endpoint_name}"),
            ("Costs", f"about {requests:,} requests to SQS ({price}), {TIME}"),
            ("Results", way),
            ("Besides", "whoever takes the results of this sink gets those of the probe too"),
        ]
        if not self.permission.require(self.clients, self.pipeline, facts, f"Send {count:,} messages"):
            return None
        mark = Mark()
        # The interrupt first: SIGTERM would end it without taking away what it made for its results.
        with (
            Interrupt() as interrupt,
            watcher(self.clients, self.pipeline, mark, own_results=self.own_results) as watching,
        ):
            if interrupt.wait(0):
                raise KeyboardInterrupt
            run = Run(clients=self.clients, work=self.work, dead=self.dead, mark=mark, watcher=watching)
            run.go(contents, count, rate, patience=patience, display=self.display, interrupt=interrupt)
        return run


def _complaints(run: Run) -> Sequence[str]:
    complaints = []
    if run.missing:
        complaints.append(f"{len(run.missing):,} messages came back in no way for {PATIENCE_SECONDS} s")
    if run.dead_letters:
        reasons = Counter(died.letter.reason for died in run.dead_letters.values())
        kinds = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        complaints.append(f"dead letters, deleted again: {kinds}")
    if run.interrupted:
        complaints.append(f"interrupted after {len(run.sent):,} messages")
    return complaints
