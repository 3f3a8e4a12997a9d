"""Warnings have ids, and can be acknowledged with a reason."""

import importlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InferenceStack,
    InstanceCapacity,
    PipelineSettings,
    QueueSettings,
    ServerlessCapacity,
    StackSettings,
    Variant,
)
from constructs_lib.stack import check_stack
from constructs_lib.validation.derived import derive
from constructs_lib.validation.warning_ids import WARNINGS
from constructs_lib.validation.warnings import pipeline_warnings

import pytest
from cdktf import Testing

ROOT = Path(__file__).parents[2]
REGION = "eu-central-1"
MODEL = HuggingFaceModel(model_id="owner/model", task="text-classification")
SCORER = ContainerModel(image_uri=f"123456789012.dkr.ecr.{REGION}.amazonaws.com/scorer:1")
KEY = f"arn:aws:kms:{REGION}:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
FEW = PipelineSettings(
    endpoint=EndpointSettings(model=MODEL),
    function=FunctionSettings(timeout_seconds=90),
    queue=QueueSettings(max_receive_count=3),
    event_source=EventSourceSettings(filters=({"body": {"kind": ["claim"]}},)),
)


def printed(settings: StackSettings) -> list[str]:
    """Return the warnings of a stack's pipelines as they reach whoever synthesizes."""
    stack = InferenceStack(Testing.app(), "dev", settings)
    return [entry.data for pipeline in stack.pipelines.values() for entry in pipeline.node.metadata]


def of(endpoint: EndpointSettings, region: str = REGION) -> list[str]:
    pipeline = PipelineSettings(endpoint=endpoint, function=FunctionSettings(timeout_seconds=90))
    return [str(warning) for warning in pipeline_warnings(derive(pipeline), region)]


def on(instance_type: str, model: HuggingFaceModel | ContainerModel = SCORER) -> EndpointSettings:
    return EndpointSettings(model=model, capacity=InstanceCapacity(instance_type=instance_type))


RECEIVES = "queue.max_receive_count is 3: Lambda advises at least 5 [few-receives]"
FILTERS = "event_source.filters: Lambda deletes the messages that fit none of them from the queue [filters-delete]"


@pytest.mark.parametrize(
    ("by_pipeline", "by_stack", "left"),
    [
        ({}, {}, [FILTERS, RECEIVES]),
        ({"few-receives": "a retry is dear"}, {}, [FILTERS]),
        ({}, {"filters-delete": "others are of no interest"}, [RECEIVES]),
        ({"few-receives": "a retry is dear"}, {"filters-delete": "others are of no interest"}, []),
    ],
)
def test_what_is_acknowledged_is_not_printed(
    by_pipeline: Mapping[str, str], by_stack: Mapping[str, str], left: list[str]
) -> None:
    pipeline = replace(FEW, acknowledged=by_pipeline)
    assert printed(StackSettings(region=REGION, pipelines={"language": pipeline}, acknowledged=by_stack)) == left


@pytest.mark.parametrize(
    ("acknowledged", "texts"),
    [
        (
            {"few-recieves": "a retry is dear"},
            ["acknowledged = 'few-recieves': must be the id of a warning; did you mean few-receives? "
             "(docs/warnings.md lists them)"],
        ),
        ({"xyz": "because"}, ["acknowledged = 'xyz': must be the id of a warning (docs/warnings.md lists them)"]),
        (
            {"few-receives": " "},
            ["acknowledged.few-receives = ' ': must be the reason, in words (whoever reads the settings next needs "
             "it)"],
        ),
    ],
)  # fmt: skip
def test_an_unknown_id_or_a_blank_reason_is_refused(acknowledged: Mapping[str, str], texts: list[str]) -> None:
    pipeline = replace(FEW, acknowledged=acknowledged)
    of_pipeline = check_stack("dev", StackSettings(region=REGION, pipelines={"language": pipeline}))
    assert [str(violation) for violation in of_pipeline] == [f"dev/language {text}" for text in texts]
    of_stack = check_stack("dev", StackSettings(region=REGION, pipelines={"language": FEW}, acknowledged=acknowledged))
    assert [str(violation) for violation in of_stack] == [f"dev {text}" for text in texts]


