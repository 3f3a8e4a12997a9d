"""Mistakes in a stack's settings: all named at once, whatever their type."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib import (
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InferenceStack,
    PipelineSettings,
    QueueSettings,
    ServerlessCapacity,
    SettingsError,
    StackSettings,
    add_stacks,
)
from constructs_lib.stack import check_stack

import pytest
from cdktf import Testing

from tests.constructs.conftest import stack_of


def test_everything_that_is_wrong_is_said_at_once(pipeline_settings: PipelineSettings) -> None:
    broken = replace(
        pipeline_settings,
        queue=QueueSettings(delay_seconds=901, max_message_bytes=1000),
        function=FunctionSettings(memory_mib=64, architecture="arm"),
    )
    endpoint = EndpointSettings(
        model=HuggingFaceModel(model_id="a b", task="text-classification"),
        capacity=ServerlessCapacity(memory_mib=1500),
    )
    stacks = {
        "dev": stack_of(language=broken),
        "prod": replace(stack_of(sentiment=PipelineSettings(endpoint=endpoint)), region="Frankfurt"),
    }
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), stacks)
    assert str(raised.value).splitlines() == [
        "7 settings are out of bounds:",
        "  dev/language queue.delay_seconds = 901: must be 0 to 900 seconds (SQS DelaySeconds)",
        "  dev/language queue.max_message_bytes = 1000: must be 1024 to 1048576 bytes (SQS MaximumMessageSize)",
        "  dev/language function.memory_mib = 64: must be 128 to 10240 MB (Lambda MemorySize)",
        "  dev/language function.architecture = 'arm': must be one of arm64, x86_64; did you mean arm64? (Lambda "
        "Architectures)",
        "  prod region = 'Frankfurt': must be an AWS region such as eu-central-1 (AWS regions)",
        "  prod/sentiment endpoint.model.model_id = 'a b': must be a Hub model id, `name` or `owner/name` "
        "(Hugging Face Hub)",
        "  prod/sentiment endpoint.capacity.memory_mib = 1500: must be 1024 to 6144 MB in steps of 1024 "
        "(SageMaker ServerlessConfig MemorySizeInMB)",
    ]


def test_the_readmes_example_of_mistakes_is_what_is_said(pipeline_settings: PipelineSettings) -> None:
    queue = QueueSettings(delay_seconds=901, visibility_timeout_seconds=29)
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", stack_of(language=replace(pipeline_settings, queue=queue)))
    assert str(raised.value) in (Path(__file__).parents[2] / "README.md").read_text()


def test_nothing_out_of_bounds_stops_the_check(pipeline_settings: PipelineSettings) -> None:
    inference = InferenceSettings(max_records_per_request=0, requests_in_flight=-1)
    source = EventSourceSettings(batch_size=0)
    settings = replace(pipeline_settings, inference=inference, event_source=source)
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", stack_of(language=settings))
    named = {violation.property for violation in raised.value.violations}
    assert {"inference.max_records_per_request", "inference.requests_in_flight", "event_source.batch_size"} <= named


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        (QueueSettings(delay_seconds="5"), "queue.delay_seconds = '5': must be a whole number (it is of type str)"),  # type: ignore[arg-type]
        (QueueSettings(delay_seconds=True), "queue.delay_seconds = True: must be a whole number (it is of type bool)"),
        (
            QueueSettings(visibility_timeout_seconds=1.5),  # type: ignore[arg-type]
            "queue.visibility_timeout_seconds = 1.5: must be a whole number or None (it is of type float)",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named(
    pipeline_settings: PipelineSettings, queue: QueueSettings, text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", stack_of(language=replace(pipeline_settings, queue=queue)))
    assert [f"dev/language {text}"] == [str(violation) for violation in raised.value.violations]


WRONG = [
    (lambda p: replace(p, inference=InferenceSettings(parameters={"x": {1}})), "inference.parameters"),
    (lambda p: replace(p, inference=InferenceSettings(parameters={"x": float("nan")})), "inference.parameters"),
    (lambda p: replace(p, inference=InferenceSettings(metrics_namespace="Größe")), "inference.metrics_namespace"),
    (
        lambda p: replace(p, endpoint=EndpointSettings(model=replace(p.endpoint.model, environment={"X": 1}))),
        "endpoint.model.environment",
    ),
    (lambda p: replace(p, queue=None), "queue"),
]


@pytest.mark.parametrize(("change", "named"), WRONG)
def test_wrong_input_of_any_kind_is_named_without_a_traceback(
    pipeline_settings: PipelineSettings, change: Callable[[PipelineSettings], PipelineSettings], named: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", stack_of(language=change(pipeline_settings)))
    assert [violation.property for violation in raised.value.violations] == [named]


def test_an_environment_over_lambdas_limit_is_said_before_anything_is_built(
    pipeline_settings: PipelineSettings,
) -> None:
    def said(characters: int) -> list[str]:
        inference = InferenceSettings(parameters={"x": "x" * characters})
        settings = stack_of(a=replace(pipeline_settings, inference=inference), b=pipeline_settings)
        return [str(violation) for violation in check_stack("dev", settings)]

    assert said(4073) == [
        "dev/a function.environment = '5320 bytes': must be at most 4096 bytes; PARAMETERS alone has 4092 (Lambda "
        "quotas)"
    ]
    assert said(2800) == []


@pytest.mark.parametrize("pipelines", [{}, [], {"x": None}, {1: None}])
def test_a_stack_without_proper_pipelines_is_refused(pipelines: object) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", StackSettings(region="eu-central-1", pipelines=pipelines))  # type: ignore[arg-type]
    assert [violation.property for violation in raised.value.violations] == ["pipelines"]


@pytest.mark.parametrize(
    ("stacks", "text"),
    [
        (None, "app stacks = None: must be a mapping of names to StackSettings (it is of type NoneType)"),
        ("dev", "app stacks = 'dev': must be a mapping of names to StackSettings (it is of type str)"),
        ({"dev": None}, "dev settings = None: must be StackSettings (it is of type NoneType)"),
        ({1: stack_of()}, "1 name = 1: must be text (it is of type int)"),
    ],
)
def test_what_is_no_stack_is_named(stacks: Any, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), stacks)
    assert str(raised.value) == f"1 setting is out of bounds:\n  {text}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("list", "it is of type list"),
        ("dict", "'toxic' is of type dict"),
        ("key", "the key 7 is of type int"),
        (
            "many",
            ", ".join([*(f"'{number}' is of type int" for number in range(5)), "4 more"]),
        ),
    ],
)
def test_of_a_wrong_container_the_reason_is_seen_and_what_is_wrong_in_it(
    pipeline_settings: PipelineSettings, value: str, reason: str
) -> None:
    given: dict[str, Any] = {
        "list": [pipeline_settings, pipeline_settings],
        "dict": {"fine": pipeline_settings, "toxic": {"endpoint": 1}},
        "key": {"fine": pipeline_settings, 7: pipeline_settings},
        "many": {"fine": pipeline_settings, **{str(number): number for number in range(9)}},
    }
    (said,) = check_stack("dev", StackSettings(region="eu-central-1", pipelines=given[value]))
    shown = repr(given[value])[:79]
    assert str(said) == f"dev pipelines = {shown}…: must be a mapping of text to PipelineSettings ({reason})"


@pytest.mark.parametrize(
    ("stacks", "place", "bound"),
    [
        (lambda stack: [stack], "app stacks", "a mapping of names to StackSettings (it is of type list)"),
        (
            lambda stack: {"forum": stack.pipelines["language"]},
            "forum settings",
            "StackSettings (it is of type PipelineSettings)",
        ),
    ],
)
def test_what_is_no_mapping_of_stacks_is_not_shown_whole(
    pipeline_settings: PipelineSettings, stacks: Callable[[StackSettings], Any], place: str, bound: str
) -> None:
    given = stacks(stack_of(language=pipeline_settings))
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), given)
    shown = repr(given if isinstance(given, list) else given["forum"])[:79]
    assert str(raised.value) == f"1 setting is out of bounds:\n  {place} = {shown}…: must be {bound}"


def test_no_stack_at_all_is_a_mistake() -> None:
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), {})
    assert str(raised.value).splitlines()[1:] == [
        "  app stacks = {}: must be one or more stacks (an empty app deploys nothing)"
    ]
