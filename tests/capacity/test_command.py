"""The command: its text, its JSON, and one line for a mistake of the user's."""

import json
import os
import subprocess
import sys
from pathlib import Path

from constructs_lib import ContainerModel, EndpointSettings, InstanceCapacity, PipelineSettings

import pytest

from capacity.__main__ import _work, main
from capacity.options import parse
from capacity.simulation.arrivals import FORMS
from tests.capacity.pipelines import pipeline, synthesized

ROOT = Path(__file__).parents[2]
MODEL = ContainerModel(image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/scorer:1.2")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    endpoint = EndpointSettings(model=MODEL, capacity=InstanceCapacity(instance_type="ml.c5.large"))
    return synthesized(tmp_path_factory.mktemp("stack"), PipelineSettings(endpoint=endpoint))


def test_it_says_what_sets_the_most_and_what_comes_next(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--template", str(template), "--rate", "50", "--formulas"]) == 0
    text = capsys.readouterr().out
    assert "s/p at 50 messages/s of 1,024 bytes, model 20 ms + 0.5 ms a record" in text
    assert [line.split("<-")[1].strip() for line in text.splitlines() if "<-" in line] == ["sets it", "next"]
    assert "At 50 messages/s: carried" in text
    assert "A month (730 h)" in text
    assert "One call a record" in text
    assert "Serverless (4,096 MB) and one" in text


def test_json_has_the_same_numbers(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--template", str(template), "--rate", "50", "--formulas", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["pipeline"] == "s/p"
    assert found["stable"]
    assert found["limits"][0]["per_second"] == found["most_per_second"]
    assert found["month_usd"]["total"] == pytest.approx(sum(line["usd"] or 0 for line in found["bill"]))
    assert all(line["price"]["source"] for line in found["bill"] if line["price"])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--rate", "many"], f"--rate 'many' is not {FORMS}"),
        (["--rate", "0"], "--rate '0': no message arrives at all"),
        (["--hours", "long"], "--hours 'long' is not a number"),
        (["--start", "soon"], "--start 'soon' is not a duration such as 20ms, 1.5s or 2h"),
        (["--record-bytes", "2000000"], "--record-bytes 2000000: SQS takes messages of 1,048,576 bytes"),
        (["--round-trip", "ten"], "--round-trip 'ten' is not a duration such as 20ms, 1.5s or 2h"),
        (["--round-trip", "1m"], "--round-trip 60 s: must be 0 to 10 s"),
        (["--groups", "0"], "argument --groups: '0' is not a whole number of at least 1"),
        (["--pipeline", "q"], "there is no pipeline q, but there are: s/p"),
        (["--prices", "absent.toml"], "--prices absent.toml: No such file or directory"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(
    template: Path, arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--template", str(template), *arguments]) == 2
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", f"error: {error}\n")


def test_an_app_or_template_that_is_not_there_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--app", "nowhere"]) == 2
    assert capsys.readouterr().err == "error: there is no module nowhere\n"
    assert main(["--template", "absent.json"]) == 2
    assert capsys.readouterr().err == "error: absent.json: No such file or directory\n"


def test_without_a_folder_the_brief_line_is_of_the_app_and_of_none_that_was_synthesized_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CDKTF_OUTDIR", str(tmp_path / "left"))
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "manifest.json").write_text('{"stacks": {"left": {"synthesizedStackPath": "left.json"}}}')
    assert main(["--brief", "--app", "examples.fifo_per_group", "--report", str(tmp_path / "report")]) == 0
    assert [row.split("  at most ")[0] for row in capsys.readouterr().out.splitlines()[1:]] == ["chat/moderation"]
    assert main(["--brief", "--synthesized", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/none/manifest.json: No such file or directory\n"


def test_the_brief_line_reads_what_is_synthesized(tmp_path: Path) -> None:
    environment = {**os.environ, "CDKTF_OUTDIR": str(tmp_path)}
    subprocess.run([sys.executable, "main.py"], cwd=ROOT, env=environment, check=True, capture_output=True)
    run = subprocess.run(
        [sys.executable, "-m", "capacity", "--brief", "--synthesized", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    first, *rows = run.stdout.splitlines()
    assert run.stderr == ""
    assert first == "With a model of 20 ms + 0.5 ms a record (make capacity says it for yours):"
    assert [row.split("  at most ")[0].strip() for row in rows] == ["dev/language", "prod/language"]
    assert all("messages/s (event source concurrency); " in row and "USD a month idle" in row for row in rows)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"max_tokens": 100}, "100 tokens at 20 a second"),
        ({"max_new_tokens": 64}, "64 tokens at 20 a second"),
        ({}, "256 tokens at 20 a second"),
    ],
)
def test_without_a_model_time_a_chat_takes_as_long_as_its_longest_answer(parameters: dict[str, int], text: str) -> None:
    given = pipeline(codec="chat", parameters=parameters)
    assert _work(given, parse(["--rate", "1"])).model.text == text
    assert _work(given, parse(["--model", "2s"])).model.text == "2 s a request"
    assert _work(pipeline(), parse([])).model.text == "20 ms + 0.5 ms a record"
