"""Each pipeline of a chain is answered by a container that speaks its codec."""

import json
from pathlib import Path
from typing import Any

import pytest

from handler.settings import HandlerSettings
from local.containers import container_for
from local.endpoint import EndpointServer
from local.errors import UsageError
from local.messages import Sample
from local.options import Options
from local.serving import Serving, serving_of
from local.template import MAPPING, Block, Template
from tests.local.conftest import RunLocally

SAMPLES = [Sample("Guten Morgen", "de")]


def chain_of(**environments: dict[str, str]) -> Template:
    """Return a template in which each pipeline feeds the next one by its queue."""
    blocks = []
    names = list(environments)
    for name, environment in environments.items():
        later = names[names.index(name) + 1 :][:1]
        target = f"${{aws_sqs_queue.{later[0]}.url}}" if later else ""
        variables = {"ENDPOINT_NAME": name, "RESULT_TARGET": target, **environment}
        arguments: dict[str, dict[str, Any]] = {
            "aws_lambda_function": {"environment": {"variables": variables}},
            "aws_sqs_queue": {},
            MAPPING: {},
        }
        blocks += [Block(f"{type_}.{name}", type_, found, part=name) for type_, found in arguments.items()]
    return Template(Path("cdk.tf.json"), "stack", "eu-central-1", blocks={block.address: block for block in blocks})


def serving(template: Template, **options: Any) -> Serving:
    return serving_of(template, Options(**options), SAMPLES)


def test_a_label_and_then_a_language_models_answer(run_locally: RunLocally, tmp_path: Path) -> None:
    done = run_locally("--app", "tests.local.two_codecs", "--pipeline", "label", "--count", 60, "--poison", 0.1)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    ends = report["results_of"]
    assert (report["succeeded"], report["lost"], sum(ends.values())) == (54, 0, 54)
    assert ends["answer"] > 0, "no message came to the second codec, so nothing was shown of it"
    assert report["checked"] == ends["label"], (
        "what a message gets from the first container alone is known, and no more"
    )
    assert report["accuracy"] == 1
    both = "py3langid, 21 languages; a stand-in for a language model's server, http://127.0.0.1"
    assert both in " ".join(done.stdout.split())


def test_pipelines_that_differ_in_nothing_share_a_container_and_its_one_worker() -> None:
    found = serving(chain_of(a={"CODEC": "huggingface"}, b={"CODEC": "huggingface"}))
    assert found.containers["a"] is found.containers["b"]
    assert found.names == "py3langid, 21 languages"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"CODEC": "chat"}, {"CODEC": "huggingface"}),
        ({"CODEC": "instances", "REQUEST_KEY": "rows"}, {"CODEC": "instances"}),
        ({"CODEC": "chat"}, {"CODEC": "chat", "PARAMETERS": '{"max_tokens": 5}'}),
    ],
    ids=["the codec", "its keys", "how long its answers are"],
)
def test_pipelines_that_differ_have_containers_of_their_own(first: dict[str, str], second: dict[str, str]) -> None:
    found = serving(chain_of(a=first, b=second))
    assert found.containers["a"] is not found.containers["b"]
    assert (found.first, found.codec, found.container) == ("a", first["CODEC"], found.containers["a"])
    assert [sample.expected for sample in found.samples] == [None if first["CODEC"] == "chat" else "de"]


def test_a_file_answers_for_the_codecs_that_nobody_else_knows_or_for_all(tmp_path: Path) -> None:
    file, layer = tmp_path / "mine.py", tmp_path / "layer"
    file.write_text("def answer(body, content_type):\n    return body, content_type\n")
    (layer / "python").mkdir(parents=True)
    (layer / "python" / "my.py").touch()
    own = chain_of(a={"CODEC": "huggingface"}, b={"CODEC": "my:make"})
    assert serving(own, model=file, layer=layer).names == "py3langid, 21 languages; mine.py"
    with pytest.raises(UsageError, match="only you know what a container answers to the codec my:make"):
        serving(own, layer=layer)
    built_in = chain_of(a={"CODEC": "huggingface"}, b={"CODEC": "chat"})
    assert serving(built_in, model=file).names == "mine.py"


def test_a_request_is_answered_by_the_container_of_its_endpoint_and_component() -> None:
    first, other, third = (
        container_for(HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", codec=codec))
        for codec in ("huggingface", "chat", "csv")
    )
    with EndpointServer(first) as server:
        server.containers = {("one", ""): other, ("one", "part"): third}
        assert server.container_of("one", "") is other
        assert server.container_of("one", "part") is third
        assert server.container_of("two", "") is first
