"""The list of what a local run creates, as terminals of several widths show it."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from local.display import Display

CREATED = {
    "aws_cloudwatch_log_group": ("/aws/lambda/dev-language-inference", "/aws/sagemaker/Endpoints/dev-language"),
    "aws_iam_role": ("dev-language-inference-eu-central-1", "dev-language-endpoint-eu-central-1"),
    "aws_sagemaker_endpoint_configuration": ("aws_sagemaker_endpoint_configuration.language_endpoint_0815",),
    "aws_sqs_queue": ("dev-language-work", "dev-language-work-dlq", "dev-language-results"),
}


def shown(created: Mapping[str, Sequence[str]], width: int) -> list[str]:
    blocks = [SimpleNamespace(type=type_, name=name) for type_, names in created.items() for name in names]
    deployment: Any = SimpleNamespace(created=blocks, absent=[], left_out={}, name=lambda block: block.name)
    console = Console(width=width)
    with console.capture() as captured:
        Display(console).resources(deployment)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [40, 80, 100, 120, 200])
def test_no_name_is_broken_at_any_width(width: int) -> None:
    lines = shown(CREATED, width)
    words = {word.strip(",") for line in lines for word in line.split()}
    assert {*CREATED} | {name for names in CREATED.values() for name in names} <= words
    assert all(len(line) <= width for line in lines if len(line.split()) > 1), "a line of several words is too long"


def test_names_stand_below_their_type_where_there_is_no_room_beside_it() -> None:
    assert shown(CREATED, 80) == [
        "  created: 8",
        "    aws_cloudwatch_log_group",
        "      /aws/lambda/dev-language-inference, /aws/sagemaker/Endpoints/dev-language",
        "    aws_iam_role",
        "      dev-language-inference-eu-central-1, dev-language-endpoint-eu-central-1",
        "    aws_sagemaker_endpoint_configuration",
        "      aws_sagemaker_endpoint_configuration.language_endpoint_0815",
        "    aws_sqs_queue",
        "      dev-language-work, dev-language-work-dlq, dev-language-results",
    ]


def test_names_stand_beside_their_type_where_there_is_room() -> None:
    assert shown(CREATED, 102) == [
        "  created: 8",
        "    aws_cloudwatch_log_group              /aws/lambda/dev-language-inference,",
        "                                          /aws/sagemaker/Endpoints/dev-language",
        "    aws_iam_role                          dev-language-inference-eu-central-1,",
        "                                          dev-language-endpoint-eu-central-1",
        "    aws_sagemaker_endpoint_configuration  aws_sagemaker_endpoint_configuration.language_endpoint_0815",
        "    aws_sqs_queue                         dev-language-work, dev-language-work-dlq,",
        "                                          dev-language-results",
    ]


def test_of_nothing_there_is_nothing_to_list() -> None:
    assert shown({}, 80) == ["  created: 0"]
