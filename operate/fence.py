"""The fence: words and a question before the desk changes anything."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .clients import Clients
from .errors import UsageError
from .pipelines import Pipeline


@dataclass(frozen=True, kw_only=True)
class Permission:
    """The user's consent to a change: by `--yes`, or by an answer at the terminal."""

    yes: bool = False
    dry_run: bool = False
    say: Callable[[str], None] = print

    def require(self, clients: Clients, pipeline: Pipeline, facts: Sequence[tuple[str, str]], intent: str) -> bool:
        """Say what would be done to what, and return whether to do it: False for a dry run.

        Raises UsageError if the answer is not yes, or there is nobody to ask.
        """
        rows = [
            ("Account", clients.account),
            ("Region", clients.region),
            ("Stack", f"{pipeline.stack}, pipeline {pipeline.name}"),
            *facts,
        ]
        for name, value in rows:
            self.say(f"{name:<8} {value}")
        if self.dry_run:
            self.say(f"Dry run, nothing is changed: {intent}.")
            return False
        if self.yes:
            self.say(f"{intent}.")
            return True
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(
                "there is no terminal to ask on, and nothing was changed; pass --yes once --dry-run looks right"
            )
        if input(f"{intent}? [y/N] ").strip().lower() not in ("y", "yes"):
            raise UsageError("not confirmed: nothing was changed")
        return True
