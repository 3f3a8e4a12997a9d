"""The fast door changes how long a synth takes, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

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
    made = {path.parent.name: path.read_text() for path in out.glob("stacks/*/cdk.tf.json")}
    # The state's path is the folder's, and all that may differ.
    assert {name: text.replace(str(clone), str(ROOT)).encode() for name, text in made.items()} == fast


def test_a_provider_index_of_another_shape_is_left_as_it_is(tmp_path: Path) -> None:
    index = tmp_path / "node_modules" / "@cdktf" / "provider-other" / "lib" / "index.js"
    index.parent.mkdir(parents=True)
    index.write_text('exports.a = 1;\nexports.b = require("./b");\nexports.c = (() => 3)();\n')
    index.with_name("b.js").write_text("module.exports = 2;\n")
    program = tmp_path / "program.js"
    program.write_text(f"const m = require({str(index)!r}); console.log(m.a, m.b, m.c, Object.keys(m).join());\n")
    import constructs_lib  # noqa: F401, PLC0415  # sets JSII_NODE

    preload = ROOT / "constructs_lib" / "jsii_door.cjs"
    result = subprocess.run(
        [os.environ["JSII_NODE"], "--require", str(preload), str(program)],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "1 2 3 a,c,b\n"


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
