"""The command that runs an app: mistakes in settings are told in words, with their place, and end it with status 2."""

import os
import subprocess
import sys
from pathlib import Path

from constructs_lib.__main__ import main
from constructs_lib.settings.base import SettingsArgumentError

import pytest

ROOT = Path(__file__).parents[2]
IMPORTS = "from dataclasses import replace\nfrom constructs_lib import *\n"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in the current folder."""
    return subprocess.run(
        [sys.executable, "-m", "constructs_lib", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of an app in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["pytest"])
    # a name with a dot imports what is before it
    for name in ("stacks_of_mine", "folder_of_mine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path / "stacks_of_mine.py"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "PIPELINE = PipelineSettings(endpoints=1)",
            "stacks_of_mine.py:3: PipelineSettings() has no setting 'endpoints'; did you mean endpoint?",
        ),
        (
            "replace(FunctionSettings(), memory=512)",
            "stacks_of_mine.py:3: FunctionSettings() has no setting 'memory'; did you mean memory_mib?",
        ),
        (
            "EndpointSettings()",
            "stacks_of_mine.py:3: EndpointSettings() lacks model, for which there is no default",
        ),
        (
            "add_stacks(None, {'dev': StackSettings(region='mars', pipelines={})})",
            "2 settings are out of bounds:\n"
            "  dev region = 'mars': must be an AWS region such as eu-central-1 (AWS regions)\n"
            "  dev pipelines = {}: must be one or more pipelines (an empty stack deploys nothing)",
        ),
        (
            "add_stacks(None, {})",
            "1 setting is out of bounds:\n  app stacks = {}: must be one or more stacks (an empty app deploys nothing)",
        ),
    ],
)
def test_a_mistake_in_settings_is_told_in_words(app: Path, line: str, problem: str | None) -> None:
    app.write_text(f"{IMPORTS}{line}\n")
    assert main("stacks_of_mine") == problem


def manifest_of(*stacks: str) -> str:
    """Return the lines of an app that writes what cdktf's App does."""
    return (
        "import json, pathlib\n"
        "pathlib.Path('cdktf.out').mkdir(exist_ok=True)\n"
        f"pathlib.Path('cdktf.out/manifest.json').write_text(json.dumps({{'stacks': {dict.fromkeys(stacks)}}}))\n"
    )


@pytest.mark.parametrize("lines", [manifest_of("dev"), f"{manifest_of('dev')}raise SystemExit(0)\n"])
def test_an_app_that_synthesizes_is_all_right(app: Path, lines: str) -> None:
    app.write_text(lines)
    assert main("stacks_of_mine") is None
    assert main("stacks_of_mine") is None, "it did so the second time, over what the first has left"


@pytest.mark.parametrize("lines", ["", "STACKS = {}\n", manifest_of(), "raise SystemExit\n"])
def test_an_app_that_synthesizes_nothing_is_told_what_it_lacks(app: Path, lines: str) -> None:
    app.write_text(lines)
    lacks = (
        "nothing was synthesized: end stacks_of_mine with "
        'if __name__ == "__main__": synthesize({"dev": StackSettings(…)})'
    )
    assert main("stacks_of_mine") == lacks
    app.write_text(manifest_of("left"))
    assert main("stacks_of_mine") is None
    app.write_text(lines)
    assert main("stacks_of_mine") == lacks, "the stacks that lie there are another app's"


def test_the_place_is_that_in_the_app_s_own_module_that_made_them(app: Path) -> None:
    (app.parent / "shared_of_mine.py").write_text(
        f"{IMPORTS}\n\ndef queue(**more):\n    return QueueSettings(**more)\n"
    )
    app.write_text("from shared_of_mine import queue\nqueue(fifoo=True)\n")
    assert main("stacks_of_mine") == "shared_of_mine.py:6: QueueSettings() has no setting 'fifoo'; did you mean fifo?"


def test_the_place_is_never_that_of_code_without_a_file(app: Path) -> None:
    app.write_text(
        "from dataclasses import dataclass, field\nfrom functools import partial\nfrom constructs_lib import *\n\n\n"
        "@dataclass\nclass Team:\n    queue: object = field(default_factory=partial(QueueSettings, fifoo=True))\n"
        "Team()\n"
    )
    assert main("stacks_of_mine") == "stacks_of_mine.py:9: QueueSettings() has no setting 'fifoo'; did you mean fifo?"


@pytest.mark.parametrize(
    "name", ["nothing_of_mine", "nothing_of_mine.stacks", "stacks_of_mine.py", "", "folder_of_mine"]
)
def test_a_module_that_is_not_there(app: Path, name: str) -> None:
    app.write_text("")
    (app.parent / "folder_of_mine").mkdir()
    assert main(name) == f"there is no module {name}"


