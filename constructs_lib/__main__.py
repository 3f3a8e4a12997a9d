"""The command that runs an app: `python -m constructs_lib MODULE`, as `python -m MODULE` does.

A mistake in settings ends it with what is wrong and where, in place of a traceback: exit status 2.
"""

import dataclasses
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from constructs_lib.settings.base import SettingsArgumentError

LIBRARY = Path(__file__).parent


def main(app: str) -> str | None:
    """Return what is wrong with the app's settings, in words; None if it ran. Raises what else the app raises."""
    sys.argv = [app]
    try:
        if not _is_there(app):  # asking imports the packages that it is in, and they may make settings
            return f"there is no module {app}"
        runpy.run_module(app, run_name="__main__", alter_sys=True)
    except SettingsArgumentError as error:
        return f"{_place(error.__traceback__)}: {error}"
    except ValueError as error:
        from constructs_lib.validation.checker import SettingsError  # noqa: PLC0415 - not needed where all is well

        if not isinstance(error, SettingsError):
            raise
        return str(error)
    return None


def _is_there(app: str) -> bool:
    """Whether it can be run: a module, or a package with one named `__main__`."""
    if not app or app.startswith("."):
        return False
    try:
        spec = find_spec(app)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{app}.".startswith(f"{error.name}."):
            raise  # what a package of its own imports is missing
        return False
    return spec is not None and (spec.submodule_search_locations is None or _is_there(f"{app}.__main__"))


def _place(traceback: TracebackType | None) -> str:
    """Return file and line of the app's own that was the last to run."""
    place = "the app"
    while traceback is not None:
        file = Path(traceback.tb_frame.f_code.co_filename)
        if not (file.is_relative_to(LIBRARY) or str(file) == dataclasses.__file__ or "<" in str(file)):
            shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
            place = f"{shown}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


if __name__ == "__main__":
    problem = main(sys.argv[1]) if len(sys.argv) == 2 else "usage: python -m constructs_lib MODULE"
    if problem:
        print(problem, file=sys.stderr)
    sys.exit(2 if problem else 0)
