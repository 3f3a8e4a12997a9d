"""Carries changes out on a deployed stack, and holds each plan against what the table expects of it."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from constructs_lib import StackSettings

from rehearsal.changes import StackChange, differences
from rehearsal.life import Life, RehearsalError
from rehearsal.synthesis import synthesize_settings
from rehearsal.terraform import Change, Work

ENDPOINT = "aws_sagemaker_endpoint"
# In which an endpoint begins an update, and in which SageMaker ends what it has begun, though Terraform is gone.
SECONDS = 60
POLL_SECONDS = 0.1


class Changing:
    """Changes of one stack, one on top of the other."""

    def __init__(self, life: Life, settings: StackSettings, folder: Path) -> None:
        self._life = life
        self._settings = settings
        self._folder = folder

    def carry_out(self, change: StackChange) -> None:
        """Apply a change, and require what its plan does, and an empty plan after it. Raises LocalRunError."""
        after = self._after(change)
        if after is None:
            return
        changes = self._life.plan(f"{change.name}: plan")
        if wrong := _unlike(changes, change.expected):
            # Recorded as a failure; what comes of it is worth seeing.
            with contextlib.suppress(RehearsalError), self._life.step(f"{change.name}: expected plan"):
                raise RehearsalError(wrong)
        courses = {
            "applied": self._applied,
            "rolled back": self._rolled_back,
            "reverted": self._reverted,
            "killed": self._killed,
            "refused": self._refused,
        }
        courses[change.course](change)
        if change.course != "refused":
            self._life.plan_nothing(f"{change.name}: second plan")
            self._settings = change.back(self._settings) if change.back else after

    def _after(self, change: StackChange) -> StackSettings | None:
        """Put the changed stack into the folder; return its settings, None if there is nothing to change."""
        with self._life.step(f"{change.name}: copy") as step:
            try:
                after = change.make(self._settings)
                if change.back:
                    change.back(self._settings)  # raises as `make` does
                step.settings = list(differences(self._settings, after))
                if not step.settings:
                    raise ValueError("it is so already")
                path = synthesize_settings(self._life.stack, after, self._folder)
            except ValueError as reason:
                step.skipped, step.remark = True, f"not changed: {reason}"
                return None
            step.remark = "; ".join(step.settings)
            self._life.workspace.put(path)
        return after

    def _applied(self, change: StackChange) -> None:
        self._life.apply(f"{change.name}: apply")

    def _rolled_back(self, change: StackChange) -> None:
        """SageMaker rolls the update back: the apply must fail, delete nothing, and succeed the next time."""
        self._life.world.plane.roll_back_next_update()
        self._fails(f"{change.name}: apply, rolled back", "SageMaker rolled the update back")
        self._life.plan(f"{change.name}: plan again")
        self._life.apply(f"{change.name}: apply again")

    def _reverted(self, change: StackChange) -> None:
        """SageMaker rolls the update back, and so does whoever deploys. The settings before are refused, since their
        names are in use, and nothing is deleted; with other names they succeed. Each policy of a role must be there
        after it, which the second plan asks for.
        """
        assert change.back is not None, "a change that is reverted says to what"
        self._life.world.plane.roll_back_next_update()
        self._fails(f"{change.name}: apply, rolled back", "SageMaker rolled the update back")
        self._put_back(f"{change.name}: as it was", self._settings)
        self._fails(f"{change.name}: apply, names in use", "SageMaker must refuse names that are in use")
        self._put_back(f"{change.name}: as it was, by other names", change.back(self._settings))
        self._life.apply(f"{change.name}: apply back")

    def _put_back(self, step_name: str, settings: StackSettings) -> None:
        with self._life.step(f"{step_name}: copy"):
            self._life.workspace.put(synthesize_settings(self._life.stack, settings, self._folder))
        self._life.plan(f"{step_name}: plan")

    def _refused(self, change: StackChange) -> None:
        """SageMaker refuses the update: the apply must fail, and delete nothing."""
        self._fails(f"{change.name}: apply, refused", "SageMaker must refuse the update")

    def _fails(self, step_name: str, why: str) -> None:
        before = self._life.world.inventory()
        with self._life.step(step_name) as step:
            step.applied = applied = self._life.terraform.apply()
            if not applied.status:
                raise RehearsalError(f"{why}, and Terraform reported success")
            if lost := sorted(before - self._life.world.inventory()):
                raise RehearsalError(f"{why}, and the apply deleted {', '.join(lost)}")
            step.remark = f"failed as it must: {applied.errors[0][:160]}"

    def _killed(self, change: StackChange) -> None:
        """Terraform is killed while the endpoint updates; a later apply must finish the work."""

        def watch(work: Work) -> bool:
            return work.address.startswith(f"{ENDPOINT}.") and self._comes("Updating")

        with self._life.step(f"{change.name}: apply, killed") as step:
            step.applied = applied = self._life.terraform.apply(watch)
            if not applied.status:
                raise RehearsalError("Terraform ended before it could be killed")
            step.remark = f"killed after {applied.seconds:.0f} s"
            if not self._comes("InService"):
                raise RehearsalError(f"the endpoint was not in service {SECONDS} s after Terraform was killed")
        self._life.plan(f"{change.name}: plan again")
        self._life.apply(f"{change.name}: apply again")

    def _comes(self, status: str) -> bool:
        """Wait until one endpoint is Updating, or all are InService; return whether it came to that in time."""
        deadline = time.monotonic() + SECONDS
        enough = all if status == "InService" else any
        while not enough(found == status for found in self._life.world.endpoints().values()):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def _unlike(changes: Sequence[Change], expected: Sequence[str]) -> str:
    """Return how a plan differs from what is expected of it, in words; empty if it does not."""
    planned = {f"{change.sign} {change.type}" for change in changes}
    may, must = {line.rstrip("?") for line in expected}, {line for line in expected if not line.endswith("?")}
    more, missing = sorted(planned - may), sorted(must - planned)
    parts = [f"the plan does more than it should: {', '.join(more)}"] if more else []
    return "; ".join(parts + ([f"the plan lacks {', '.join(missing)}"] if missing else []))
