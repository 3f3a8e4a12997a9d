"""A rehearsal, from the synthesized app to the report."""

import contextlib
from pathlib import Path

from rich.console import Console

from local.display import Display
from local.errors import LocalRunError, UsageError
from local.output import OutputFolder
from local.template import Template
from rehearsal.changes import FAILED_CREATION, chosen
from rehearsal.changing import Changing
from rehearsal.life import Life
from rehearsal.options import Options
from rehearsal.record import Record
from rehearsal.report import write_report
from rehearsal.synthesis import settings_of, synthesized
from rehearsal.tables import show_tables
from rehearsal.terraform import program
from rehearsal.workspace import Workspace
from rehearsal.world import World


def run(options: Options, console: Console) -> int:
    """Rehearse each stack; return the exit status: 0 if all went as it should, else 1.

    Raises UsageError for what can't be rehearsed at all, for instance without Terraform or its provider.
    """
    program()
    chosen(options.changes)  # raises for a name that there is none of
    display, record = Display(console), Record()
    with OutputFolder(options.report) as output:
        with display.step("Synthesize"):
            stacks = synthesized(options.app, options.stacks, output.synthesized)
        if options.changes:
            for stack in stacks:
                settings_of(options.app, stack)  # raises before anything is deployed
        for stack, path in stacks.items():
            _live(stack, path, output.path / stack, options=options, record=record, display=display)
        show_tables(record, console)
        page = write_report(output, record, options)
    console.print(f"Report: {page}", highlight=False, soft_wrap=True)
    for failure in record.failures:
        display.line(f"Failed: {failure.stack}, {failure.name}: {failure.failure}")
    if not record.failures:
        console.print("[green]Passed[/green]: every step, every second plan empty, nothing left", highlight=False)
    return 1 if record.failures else 0


def _live(
    stack: str, synthesized_stack: Path, folder: Path, *, options: Options, record: Record, display: Display
) -> None:
    """Live one stack's life in a world of its own, until it ends or a step fails; the record has which."""
    folder.mkdir(exist_ok=True)
    try:
        with contextlib.ExitStack() as cleanup:
            with display.step(f"{stack}: start servers"):
                world = cleanup.enter_context(World(Template.load(synthesized_stack).region, folder))
            workspace = Workspace(folder / "work", world, options)
            life = Life(stack, world=world, workspace=workspace, options=options, record=record, display=display)
            _rehearse(life, synthesized_stack, options)
    except UsageError:
        raise
    except LocalRunError:
        if not record.failures or record.failures[-1].stack != stack:
            raise  # no step's: the servers did not start
        display.line(f"{stack}: ended, since a step failed")


def _rehearse(life: Life, synthesized_stack: Path, options: Options) -> None:
    life.begin(synthesized_stack)
    life.create(fails=bool({FAILED_CREATION, "all"} & {*options.changes}))
    life.score()
    if changes := chosen(options.changes):
        changing = Changing(life, settings_of(options.app, life.stack), life.workspace.folder.parent / "changed")
        for change in changes:
            changing.carry_out(change)
        life.score("score again")
    life.destroy()
