"""The options of a run, and the command that repeats it."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from local.emulator import PROJECT


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings of a run."""

    messages: Path = PROJECT / "local" / "messages.jsonl"
    count: int = 2000
    seed: int = 0
    poison: float = 0.02
    """Share of the messages that can never be scored, 0 to 1."""
    app: str = "main"
    """The module of this project that defines the stacks."""
    stack: str | None = None
    """By default the only one, or `dev`."""
    pipeline: str | None = None
    """The one of the stack's pipelines to run; needed if it has several."""
    layer: Path | None = None
    """A layer of the user's own, a folder or a zip; others are looked for by name in `layers`, beside the app."""
    model: Path | None = None
    """A Python file that answers in place of the local model; see `own_container`."""
    template: Path | None = None
    """A synthesized `cdk.tf.json` to run; by default the stack is synthesized anew."""
    report: Path = PROJECT / ".build" / "demo"
    """Folder of the report, of MiniStack's log, and of the synthesized stack."""
    keep: bool = False
    """Leave everything running at the end, until interrupted."""
    faults: float = 0.0
    """Share of the requests that the endpoint answers with a fault, 0 to 1."""
    kills: int = 0
    """Number of times that a function's process is killed at work."""
    max_outstanding: int | None = None
    """Most messages that are sent and have no outcome yet; by default as many as there are."""
    stall_seconds: float = 120
    """Without one more outcome for so long, the run stops."""
    settle_seconds: float = 5
    """Seconds to wait, once all have an outcome, until the queue is empty."""

    target: ClassVar[str] = "demo"
    """The make target that runs this."""
    stated: ClassVar[Sequence[str]] = ("count", "seed", "poison")
    """Options that `command` always states; the next ones it states if they are not the default."""
    stated_if_changed: ClassVar[Sequence[str]] = ("messages", "app", "stack", "pipeline", "layer", "model", "template")

    @property
    def disturbed(self) -> bool:
        return self.faults > 0 or self.kills > 0

    def command(self) -> str:
        """Return the line for a shell that sends the same messages again."""
        changed = [name for name in self.stated_if_changed if getattr(self, name) != getattr(type(self), name)]
        values = {name: getattr(self, name) for name in (*self.stated, *changed)}
        words = shlex.join(
            word
            for name, value in values.items()
            for word in (f"--{name}", f"{value:g}" if isinstance(value, float) else f"{value}")
        )
        # A dollar sign is doubled for make; what a shell would expand between double quotes is escaped.
        escaped = re.sub(r'([$`\\"])', r"\\\1", words.replace("$", "$$"))
        return f'make {self.target} ARGS="{escaped}"'