def test_the_page_lists_every_id_and_ids_are_in_kebab_case() -> None:
    page = (ROOT / "docs" / "warnings.md").read_text()
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \|", page, re.MULTILINE))
    assert rows == dict(sorted(WARNINGS.items()))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", id_) for id_ in WARNINGS)


def test_every_warning_that_is_given_has_an_id_of_the_list() -> None:
    source = (ROOT / "constructs_lib/validation/warnings.py").read_text()
    assert set(re.findall(r'SettingsWarning\(\s*"([\w-]+)"', source)) == set(WARNINGS)


def warnings_of(stacks: Mapping[str, StackSettings]) -> list[str]:
    return [
        str(warning)
        for stack in stacks.values()
        for pipeline in stack.pipelines.values()
        for warning in pipeline_warnings(derive(pipeline), stack.region)
    ]


def test_main_the_examples_and_the_readmes_pipeline_give_no_warning() -> None:
    modules = ["main", *(f"examples.{path.stem}" for path in (ROOT / "examples").glob("*.py"))]
    assert {name: warnings_of(importlib.import_module(name).STACKS) for name in modules} == {
        name: [] for name in modules
    }
    example = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    defined: dict[str, Any] = {}
    exec(example, defined)
    assert warnings_of({"orders": StackSettings(region=REGION, pipelines={"fraud": defined["scorer"]})}) == []


NOT_SOLD = "AWS's price list of 2026-05-20"


@pytest.mark.parametrize(
    ("endpoint", "texts"),
    [
        (on("ml.c5.xlarge"), []),
        (
            on("ml.c7i.xlarge"),
            [f"endpoint.capacity.instance_type is ml.c7i.xlarge: {NOT_SOLD} does not have it in eu-central-1; like it "
             "are ml.c5.xlarge, ml.c5d.xlarge, ml.c4.xlarge [instance-not-listed]"],
        ),
        (
            on("ml.c7i.largee"),
            [f"endpoint.capacity.instance_type is ml.c7i.largee: {NOT_SOLD} has it in no region; did you mean "
             "ml.c7i.large? In eu-central-1 there are ml.c5.large, ml.c5d.large, ml.c4.large [instance-not-listed]"],
        ),
        (
            EndpointSettings(
                model=SCORER,
                capacity=InstanceCapacity(instance_type="ml.m5.large"),
                more_variants=(Variant(name="other", capacity=InstanceCapacity(instance_type="ml.m7i.large")),),
            ),
            [f"endpoint.more_variants[0].capacity.instance_type is ml.m7i.large: {NOT_SOLD} does not have it in "
             "eu-central-1; like it are ml.m5.large, ml.m5d.large, ml.m5.xlarge [instance-not-listed]"],
        ),
        (
            EndpointSettings(
                model=SCORER,
                capacity=AsyncCapacity(
                    instance_type="ml.g7.2xlarge", request_location="s3://a/b/", output_location="s3://a/c/"
                ),
            ),
            [f"endpoint.capacity.instance_type is ml.g7.2xlarge: {NOT_SOLD} has it in no region; did you mean "
             "ml.g7e.2xlarge? In eu-central-1 there are ml.g6e.2xlarge, ml.g6.2xlarge, ml.g5.2xlarge "
             "[instance-not-listed]"],
        ),
    ],
)  # fmt: skip
def test_an_instance_type_that_is_not_sold_in_the_region_is_warned_of(
    endpoint: EndpointSettings, texts: list[str]
) -> None:
    assert of(endpoint) == texts


def test_nothing_is_said_of_a_region_that_the_list_lacks_nor_of_one_that_only_terraform_knows() -> None:
    assert of(on("ml.c7i.xlarge"), "cn-north-1") == []
    assert of(on("ml.c7i.xlarge"), "${data.aws_region.current.region}") == []
    assert of(on("${var.instance_type}")) == []