@pytest.mark.parametrize(
    ("mistake", "problem"),
    [
        (
            "QueueSettings(fifoo=True)",
            "folder_of_mine/__init__.py:3: QueueSettings() has no setting 'fifoo'; did you mean fifo?",
        ),
        (
            "add_stacks(None, {'dev': StackSettings(region='mars', pipelines={'a': None})})",
            "2 settings are out of bounds:\n"
            "  dev region = 'mars': must be an AWS region such as eu-central-1 (AWS regions)\n"
            "  dev pipelines = {'a': None}: must be a mapping of text to PipelineSettings "
            "('a' is of type NoneType)",
        ),
    ],
)
def test_a_mistake_in_the_package_that_an_app_is_in_is_told_too(app: Path, mistake: str, problem: str) -> None:
    package(app, f"{IMPORTS}{mistake}\n")
    assert main("folder_of_mine.stacks") == problem


def test_what_a_package_lacks_is_not_taken_for_the_app(app: Path) -> None:
    package(app, "import nothing_of_mine\n")
    with pytest.raises(ModuleNotFoundError, match="nothing_of_mine"):
        main("folder_of_mine.stacks")


def test_an_app_in_a_package_imports_from_its_side(app: Path) -> None:
    package(app, "NAME = 'mine'\n").write_text("import sys\nfrom . import NAME\nassert sys.argv == [__file__]\n")
    assert str(main("folder_of_mine.stacks")).startswith("nothing was synthesized"), "it ran to its end"


def package(app: Path, content: str) -> Path:
    """Write a package, and return the path of an app in it."""
    folder = app.parent / "folder_of_mine"
    folder.mkdir()
    (folder / "__init__.py").write_text(content)
    (folder / "stacks.py").write_text("")
    return folder / "stacks.py"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "from constructs_lib import InstancesCapacity\n",
            "stacks_of_mine.py:1: constructs_lib has no InstancesCapacity; did you mean InstanceCapacity?",
        ),
        (
            "import constructs_lib\nconstructs_lib.PipelineSetting\n",
            "stacks_of_mine.py:2: constructs_lib has no PipelineSetting; did you mean PipelineSettings?",
        ),
        (
            "from constructs_lib.codecs import Records\n",
            "stacks_of_mine.py:1: constructs_lib.codecs has no Records; did you mean Record?",
        ),
        (
            "import constructs_libs\n",
            "stacks_of_mine.py:1: there is no module constructs_libs; did you mean constructs_lib?",
        ),
        ("from constructs_lib.stacks import x\n", "stacks_of_mine.py:1: there is no module constructs_lib.stacks"),
        ("from constructs_lib import Nothing\n", "stacks_of_mine.py:1: constructs_lib has no Nothing"),
        ("x = (1,\n", "stacks_of_mine.py:1: '(' was never closed"),
        ("if True:\nx = 1\n", "stacks_of_mine.py:2: expected an indented block after 'if' statement on line 1"),
    ],
)
def test_a_name_or_line_of_python_that_is_wrong_is_told_in_one(app: Path, lines: str, problem: str) -> None:
    app.write_text(lines)
    assert main("stacks_of_mine") == problem


@pytest.mark.parametrize(
    ("lines", "exception"),
    [
        ("import boto4\n", ImportError),
        ("from os import paths\n", ImportError),
        ("None.x\n", AttributeError),
        ("compile('x = (', 'text', 'exec')\n", SyntaxError),
    ],
)
def test_what_is_not_the_library_s_is_python_s_to_tell(app: Path, lines: str, exception: type[Exception]) -> None:
    app.write_text(lines)
    with pytest.raises(exception):
        main("stacks_of_mine")


def test_a_traceback_begins_in_the_app(app: Path) -> None:
    app.write_text("def load():\n    return {}['x']\n\n\nload()\n")
    ran = run("stacks_of_mine")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[1].strip() == f'File "{app}", line 5, in <module>'
    assert ran.stderr.splitlines()[-1] == "KeyError: 'x'"
    assert "runpy" not in ran.stderr


def test_any_other_mistake_keeps_its_traceback(app: Path) -> None:
    app.write_text("{}['x']\n")
    with pytest.raises(KeyError):
        main("stacks_of_mine")
    app.write_text("int('x')\n")
    with pytest.raises(ValueError, match="invalid literal"):
        main("stacks_of_mine")


def test_the_command_ends_with_status_2_and_one_line(app: Path) -> None:
    app.write_text(f"{IMPORTS}PipelineSettings(endpoints=1)\n")
    for arguments in (["stacks_of_mine"], []):
        ran = run(*arguments)
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)


def test_without_the_command_the_exception_is_a_type_error() -> None:
    """mypy finds the same mistakes; whoever catches TypeError, as of any class, catches this one."""
    assert issubclass(SettingsArgumentError, TypeError)
