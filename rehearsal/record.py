"""The record of a rehearsal: each step with its time, its plan, and what Terraform did when."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rehearsal.terraform import Applied, Change


@dataclass
class Step:
    """One step of a stack's life."""

    stack: str
    name: str
    """For instance `plan`; of a change, the change's name, a colon and the step."""
    seconds: float = 0.0
    remark: str = ""
    failure: str = ""
    """The reason in words; empty if the step went as it should."""
    skipped: bool = False
    changes: Sequence[Change] = ()
    """Of a plan."""
    plan: str = ""
    """The plan as Terraform shows it; empty where nobody needs it."""
    settings: Sequence[str] = ()
    """Of a change: each setting with its value before and after."""
    applied: Applied | None = None
    """Of an apply or destroy."""


@dataclass
class Record:
    """All steps so far, in order."""

    steps: list[Step] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    """By stack: how the rehearsed copy differs from the stack."""

    @property
    def failures(self) -> list[Step]:
        return [step for step in self.steps if step.failure]

    def seconds(self, stack: str) -> float:
        return sum(step.seconds for step in self.steps if step.stack == stack)
