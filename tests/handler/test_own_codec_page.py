"""The page on codecs of one's own: each of its blocks of code does what the page says."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from handler.codecs import codec_for
from handler.settings import HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request
from tests.handler.conftest import SUCCEEDED, Build, dead_lettered, make_event, outcomes

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "examples" / "layers" / "own_codec"
PAGE = (ROOT / "docs" / "own-codec.md").read_text()
CODEC, UNIT_TEST, BUILD, SETTINGS, CONTAINER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    path = f"{ROOT}{os.pathsep}{folder / 'python'}"
    variables = {**os.environ, "PYTHONPATH": path, "MYPYPATH": path}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """Write the page's files as it says."""
    for name, content in {
        "python/my_codec.py": CODEC,
        "tests/test_my_codec.py": UNIT_TEST,
        "build_layer.py": BUILD,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def on_path(layer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "my_codec", raising=False)
    monkeypatch.syspath_prepend(str(layer / "python"))


def test_the_page_shows_the_examples_own_files() -> None:
    assert (LAYER / "python" / "my_codec.py").read_text() == CODEC
    assert (LAYER / "container.py").read_text() == CONTAINER
    lines = [json.loads(line) for line in (LAYER / "messages.jsonl").read_text().splitlines()]
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(shown.splitlines()[1]) in lines


def test_its_unit_test_passes(layer: Path) -> None:
    done = run(layer, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_my_codec.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 passed" in done.stdout


def test_its_types_are_right_and_a_wrong_one_is_found(layer: Path) -> None:
    check = ("-m", "mypy", "--strict", "--cache-dir", layer / "cache", "python", "tests")
    done = run(layer, *check)
    assert done.returncode == 0, done.stdout
    changed = CODEC.replace("def decode(self, body: bytes, content_type: str,", "def decode(self, body: bytes,")
    (layer / "python" / "my_codec.py").write_text(changed)
    assert 'Incompatible return value type (got "TicketCodec", expected "Codec")' in run(layer, *check).stdout


def test_the_layers_zip_is_the_same_whenever_it_is_built(layer: Path) -> None:
    contents = []
    for name in ("one.zip", "two.zip"):
        done = run(layer, "build_layer.py", layer, name)
        assert (done.returncode, done.stderr) == (0, "")
        contents.append((layer / name).read_bytes())
        os.utime(layer / "python" / "my_codec.py", (0, 10**9))
        (layer / "python" / "__pycache__").mkdir(exist_ok=True)
        (layer / "python" / "__pycache__" / "my_codec.pyc").write_bytes(b"")
    assert contents[0] == contents[1]
    with zipfile.ZipFile(layer / "one.zip") as archive:
        assert archive.namelist() == ["python/my_codec.py"]


def test_its_settings_name_the_layer_and_the_codec() -> None:
    found: dict[str, object] = {}
    exec(SETTINGS, found)
    assert ":layer:my_codec:" in str(found["FUNCTION"])
    assert "my_codec:make" in str(found["INFERENCE"])


def answer_in_any_order(request: Request) -> Answer:
    results = [
        {"id": ticket["id"], **({"label": ticket["text"]} if ticket["text"].isalpha() else {"error": "no words in it"})}
        for ticket in json.loads(request.body)["tickets"]
    ]
    return Answer(body=json.dumps({"results": results[::-1]}).encode())


@pytest.mark.usefixtures("on_path")
def test_the_handler_scores_a_batch_with_it(aws: LocalAws, inference: Build) -> None:
    assert codec_for(HandlerSettings(endpoint_name="e", dead_letter_queue_url="q", codec="my_codec:make"))
    aws.endpoint = answer_in_any_order
    event = make_event(['{"text": "a"}', '{"text": "4711"}', "no JSON", '{"text": "b"}'])
    found = outcomes(aws, inference(codec="my_codec:make"), event)
    assert found == {
        "m0": SUCCEEDED, "m1": dead_lettered("model-error"), "m2": dead_lettered("malformed"), "m3": SUCCEEDED,
    }  # fmt: skip
    assert {id_: event["data"]["result"] for id_, event in aws.results().items()} == {
        "m0": {"label": "a"}, "m3": {"label": "b"},
    }  # fmt: skip
    assert aws.dead_letters()["m1"]["detail"] == "no words in it"
    assert len(aws.requests) == 1


@pytest.mark.usefixtures("on_path")
def test_an_answer_with_a_result_twice_is_believed_for_no_record(aws: LocalAws, inference: Build) -> None:
    def answer(request: Request) -> Answer:
        first, *_ = tickets = json.loads(request.body)["tickets"]
        results = [{"id": first["id"], "label": first["text"]} for _ in tickets]
        return Answer(body=json.dumps({"results": results}).encode())

    aws.endpoint = answer
    found = outcomes(aws, inference(codec="my_codec:make"), make_event(['{"text": "a"}', '{"text": "b"}']))
    assert found == {"m0": SUCCEEDED, "m1": SUCCEEDED}
    assert [event["data"]["result"]["label"] for _, event in sorted(aws.results().items())] == ["a", "b"]
    assert len(aws.requests) == 3