GPU = replace(MODEL, image_tag="2.6.0-transformers4.49.0-gpu-py312-cu124-ubuntu22.04")


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (on("ml.c6g.xlarge", MODEL), "has a Graviton processor, and AWS has this image for x86 alone"),
        (on("ml.g5.xlarge", MODEL), "has a GPU, which an image for CPUs leaves idle"),
        (on("ml.inf2.xlarge", MODEL), "has an accelerator, which an image for CPUs leaves idle"),
        (on("ml.c5.xlarge", GPU), "has no GPU, which the image is for"),
        (on("ml.g5.xlarge", GPU), None),
        (on("ml.c5.xlarge", MODEL), None),
        (on("ml.c6g.xlarge", SCORER), None),
    ],
)
def test_an_image_for_another_machine_is_warned_of(endpoint: EndpointSettings, why: str | None) -> None:
    model, capacity = endpoint.model, endpoint.capacity
    tag = model.image_tag if isinstance(model, HuggingFaceModel) else ""
    assert isinstance(capacity, InstanceCapacity)
    text = (
        f"endpoint.model.image_tag is {tag}: endpoint.capacity.instance_type, {capacity.instance_type}, {why} "
        "[image-on-other-hardware]"
    )
    assert of(endpoint) == ([text] if why else [])


def test_a_variant_with_a_model_of_its_own_is_told_by_that_models_image() -> None:
    graviton = InstanceCapacity(instance_type="ml.c6g.large")
    own = Variant(name="own", capacity=graviton, model=MODEL)
    (text,) = of(replace(on("ml.c5.large"), more_variants=(own,)))
    assert text.startswith("endpoint.more_variants[0].model.image_tag is ")
    assert of(replace(on("ml.c5.large", MODEL), shadow=Variant(name="own", capacity=graviton, model=SCORER))) == []


@pytest.mark.parametrize("instance_type", ["ml.g5.xlarge", "ml.m5d.xlarge", "ml.r6gd.xlarge", "ml.p4d.24xlarge"])
def test_a_volume_key_beside_local_storage_is_warned_of(instance_type: str) -> None:
    assert of(replace(on(instance_type), volume_key_arn=KEY)) == [
        f"endpoint.volume_key_arn is set, and endpoint.capacity.instance_type is {instance_type}: its local storage is "
        "encrypted by the hardware, and SageMaker may refuse the key [volume-key-unused]"
    ]
    assert of(on(instance_type)) == []


def test_a_volume_key_is_right_where_there_is_no_local_storage() -> None:
    assert of(replace(on("ml.m5.xlarge"), volume_key_arn=KEY)) == []
    assert of(replace(on("ml.c6g.xlarge"), volume_key_arn=KEY)) == []


@pytest.mark.parametrize(
    ("task", "end"),
    [
        ("text-clasification", "; did you mean text-classification?"),
        ("text_classification", "; did you mean text-classification?"),
        ("zero-shot", "; the container may not start"),
    ],
)
def test_a_task_that_nobody_knows_is_warned_of(task: str, end: str) -> None:
    endpoint = EndpointSettings(model=replace(MODEL, task=task), capacity=ServerlessCapacity())
    assert of(endpoint) == [f"endpoint.model.task is {task}: transformers has none{end} [unknown-task]"]


def test_a_task_that_is_set_for_the_codec_is_looked_at_too() -> None:
    pipeline = replace(FEW, queue=QueueSettings(), event_source=EventSourceSettings())
    inference = InferenceSettings(task="fil-mask")
    assert warnings_of(
        {"a": StackSettings(region=REGION, pipelines={"x": replace(pipeline, inference=inference)})}
    ) == ["inference.task is fil-mask: transformers has none; did you mean fill-mask? [unknown-task]"]


@pytest.mark.parametrize("task", ["ner", "translation_en_to_fr", "sentence-similarity", "${var.task}"])
def test_a_task_that_a_container_knows_is_not(task: str) -> None:
    assert of(EndpointSettings(model=replace(MODEL, task=task), capacity=ServerlessCapacity())) == []
