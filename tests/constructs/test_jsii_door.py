"""The fast door changes how long a synth takes, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from constructs_lib.fast_synth.jsii_door import PRELOAD, packaged_node

import pytest

ROOT = Path(__file__).parents[2]
SYNTH = "import main, sys; main.build_app(sys.argv[1]).synth()"


def _synth(outdir: Path, **environment: str) -> dict[str, bytes]:
    """Synthesize the default app in a process of its own; return the Terraform JSON of each stack."""
    clean = {name: value for name, value in os.environ.items() if name not in ("NODE_OPTIONS", "JSII_NODE")}
    subprocess.run(
        [sys.executable, "-c", SYNTH, str(outdir)],
        cwd=ROOT,
        env={**clean, **environment},
        check=True,
    )
    return {path.parent.name: path.read_bytes() for path in outdir.glob("stacks/*/cdk.tf.json")}


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return _synth(tmp_path_factory.mktemp("fast"))


@pytest.mark.xdist_group("slow-synth")
def test_the_slow_way_synthesizes_the_same(fast: dict[str, bytes], tmp_path: Path) -> None:
    assert set(fast) == {"dev", "prod"}
    assert _synth(tmp_path, CONSTRUCTS_LIB_FAST_SYNTH="0") == fast


def test_the_door_opens_where_the_path_has_a_space(fast: dict[str, bytes], tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    clone.mkdir()
    for name in ("main.py", "constructs_lib", "handler"):
        (clone / name).symlink_to(ROOT / name)
    synth = f"import sys; sys.path.insert(0, {str(clone)!r}); {SYNTH}"
    environment = {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}
    out = tmp_path / "cdktf out"
    subprocess.run([sys.executable, "-c", synth, str(out)], cwd=clone, env=environment, check=True)
    written = {path.parent.name: path.read_text() for path in out.glob("stacks/*/cdk.tf.json")}
    # The state's path is the folder's, and all that may differ.
    assert {name: text.replace(str(clone), str(ROOT)).encode() for name, text in written.items()} == fast


def test_a_provider_index_of_another_shape_is_left_as_it_is(tmp_path: Path) -> None:
    index = tmp_path / "node_modules" / "@cdktf" / "provider-other" / "lib" / "index.js"
    index.parent.mkdir(parents=True)
    index.write_text('exports.a = 1;\nexports.b = require("./b");\nexports.c = (() => 3)();\n')
    index.with_name("b.js").write_text("module.exports = 2;\n")
    program = tmp_path / "program.js"
    program.write_text(f"const m = require({str(index)!r}); console.log(m.a, m.b, m.c, Object.keys(m).join());\n")
    node = packaged_node()
    assert node is not None
    result = subprocess.run(
        [str(node), "--require", str(PRELOAD), str(program)],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "1 2 3 a,b,c\n"


def test_the_package_still_answers_for_its_modules() -> None:
    code = (
        "import constructs_lib, cdktf_cdktf_provider_aws as aws; print(aws.sqs_queue.SqsQueue.__name__);"
        "print(hasattr(aws, 'no_such_module'), hasattr(aws, '__version__'))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "SqsQueue\nFalse False\n"


def test_a_mistake_in_the_settings_ends_in_a_message_not_a_traceback(tmp_path: Path) -> None:
    for name in ("constructs_lib", "handler"):
        (tmp_path / name).symlink_to(ROOT / name)
    mistaken = (ROOT / "main.py").read_text().replace("timeout_seconds=90", "timeout_seconds=901")
    (tmp_path / "main.py").write_text(mistaken)
    result = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == (
        "2 settings are out of bounds:\n"
        "  dev/language function.timeout_seconds = 901: must be 1 to 900 seconds (Lambda Timeout)\n"
        "  prod/language function.timeout_seconds = 901: must be 1 to 900 seconds (Lambda Timeout)\n"
    )


def _run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


LOADED = "[name for name in sys.modules if name.partition('.')[0] in ('cdktf', 'constructs', 'jsii', 'subprocess')]"


def test_settings_load_nothing_start_nothing_and_change_nothing() -> None:
    result = _run(
        "import os, sys; before = dict(os.environ);"
        "import constructs_lib.settings, constructs_lib; constructs_lib.PipelineSettings;"
        f"print({LOADED}, dict(os.environ) == before)"
    )
    assert result.stdout == "[] True\n", result.stderr


def test_only_node_gets_the_variables_that_are_for_it() -> None:
    result = _run(
        "import os; before = dict(os.environ); import constructs_lib, cdktf; cdktf.App();"
        "print(dict(os.environ) == before)"
    )
    assert result.stdout == "True\n", result.stderr


@pytest.mark.parametrize("fast", ["0", "1"])
def test_cdktf_may_be_imported_first_or_after_settings(fast: str) -> None:
    for first in ("constructs_lib.settings", "constructs_lib", "cdktf"):
        result = _run(
            f"import {first}, constructs_lib, cdktf; print(constructs_lib.InferenceStack.__name__)",
            CONSTRUCTS_LIB_FAST_SYNTH=fast if first != "cdktf" else "1",
        )
        assert result.stdout == "InferenceStack\n", f"{first} first: {result.stderr}"


def test_every_public_name_loads_and_is_listed() -> None:
    import constructs_lib  # noqa: PLC0415

    assert all(getattr(constructs_lib, name) is not None for name in constructs_lib.__all__)
    assert set(constructs_lib.__all__) <= set(dir(constructs_lib))
    with pytest.raises(AttributeError, match="module 'constructs_lib' has no attribute 'Infernce'"):
        constructs_lib.Infernce  # noqa: B018


def test_without_node_jsii_says_so() -> None:
    result = _run("import main", JSII_NODE="/nowhere/node")
    assert result.returncode == 1
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/node'\n" in result.stderr


def test_a_runtime_of_the_user_s_own_is_used() -> None:
    result = _run("import main; main.build_app()", JSII_RUNTIME="/nowhere/runtime.js")
    assert result.returncode == 1
    assert "Cannot find module '/nowhere/runtime.js'" in result.stderr
