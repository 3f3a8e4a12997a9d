"""The desk's commands."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from .command import guarded, parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 well, 1 something is wrong or failed, 2 wrong usage, 130 interrupted."""
    return guarded(lambda: _run(parse(arguments)))


def _run(options: Namespace) -> int:
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None where it is closed
        stream.reconfigure(errors="replace")
    match options.command:
        case "status":
            return _status(options)
        case "smoke" | "load":
            return _probe(options)
        case _:
            return _dead_letters(options)


def _status(options: Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415 - a wrong command line is told at once

    from .clients import Clients  # noqa: PLC0415
    from .display import Display  # noqa: PLC0415
    from .pipelines import find_pipelines  # noqa: PLC0415
    from .status.desk import StatusDesk  # noqa: PLC0415

    clients = Clients(options.region)
    desk = StatusDesk(
        clients=clients,
        find_pipelines=lambda: find_pipelines(
            clients, options.stack, pipeline=options.pipeline, outputs=options.outputs
        ),
        display=Display(Console()),
    )
    well = desk.watch(options.watch) if options.watch else desk.show(as_json=options.json)
    return 0 if well else 1


def _probe(options: Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from .clients import Clients  # noqa: PLC0415
    from .display import Display  # noqa: PLC0415
    from .fence import Permission  # noqa: PLC0415
    from .pipelines import one_pipeline, queues_of  # noqa: PLC0415
    from .probe.desk import ProbeDesk  # noqa: PLC0415

    clients, display = Clients(options.region), Display(Console())
    pipeline = one_pipeline(clients, options.stack, pipeline=options.pipeline, outputs=options.outputs)
    work, dead = queues_of(clients, pipeline)
    desk = ProbeDesk(
        clients=clients,
        pipeline=pipeline,
        work=work,
        dead=dead,
        display=display,
        permission=Permission(yes=options.yes, dry_run=options.dry_run, say=display.line),
        own_results=options.own_results,
        messages=options.messages,
    )
    if options.command == "smoke":
        return 0 if desk.smoke() else 1
    return 0 if desk.load(rate=options.rate, seconds=options.seconds, report=options.report) else 1


def _dead_letters(options: Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415 - a wrong command line is told at once

    from .clients import Clients  # noqa: PLC0415
    from .dead_letters.desk import DeadLetterDesk, Selection  # noqa: PLC0415
    from .display import Display  # noqa: PLC0415
    from .fence import Permission  # noqa: PLC0415
    from .pipelines import one_pipeline, queues_of  # noqa: PLC0415

    clients, display = Clients(options.region), Display(Console())
    pipeline = one_pipeline(clients, options.stack, pipeline=options.pipeline, outputs=options.outputs)
    work, dead = queues_of(clients, pipeline)
    desk = DeadLetterDesk(
        clients=clients, pipeline=pipeline, work=work, dead=dead, display=display, journal=options.journal
    )
    selection = Selection(reasons=options.reasons, ids=options.ids, limit=options.limit, scan=options.scan)
    match options.action:
        case "list":
            desk.list_by_reason(selection, as_json=options.json)
        case "show":
            desk.show(selection, bodies=options.body)
        case "save":
            desk.save(selection, options.file)
        case action:
            permission = Permission(yes=options.yes, dry_run=options.dry_run, say=display.line)
            if action == "purge":
                return 1 if desk.purge(selection, permission) else 0
            left = desk.redrive(selection, permission, rate=options.rate, edit=options.edit, again=options.again)
            return 1 if left else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
