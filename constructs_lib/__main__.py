"""The command that runs an app: `python -m constructs_lib MODULE`, as `python -m MODULE` does.

A mistake in settings, a misspelt name of the library's, and an app that synthesizes nothing end it with what is wrong
and where, in place of a traceback: exit status 2. Other exceptions have theirs: exit status 1.
"""

import dataclasses
import json
import os
import re
import runpy
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from constructs_lib.settings.base import SettingsArgumentError, did_you_mean

LIBRARY = Path(__file__).parent
NAME_MISSING = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
# cdktf's App writes there (`outdir`), and lists the stacks in a manifest.
OUTPUT_VARIABLE, USUAL_OUTPUT, MANIFEST = "CDKTF_OUTDIR", "cdktf.out", "manifest.json"


def main(app: str) -> str | None:
    """Return what is wrong with the app, in words; None if it ran. Raises what else the app raises."""
    output = Path(os.environ.get(OUTPUT_VARIABLE) or USUAL_OUTPUT).absolute()
    before = _written(output)
    sys.argv = [app]
    try:
        if not _is_there(app):  # asking imports the packages that it is in, and they may make settings
            return f"there is no module {app}"
        runpy.run_module(app, run_name="__main__", alter_sys=True)
    except Exception as error:
        if problem := _in_words(error):
            return problem
        raise
    except SystemExit as error:
        if error.code:
            raise
    return _nothing_synthesized(app, output, before)


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


def _written(output: Path) -> int | None:
    """Return when a folder was synthesized into, in nanoseconds; None if it never was."""
    manifest = output / MANIFEST
    return manifest.stat().st_mtime_ns if manifest.is_file() else None


def _nothing_synthesized(app: str, output: Path, before: int | None) -> str | None:
    """Return what an app must do that has written no stack; what lies there may then be another app's."""
    if _written(output) not in (None, before) and json.loads((output / MANIFEST).read_bytes()).get("stacks"):
        return None
    return f'nothing was synthesized: end {app} with if __name__ == "__main__": synthesize({{"dev": StackSettings(…)}})'


def _in_words(error: Exception) -> str | None:
    """Return a mistake in settings, in a name of the library's or in the app's Python; None for any other."""
    match error:
        case SettingsArgumentError():
            return f"{_place(error.__traceback__)}: {error}"
        case SyntaxError():
            return _unreadable(error)
        case ImportError() | AttributeError():
            problem = _misspelt(error)
            return f"{_place(error.__traceback__)}: {problem}" if problem else None
        case ValueError():
            from constructs_lib.validation.checker import SettingsError  # noqa: PLC0415 - not where all is well

            return str(error) if isinstance(error, SettingsError) else None
    return None


def _unreadable(error: SyntaxError) -> str | None:
    """Return what Python can't read in a file of the app's own; None of other text."""
    if not error.filename or _is_foreign(error.filename) or not Path(error.filename).is_file():
        return None
    return f"{_shown(Path(error.filename))}:{error.lineno}: {error.msg}"


def _misspelt(error: ImportError | AttributeError) -> str | None:
    """Return that the app asks for something that the library does not have, by import or as an attribute."""
    if not _is_of_the_app(error.__traceback__):
        return None
    if isinstance(error, ModuleNotFoundError):
        name = str(error.name)
        if name.startswith(f"{LIBRARY.name}."):
            return f"there is no module {name}"
        meant = did_you_mean(name, [LIBRARY.name])
        return f"there is no module {name}{meant}" if meant else None
    if isinstance(error, AttributeError):
        module, name = getattr(error.obj, "__name__", ""), str(error.name)
    else:
        found = NAME_MISSING.match(str(error))
        name, module = found.groups() if found else ("", "")
    if module.partition(".")[0] != LIBRARY.name or module not in sys.modules:
        return None
    return f"{module} has no {name}{did_you_mean(name, getattr(sys.modules[module], '__all__', ()))}"


def _is_of_the_app(trace: TracebackType | None) -> bool:
    """Whether a line of the app's own is the last that ran, but for Python's import and the library's way to a name."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    files = [frame.f_code.co_filename for frame in frames if frame.f_code.co_name != "__getattr__"]
    return not _is_foreign([file for file in files if "<" not in file][-1])


def _is_foreign(file: str) -> bool:
    """Whether a file is not of the app's own."""
    path = Path(file)
    return path.is_relative_to(LIBRARY) or str(path) == dataclasses.__file__ or "<" in file or "site-packages" in file


def _place(trace: TracebackType | None) -> str:
    """Return file and line of the app's own that was the last to run."""
    place = "the app"
    for frame, line in traceback.walk_tb(trace):
        if not _is_foreign(file := frame.f_code.co_filename):
            place = f"{_shown(Path(file))}:{line}"
    return place


def _shown(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _without_runpy(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of this command, which come first."""
    own = (__file__, runpy.__file__, "<frozen runpy>")
    while trace is not None and trace.tb_frame.f_code.co_filename in own:
        trace = trace.tb_next
    return trace


def command(arguments: list[str]) -> int:
    """Run the app that the arguments name, and print what is wrong; return the exit status."""
    try:
        problem = main(*arguments) if len(arguments) == 1 else "usage: python -m constructs_lib MODULE"
    except Exception as error:  # noqa: BLE001 - printed as Python does, but without the frames of this command
        traceback.print_exception(error.with_traceback(_without_runpy(error.__traceback__)))
        return 1
    if problem:
        print(problem, file=sys.stderr)
    return 2 if problem else 0


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:]))
