"""Subcommands of `dead-letters`."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clients import Clients
from ..display import Display
from ..errors import DeskError, UsageError
from ..fence import Permission
from ..interrupt import Interrupt
from ..pipelines import Pipeline, QueueFacts
from ..text import counted, printable
from .edit import parse_command
from .journal import Journal, default_folder, read_marks
from .letter import DeadLetter
from .redrive import Outcome, Redrive
from .scan import DEFAULT_MOST, Scan, effects
from .views import Kind, as_saved, facts


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The choice of letters; by default all."""

    reasons: Sequence[str] = ()
    ids: Sequence[str] = ()
    limit: int | None = None
    """Most letters that something is done with."""
    scan: int = DEFAULT_MOST
    """Most letters that are looked at."""

    def admits(self, letter: DeadLetter) -> bool:
        return (not self.reasons or letter.reason in self.reasons) and (not self.ids or letter.id in self.ids)

    def __str__(self) -> str:
        which = f"with reason {' or '.join(self.reasons)}" if self.reasons else "of any reason"
        named = f" and id {', '.join(map(printable, self.ids))}" if self.ids else ""
        return f"dead letters {which}{named}" + (f", {self.limit:,} at most" if self.limit else "")


@dataclass(kw_only=True)
class DeadLetterDesk:
    """The dead letters of one pipeline."""

    clients: Clients
    pipeline: Pipeline
    work: QueueFacts
    dead: QueueFacts
    display: Display
    journal: Path | None = None
    """File of the redrive's journal; by default one of the queue's own, in the user's folder for state."""

    @property
    def journal_path(self) -> Path:
        name = f"{self.clients.account}.{self.clients.region}.{self.dead.name}.jsonl"
        return self.journal or default_folder() / name

    def list_by_reason(self, selection: Selection, *, as_json: bool) -> None:
        """Show how many letters there are by reason."""
        kinds: dict[str, Kind] = {}
        marks, in_doubt = read_marks(self.journal_path), 0
        with self._scan(selection) as scan:
            for letter in self._selected(scan, selection):
                kinds.setdefault(letter.reason, Kind()).add(letter)
                mark = marks.get(letter.id)
                in_doubt += mark is not None and mark.in_doubt(fifo=self.work.fifo)
        if as_json:
            reasons = {reason: kind.as_json() for reason, kind in sorted(kinds.items())}
            content = {**self._where(), "looked_at": scan.seen, "complete": scan.complete, "reasons": reasons}
            self.display.raw(json.dumps({**content, "in_doubt": in_doubt}, indent=2))
            return
        self._say_where()
        ordered = sorted(kinds.items(), key=lambda item: -item[1].count)
        if kinds:
            head = ("reason", "letters", "oldest", "newest", "detail of the newest")
            self.display.table([(reason, *kind.row(reason)) for reason, kind in ordered], head)
        else:
            self.display.line(f"No {selection}.")
        if in_doubt:
            self.display.line(f"In doubt, since a redrive was cut off while they were sent: {in_doubt}")
        if scan.seen:
            self.display.line(effects(scan, self.dead))

    def show(self, selection: Selection, *, bodies: bool) -> None:
        """Show letters one by one: their attributes, and their bodies if asked for."""
        self._say_where()
        shown = 0
        with self._scan(selection) as scan:
            for letter in self._selected(scan, selection):
                shown += 1
                self.display.line()
                self.display.table(facts(letter))
                if bodies:
                    self.display.quoted(letter.body)
        self.display.line()
        self.display.line(f"{counted(shown, 'dead letter')} shown." if shown else f"No {selection}.")
        if scan.seen:
            self.display.line(effects(scan, self.dead))

    def save(self, selection: Selection, path: Path) -> None:
        """Write letters to a new file, which only the user may read.

        Raises UsageError if it can't be created, DeskError if it can't be written to its end.
        """
        try:
            file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
        except FileExistsError as error:
            raise UsageError(f"{path} exists already, and is not written over") from error
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        saved = 0
        try:
            with file, self._scan(selection) as scan:
                for letter in self._selected(scan, selection):
                    file.write(json.dumps(as_saved(letter)) + "\n")
                    saved += 1
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeskError(f"{path}: {error.strerror}; not all that was to be saved is in it") from error
        self._say_where()
        self.display.line(f"{counted(saved, 'dead letter')} saved to {path}; they are still in the queue.")
        self.display.line(effects(scan, self.dead))

    def redrive(
        self, selection: Selection, permission: Permission, *, rate: float | None, edit: str | None, again: bool
    ) -> int:
        """Send letters to the work queue again; return how many were left alone."""
        command = parse_command(edit) if edit is not None else []
        intent = f"Redrive {selection} ({self._about()})"
        go = permission.require(self.clients, self.pipeline, self._facts(), intent)
        with Journal.open(self.journal_path) as journal, Interrupt() as interrupt, self._scan(selection) as scan:
            redrive = Redrive(
                scan=scan,
                sqs=self.clients.sqs_once,
                work=self.work,
                journal=journal,
                edit=command,
                again=again,
                explain=self.display.note,
            )
            pause = 1 / rate if go and rate else 0.0
            outcomes = self._each(scan, selection, redrive.take if go else redrive.would, interrupt, pause)
        return self._say_outcomes(outcomes, scan, "Redrive" if go else "It would be")

    def purge(self, selection: Selection, permission: Permission) -> int:
        """Delete letters for good; return how many were left alone."""
        if not selection.reasons and not selection.ids:
            raise UsageError("purge needs --reason or --id: it deletes for good (save FILE keeps a copy)")
        intent = f"Delete {selection} for good ({self._about()})"
        go = permission.require(self.clients, self.pipeline, self._facts()[:1], intent)
        with Interrupt() as interrupt, self._scan(selection) as scan:

            def delete(letter: DeadLetter) -> str:
                if go and not scan.is_held(letter):
                    return Outcome.TOO_LATE
                if go:
                    scan.delete(letter)
                return "deleted"

            outcomes = self._each(scan, selection, delete, interrupt, 0.0)
        return self._say_outcomes(outcomes, scan, "Purge" if go else "It would be")

    def _each(
        self,
        scan: Scan,
        selection: Selection,
        take: Callable[[DeadLetter], str],
        interrupt: Interrupt,
        pause: float,
    ) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        total = min(self.dead.visible, selection.limit or self.dead.visible)
        try:
            with self.display.progress("dead letters", total) as bar:
                for letter in self._selected(scan, selection):
                    outcomes[take(letter)] += 1
                    bar.advance()
                    if interrupt.wait(pause):
                        self.display.note("interrupted: the rest is left as it was")
                        break
        except BaseException:
            self._say_outcomes(outcomes, scan, "Until then")
            raise
        return outcomes

    @contextmanager
    def _scan(self, selection: Selection) -> Iterator[Scan]:
        with Scan(self.clients.sqs, self.dead, selection.scan) as scan:
            yield scan

    def _selected(self, scan: Scan, selection: Selection) -> Iterator[DeadLetter]:
        count = 0
        for letter in scan.letters():
            if selection.admits(letter):
                yield letter
                count += 1
            if count == selection.limit or (selection.ids and count == len(selection.ids)):
                return

    def _say_outcomes(self, outcomes: Counter[str], scan: Scan, what: str) -> int:
        for outcome, count in outcomes.most_common():
            self.display.line(f"{what}: {count:,} {outcome}")
        if not outcomes:
            self.display.line(f"{what}: no such dead letter among {scan.seen:,}")
        if scan.seen:
            self.display.line(effects(scan, self.dead))
        done = {Outcome.REDRIVEN, Outcome.FINISHED, "deleted"}
        return sum(count for outcome, count in outcomes.items() if outcome not in done)

    def _facts(self) -> list[tuple[str, str]]:
        return [("Queue", self.dead.url), ("To", self.work.url)]

    def _about(self) -> str:
        return f"about {self.dead.visible:,} wait, and {self.dead.in_flight:,} are hidden"

    def _where(self) -> dict[str, Any]:
        return {
            "account": self.clients.account,
            "region": self.clients.region,
            "queue": self.dead.url,
            "about": self.dead.visible,
            "hidden": self.dead.in_flight,
        }

    def _say_where(self) -> None:
        where = f"account {self.clients.account}, {self.clients.region}"
        self.display.line(f"{self.dead.name}, {where}: {self._about()}")
