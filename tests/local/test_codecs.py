"""Each codec runs: messages in its format, a container that speaks it, results held against the record alone."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import UsageError
from local.layers import Layer, layers_of
from local.options import Options
from local.own_container import OwnContainer
from local.template import Template
from tests.local.conftest import Document, RunLocally

EXAMPLE = Path(__file__).parents[2] / "examples" / "layers" / "own_codec"
Edited = Callable[[Callable[[Document], None]], Path]
OWN = "my_codec:make"


@pytest.fixture
def template_of(edited_template: Edited) -> Callable[..., Path]:
    """Write the dev stack with this codec, and these layers at its function."""

    def edit(codec: str, *layers: str) -> Path:
        def change(document: Document) -> None:
            (function,) = document["resource"]["aws_lambda_function"].values()
            function["environment"]["variables"] |= {"CODEC": codec, "BATCH_INSIDE": "false"}
            function["layers"] = list(layers)

        return edited_template(change)

    return edit


@pytest.mark.parametrize(
    ("codec", "poison"),
    [
        ("instances", {"malformed": 1, "too-large": 1}),
        ("jsonlines", {"malformed": 1, "too-large": 1}),
        ("csv", {"malformed": 2}),
        ("single", {"malformed": 1, "too-large": 1}),
        ("kserve", {"malformed": 2}),
    ],
)
def test_every_codec_runs(
    run_locally: RunLocally, template_of: Callable[..., Path], tmp_path: Path, codec: str, poison: dict[str, int]
) -> None:
    done = run_locally("--template", template_of(codec), "--count", 30, "--poison", 0.07)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["succeeded"], report["checked"], report["lost"]) == (28, 28, 0)
    assert report["dead_lettered"] == {"total": 2, **poison}
    assert report["accuracy"] == (None if codec == "csv" else 1)
    assert report["command"] == f'make demo ARGS="--count 30 --seed 0 --poison 0.07 --template {tmp_path}/cdk.tf.json"'


def test_the_example_of_an_own_codec_runs_and_its_poison_has_its_reason(
    run_locally: RunLocally, tmp_path: Path
) -> None:
    done = run_locally("--app", "examples.own_codec", "--count", 60, "--poison", 0.1)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["succeeded"], report["checked"], report["accuracy"], report["lost"]) == (54, 54, 1, 0)
    assert report["dead_lettered"] == {"total": 6, "malformed": 4, "model-error": 2}
    page = (tmp_path / "report" / "report.html").read_text()
    assert "served locally by container.py" in page
    assert "<td>no words in it</td>" in page


def test_a_codec_that_gives_results_to_the_wrong_records_is_found_out(
    run_locally: RunLocally, template_of: Callable[..., Path], tmp_path: Path
) -> None:
    layer = tmp_path / "wrong"
    shutil.copytree(EXAMPLE, layer)
    module = layer / "python" / "my_codec.py"
    content = module.read_text()
    assert "for id_ in asked]" in content
    module.write_text(content.replace("for id_ in asked]", "for id_ in reversed(asked)]"))
    done = run_locally("--template", template_of(OWN), "--layer", layer, "--count", 30, "--poison", 0)
    assert done.returncode == 1
    (complaint,) = json.loads((tmp_path / "report" / "report.json").read_text())["complaints"]
    assert complaint.startswith("results that are not those of the message alone in a request: ")


def test_an_own_codec_without_its_layer_its_container_or_its_messages_says_so(
    run_locally: RunLocally, template_of: Callable[..., Path], tmp_path: Path
) -> None:
    template = template_of(OWN, "arn:aws:lambda:eu-central-1:123456789012:layer:none:1")
    layer = tmp_path / "layer"
    shutil.copytree(EXAMPLE / "python", layer / "python")
    said = [run_locally("--template", template, *more) for more in ((), ("--layer", layer))]
    (layer / "container.py").write_text((EXAMPLE / "container.py").read_text())
    said += [run_locally("--template", template, "--layer", layer)]
    (layer / "python" / "my_codec.py").write_text("")
    said += [run_locally("--template", template, "--layer", layer, "--messages", EXAMPLE / "messages.jsonl")]
    assert [done.returncode for done in said] == [2, 2, 2, 2]
    assert [done.stderr for done in said] == [
        "error: the layer of the codec my_codec:make was not found: name its folder or zip by --layer, or put it, by "
        "the layer's name, into a folder layers beside the app\n",
        "error: only you know what a container answers to the codec my_codec:make: name a Python file with "
        "answer(body: bytes, content_type: str) -> tuple[bytes, str] by --model, or put it as container.py beside the "
        "layer's python/\n",
        "error: only you know the messages of the codec my_codec:make: name a file with a line {\"body\": …} for each "
        "by --messages, or put it as messages.jsonl beside the layer's python/\n",
        "error: codec my_codec:make: my_codec has no make\n",
    ]  # fmt: skip


def test_a_layers_zip_holds_its_python_folder_and_is_taken_as_it_is_if_it_is_one(tmp_path: Path) -> None:
    content = Layer("own_codec", EXAMPLE).content()
    archive = tmp_path / "own_codec.zip"
    archive.write_bytes(content)
    assert Layer("own_codec", archive).content() == content
    assert b"python/my_codec.py" in content
    assert b"container.py" not in content


def test_a_layer_that_lambda_could_not_use_is_refused(tmp_path: Path) -> None:
    flat = tmp_path / "flat.zip"
    with zipfile.ZipFile(flat, "w") as archive:
        archive.writestr("my_codec.py", "")
    (tmp_path / "text.zip").write_text("no zip")
    messages = []
    for path in (flat, tmp_path / "text.zip", tmp_path):
        with pytest.raises(UsageError) as error:
            Layer("own", path).content()
        messages.append(str(error.value))
    assert messages == [
        f"the layer {flat} has no folder python/ at its top, which is what Lambda looks into",
        f"the layer {tmp_path}/text.zip: File is not a zip file",
        f"the layer {tmp_path} must be a folder with files in python/, or a zip of one",
    ]


def test_layers_are_found_by_their_names_beside_the_app(template_of: Callable[..., Path]) -> None:
    arn = "arn:aws:lambda:eu-central-1:123456789012:layer:{}:1"
    template = Template.load(template_of(OWN, arn.format("none"), arn.format("own_codec"), "${aws_x.y.arn}"))
    assert layers_of(template, Options(app="examples.own_codec")) == [Layer("own_codec", EXAMPLE)]
    assert layers_of(template, Options()) == []
    named = Layer("mine", Path("a/mine.zip"))
    found = layers_of(template, Options(app="examples.own_codec", layer=named.path))
    assert found == [Layer("own_codec", EXAMPLE), named]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "FILE is not a Python file"),
        ("x = ", "FILE can't be loaded: SyntaxError: invalid syntax (FILE, line 1)"),
        ("", "FILE must define answer(body: bytes, content_type: str) -> tuple[bytes, str]"),
    ],
)
def test_a_container_that_can_t_answer_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "mine.py"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError) as error:
        OwnContainer(file)
    assert str(error.value).replace(" (mine.py,", f" ({file},") == message.replace("FILE", str(file))


def test_a_container_need_not_count() -> None:
    container = OwnContainer(EXAMPLE / "container.py")
    assert (container.count(b'{"tickets": [1, 2]}'), container.count(b"no JSON")) == (2, 1)
