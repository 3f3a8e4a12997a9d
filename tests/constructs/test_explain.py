"""Derived values as they are printed, word for word."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib.explain import explain
from constructs_lib.settings import (
    AsyncCapacity,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    ProvisionedPollers,
    QueueSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    StackSettings,
    Variant,
)

import pytest

MODEL = HuggingFaceModel(model_id="owner/model", task="text-classification")
INSIDE = "  batches inside      of texts of like length, 4,096 padded tokens a request at most"
SMALLEST = PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ServerlessCapacity(max_concurrency=10)))
INSTANCES = InstanceCapacity(instance_type="ml.c5.large", max_instances=3, concurrent_requests_per_instance=8)

DAY = ScheduledCapacity(name="day", schedule="cron(0 7 * * ? *)", min_instances=3, max_instances=9)
NEWCOMER = Variant(name="newcomer", capacity=replace(INSTANCES, concurrent_requests_per_instance=4))
ASYNC = AsyncCapacity(instance_type="ml.c5.large", request_location="s3://abc/in/", output_location="s3://abc/out/")


def _explain(pipeline: PipelineSettings) -> list[str]:
    return explain({"dev": StackSettings(region="eu-central-1", pipelines={"x": pipeline})}).splitlines()


def test_every_derived_value_is_said_with_what_it_comes_from() -> None:
    assert _explain(SMALLEST) == [
        "dev/x",
        "  request timeout     20 s, of the function's 30 s",
        "  visibility timeout  180 s = 6 x function timeout 30 s",
        "  requests in flight  2 per invocation: a batch of 10 fills 1 request of 32; 2 at least, 8 at most",
        "  invocations         5 at once = the endpoint's 10 requests at once / 2 in flight",
        INSIDE,
    ]


def test_pipelines_of_all_stacks_are_said_with_a_line_between() -> None:
    stack = StackSettings(region="eu-central-1", pipelines={"a": SMALLEST, "b": SMALLEST})
    lines = explain({"dev": stack, "prod": stack}).splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["dev/a", "", "dev/b", "", "prod/a", "", "prod/b"]


def test_what_is_set_by_hand_is_said_to_be() -> None:
    changed = replace(
        SMALLEST,
        queue=QueueSettings(visibility_timeout_seconds=600),
        inference=InferenceSettings(requests_in_flight=3),
        event_source=EventSourceSettings(maximum_concurrency=4),
    )
    assert _explain(changed)[2:] == [
        "  visibility timeout  600 s, as set",
        "  requests in flight  3 per invocation, as set",
        "  invocations         4 at once, as set; the endpoint takes 10 requests at once",
        INSIDE,
    ]


def _with_endpoint(endpoint: EndpointSettings | ExistingEndpoint, **changes: Any) -> PipelineSettings:
    return replace(SMALLEST, endpoint=endpoint, **changes)


@pytest.mark.parametrize(
    ("pipeline", "line"),
    [
        (
            _with_endpoint(EndpointSettings(model=MODEL, capacity=INSTANCES)),
            "12 at once = the endpoint's 24 requests at once (3 instances x 8) / 2 in flight",
        ),
        (
            _with_endpoint(EndpointSettings(model=MODEL, capacity=replace(INSTANCES, max_instances=1))),
            "4 at once = the endpoint's 8 requests at once (1 instance x 8) / 2 in flight",
        ),
        (
            _with_endpoint(EndpointSettings(model=MODEL, capacity=replace(INSTANCES, schedule=(DAY,)))),
            "36 at once = the endpoint's 72 requests at once (9 scheduled instances x 8) / 2 in flight",
        ),
        (
            _with_endpoint(EndpointSettings(model=MODEL, capacity=INSTANCES, weight=9, more_variants=(NEWCOMER,))),
            "13 at once = the endpoint's 26 requests at once (primary: 3 instances x 8, for 9 of 10 requests) / 2 in "
            "flight",
        ),
        (
            _with_endpoint(EndpointSettings(model=MODEL, capacity=INSTANCES, more_variants=(NEWCOMER,))),
            "12 at once = the endpoint's 24 requests at once (newcomer: 3 instances x 4, for 1 of 2 requests) / 2 in "
            "flight",
        ),
        (
            _with_endpoint(ExistingEndpoint(name="theirs", concurrent_requests=6)),
            "3 at once = the endpoint's 6 requests at once / 2 in flight",
        ),
        (
            _with_endpoint(ExistingEndpoint(name="theirs", concurrent_requests=1)),
            "2 at once = the endpoint's 1 request at once / 2 in flight, at least 2 (Lambda)",
        ),
        (
            _with_endpoint(ExistingEndpoint(name="theirs", concurrent_requests=9000)),
            "1000 at once = the endpoint's 9000 requests at once / 2 in flight, at most 1000 (Lambda)",
        ),
        (
            _with_endpoint(EndpointSettings(model=MODEL, capacity=ASYNC)),
            "as many at once as Lambda starts: the endpoint queues requests itself",
        ),
        (
            replace(SMALLEST, event_source=EventSourceSettings(provisioned_pollers=ProvisionedPollers(maximum=7))),
            "at most 7 provisioned pollers x 10 at once",
        ),
    ],
)
def test_where_the_number_of_invocations_comes_from(pipeline: PipelineSettings, line: str) -> None:
    assert _explain(pipeline)[4] == f"  invocations         {line}"


@pytest.mark.parametrize(
    ("source", "inference", "line"),
    [
        (
            EventSourceSettings(batch_size=100, batching_window_seconds=5),
            InferenceSettings(),
            "4 per invocation: a batch of 100 fills 4 requests of 32; 2 at least, 8 at most",
        ),
        (
            EventSourceSettings(),
            InferenceSettings(codec="single"),
            "8 per invocation: a batch of 10 fills 10 requests of 1; 2 at least, 8 at most",
        ),
    ],
)
def test_where_the_requests_in_flight_come_from(
    source: EventSourceSettings, inference: InferenceSettings, line: str
) -> None:
    assert _explain(replace(SMALLEST, event_source=source, inference=inference))[3] == f"  requests in flight  {line}"


def test_an_asynchronous_endpoint_gets_each_record_by_itself() -> None:
    assert _explain(_with_endpoint(EndpointSettings(model=MODEL, capacity=ASYNC)))[3] == (
        "  requests in flight  8 per invocation: a batch of 10 fills 10 requests of 1; 2 at least, 8 at most"
    )


def test_the_batching_window_counts_in_the_visibility_timeout() -> None:
    source = EventSourceSettings(batching_window_seconds=5)
    changed = replace(SMALLEST, function=FunctionSettings(timeout_seconds=90), event_source=source)
    assert _explain(changed)[1:3] == [
        "  request timeout     70 s, of the function's 90 s",
        "  visibility timeout  545 s = 6 x function timeout 90 s + batching window 5 s",
    ]


APP = """
from constructs_lib import *
model = HuggingFaceModel(model_id="owner/model", task="text-classification")
pipeline = PipelineSettings(endpoint=EndpointSettings(model=model), queue=QueueSettings(delay_seconds={delay}))
synthesize({{"dev": StackSettings(region="eu-central-1", pipelines={{"x": pipeline}})}})
"""


def _run_app(folder: Path, delay: int, **environment: str) -> "subprocess.CompletedProcess[str]":
    project = Path(__file__).parents[2]
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(project)!r})" + APP.format(delay=delay)]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def test_an_app_writes_its_stacks_and_says_what_was_derived_and_what_is_not_advised(tmp_path: Path) -> None:
    run = _run_app(tmp_path, delay=0)
    assert (run.returncode, run.stderr) == (
        0,
        "WARN [dev/x]: function.timeout_seconds is 30: it leaves a request 20 s, a cold serverless container may take "
        "60; 75 or more lets it answer [timeout-below-cold-start]\n",
    )
    assert run.stdout.splitlines() == _explain(SMALLEST)
    assert (tmp_path / "cdktf.out/stacks/dev/cdk.tf.json").exists()


def test_warnings_are_left_to_cdktf_cli_where_that_runs_the_app(tmp_path: Path) -> None:
    run = _run_app(tmp_path, delay=0, CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS="true")
    assert (run.returncode, run.stderr) == (0, "")
    assert "[timeout-below-cold-start]" in (tmp_path / "cdktf.out/manifest.json").read_text()


def test_an_app_whose_settings_are_out_of_bounds_says_so_and_writes_nothing(tmp_path: Path) -> None:
    run = _run_app(tmp_path, delay=901)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.splitlines() == [
        "1 setting is out of bounds:",
        "  dev/x queue.delay_seconds = 901: must be 0 to 900 seconds (SQS DelaySeconds)",
    ]
    assert list(tmp_path.rglob("*.tf.json")) == []
