"""A stack's life: from `terraform init` to the moment when nothing of it is left."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.display import Display
from local.errors import LocalRunError, UsageError
from local.options import Options as LocalOptions
from rehearsal.options import Options
from rehearsal.record import Record, Step
from rehearsal.scoring import NotScoredError, pipelines_of, score
from rehearsal.terraform import Applied, Change, Work
from rehearsal.workspace import Workspace
from rehearsal.world import World

SHOWN = 12


class RehearsalError(LocalRunError):
    """A step did not go as it should."""


class Life:
    """The steps of one stack, each shown, timed and recorded. A step that fails raises LocalRunError."""

    def __init__(
        self, stack: str, *, world: World, workspace: Workspace, options: Options, record: Record, display: Display
    ) -> None:
        self.stack = stack
        self.world = world
        self.workspace = workspace
        self.terraform = workspace.terraform
        self._options = options
        self._record = record
        self._display = display
        self._before: set[str] = set()

    def begin(self, synthesized: Path) -> None:
        """Put the stack's copy into its folder, and say how it differs."""
        with self.step("copy") as step:
            notes = self.workspace.put(synthesized)
            self._record.notes[self.stack] = notes
            step.remark = _counted(len(notes), "adaptation")
        for note in notes:
            self._display.line(f"    {note}")
        self._before = self.world.inventory()

    def create(self, *, fails: bool = False) -> None:
        """Up to the first apply, and a second plan that must be empty.

        With `fails` the first endpoint's creation fails, as with a container that does not start.
        """
        with self.step("init"):
            self.terraform.init()
        with self.step("validate"):
            self.terraform.validate()
        self.plan("plan")
        if fails:
            self._create_in_vain()
        self.apply("apply")
        self.plan_nothing("second plan")

    def _create_in_vain(self) -> None:
        """Let the endpoint's creation fail; the applies after it must mend it, of which AWS may refuse the first: the
        provider does not wait until an endpoint is deleted.
        """
        self.world.plane.fail_next_creation()
        with self.step("apply, creation fails") as step:
            step.applied = applied = self.terraform.apply()
            if not applied.status:
                raise RehearsalError("an endpoint's creation failed, and Terraform reported success")
            step.remark = f"failed as it must: {applied.errors[0][:160]}"
        self.plan("plan again")
        with self.step("apply again") as step:
            step.applied = applied = self.terraform.apply()
            step.remark = "done" if not applied.status else f"failed once more: {applied.errors[0][:160]}"
        self.plan("third plan")

    def score(self, name: str = "score") -> None:
        """Send messages through each pipeline."""
        for pipeline in pipelines_of(self.workspace.configuration):
            with self.step(name) as step:
                options = LocalOptions(app=self._options.app, pipeline=pipeline, count=self._options.count)
                try:
                    outcome = score(self.world, self.workspace.configuration, self.terraform.attributes(), options)
                except NotScoredError as error:
                    step.skipped, step.remark = True, f"{pipeline}: not scored, {error}"
                    continue
                step.remark = (
                    f"{pipeline}: {len(outcome.scored)} scored, {len(outcome.dead_lettered)} dead-lettered, "
                    f"{outcome.lost} lost"
                )

    def destroy(self) -> None:
        """Destroy, and require that nothing is left."""
        with self.step("destroy") as step:
            step.applied = applied = self.terraform.destroy()
            _require_done(applied)
        with self.step("nothing left"):
            if left := sorted(self.world.inventory() - self._before):
                raise RehearsalError(f"left after destroy: {_some(left)}")
            if in_state := sorted(self.terraform.attributes()):
                raise RehearsalError(f"left in the state: {_some(in_state)}")

    def plan(self, name: str) -> list[Change]:
        """Return what an apply would do."""
        with self.step(name) as step:
            step.changes = changes = self.terraform.plan()
            step.plan = self.terraform.plan_text
            step.remark = _counted(len(changes), "change")
        return changes

    def plan_nothing(self, name: str) -> None:
        """Require a plan that is empty."""
        with self.step(name) as step:
            step.changes = changes = self.terraform.plan()
            if changes:
                step.plan = self.terraform.plan_text
                raise RehearsalError(f"the plan is not empty: {_some([_told(change) for change in changes])}")
            step.remark = "empty"

    def apply(self, name: str, watch: Callable[[Work], bool] = lambda _: False) -> Applied:
        """Carry out the plan. Raises RehearsalError if it fails."""
        with self.step(name) as step:
            step.applied = applied = self.terraform.apply(watch)
            _require_done(applied)
            step.remark = f"{len(applied.works)} done"
        return applied

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show, time and record a step; what broke a rule of AWS, or met the wall, makes it fail."""
        step = Step(self.stack, name)
        self._record.steps.append(step)
        started, violations, refused = time.monotonic(), len(self.world.plane.violations), len(self.world.wall.refused)
        try:
            with self._display.step(f"{self.stack}: {name}") as remarks:
                yield step
                if broken := self.world.plane.violations[violations:]:
                    raise RehearsalError(f"rules of AWS were broken: {_some(list(map(str, broken)))}")
                if calls := self.world.wall.refused[refused:]:
                    raise RehearsalError(f"calls that no service here answers: {_some(calls)}")
                remarks.extend([step.remark] if step.remark else [])
        except (LocalRunError, BotoCoreError, ClientError) as error:
            step.failure = str(error)
            if isinstance(error, UsageError):
                raise
            self._display.line(f"{self.stack}: {name} failed: {error}")
            raise error if isinstance(error, LocalRunError) else RehearsalError(str(error)) from error
        finally:
            step.seconds = time.monotonic() - started


def _require_done(applied: Applied) -> None:
    if applied.status or applied.errors:
        raise RehearsalError(f"Terraform ended with status {applied.status}: {_some(applied.errors)}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _told(change: Change) -> str:
    return f"{change.sign} {change.address}" + (f" ({', '.join(change.attributes)})" if change.attributes else "")


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return "; ".join(items[:SHOWN]) + more
