"""The options of a rehearsal."""

from dataclasses import dataclass
from pathlib import Path

from local.emulator import PROJECT


@dataclass(frozen=True, kw_only=True)
class Options:
    """The stacks to rehearse, the changes, and the provider."""

    app: str = "main"
    """The module that defines the stacks."""
    stacks: tuple[str, ...] = ()
    """Names of the stacks; by default all of the app's."""
    changes: tuple[str, ...] = ()
    """Names of changes to rehearse as well, or `all`; by default none."""
    provider: str | None = None
    """Version of the AWS provider; by default the one that the stack requires."""
    mirror: Path | None = None
    """A folder with providers, as `terraform providers mirror` writes it; by default Terraform looks where it is told
    to, which may be a registry."""
    count: int = 200
    """Messages to score through each pipeline."""
    report: Path = PROJECT / ".build" / "rehearsal"
    """Folder of the report and of everything that Terraform writes."""
