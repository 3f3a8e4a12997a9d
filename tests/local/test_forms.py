"""Messages in every envelope reach the model, and results come back from every sink."""

import json
from pathlib import Path

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    HuggingFaceModel,
    InferenceSettings,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    ServerlessCapacity,
    StackSettings,
    add_stacks,
)
from constructs_lib.settings import Capacity

import pytest
from cdktf import App

from tests.local.conftest import RunLocally

MODEL = HuggingFaceModel(model_id="owner/model", task="text-classification")


def synthesized(
    folder: Path,
    inference: InferenceSettings,
    results: ResultsSettings,
    queue: QueueSettings | None = None,
    capacity: Capacity = ServerlessCapacity(),
) -> Path:
    pipeline = PipelineSettings(
        endpoint=EndpointSettings(model=MODEL, capacity=capacity),
        queue=queue or QueueSettings(),
        inference=inference,
        results=results,
    )
    app = App(outdir=str(folder))
    add_stacks(app, {"forms": StackSettings(region="us-east-1", pipelines={"language": pipeline})})
    app.synth()
    return folder / "stacks" / "forms" / "cdk.tf.json"


@pytest.mark.parametrize(
    ("inference", "results"),
    [
        (InferenceSettings(envelope="sns"), ResultsSettings(sink="sns")),
        (InferenceSettings(envelope="eventbridge"), ResultsSettings(sink="eventbridge")),
        (InferenceSettings(envelope="cloudevents"), ResultsSettings(sink="s3", location="s3://my-results/language/")),
        (InferenceSettings(body_encoding="base64"), ResultsSettings()),
        (InferenceSettings(envelope="s3", input_location="s3://my-inputs/texts/"), ResultsSettings()),
    ],
    ids=["sns", "eventbridge", "cloudevents", "base64", "s3"],
)
def test_a_message_in_its_envelope_has_its_own_result(
    run_locally: RunLocally, tmp_path: Path, inference: InferenceSettings, results: ResultsSettings
) -> None:
    template = synthesized(tmp_path / "out", inference, results)
    done = run_locally("--template", template, "--count", 40, "--poison", 0.1)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["succeeded"], report["checked"], report["accuracy"], report["lost"]) == (36, 36, 1.0, 0)


def test_a_fifo_topic_keeps_the_order_of_each_group(run_locally: RunLocally, tmp_path: Path) -> None:
    queue, results = QueueSettings(fifo=True), ResultsSettings(sink="sns")
    template = synthesized(tmp_path / "out", InferenceSettings(), results, queue)
    done = run_locally("--template", template, "--count", 60, "--poison", 0)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["succeeded"], report["groups"]) == (60, {"total": 3, "out_of_order": 0})


def test_a_file_that_no_setting_can_send_is_refused(run_locally: RunLocally, tmp_path: Path) -> None:
    tmp_path.joinpath("cat.png").write_bytes(b"\x89PNG")
    tmp_path.joinpath("messages.jsonl").write_text('{"file": "cat.png"}\n')
    template = synthesized(tmp_path / "out", InferenceSettings(codec="single"), ResultsSettings())
    done = run_locally("--template", template, "--messages", tmp_path / "messages.jsonl")
    message = "a file can't be a message: the pipeline has no input_location, and takes no base64"
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"file": "none.png"}', "{folder}/none.png: No such file or directory"),
        ('{"file": "empty.png"}', "{folder}/empty.png is empty"),
        ('{"file": ""}', None),
        ('{"file": 4}', None),
    ],
)
def test_a_file_that_is_not_there_is_named(
    run_locally: RunLocally, tmp_path: Path, line: str, message: str | None
) -> None:
    tmp_path.joinpath("empty.png").touch()
    messages = tmp_path / "messages.jsonl"
    messages.write_text(f"{line}\n")
    done = run_locally("--messages", messages)
    forms = 'must be an object with "inputs", a text that is not empty, with "body", or with "file", a path'
    expected = f"{messages} line 1: {message.format(folder=tmp_path)}" if message else f"{messages} line 1 {forms}"
    assert (done.returncode, done.stderr) == (2, f"error: {expected}\n")


def test_objects_that_only_an_asynchronous_endpoint_reads_are_all_scored(
    run_locally: RunLocally, tmp_path: Path
) -> None:
    capacity = AsyncCapacity(
        instance_type="ml.m5.xlarge",
        request_location="s3://my-calls/requests/",
        output_location="s3://my-calls/answers/",
    )
    inference = InferenceSettings(codec="single", envelope="s3", input_location="s3://my-inputs/texts/")
    template = synthesized(tmp_path / "out", inference, ResultsSettings(), capacity=capacity)
    done = run_locally("--template", template, "--count", 20, "--poison", 0.2)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["succeeded"], report["dead_lettered"], report["lost"]) == (20, {"total": 0}, 0)
