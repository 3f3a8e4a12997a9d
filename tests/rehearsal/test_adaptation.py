"""How the rehearsed copy differs from the stack, and that each difference is said."""

import json
from typing import Any

from constructs_lib import InferenceStack

import cdktf
import pytest

import main
from local.errors import UsageError
from rehearsal.adaptation import adapt
from tests.addresses import pipelines

Document = dict[str, Any]


def synthesized(name: str, settings: Any) -> Document:
    document: Document = json.loads(cdktf.Testing.synth(InferenceStack(cdktf.Testing.app(), name, settings), True))
    return document


@pytest.fixture(scope="module")
def every() -> str:
    """Return the stack with every construct and option, as JSON."""
    return json.dumps(synthesized("every", pipelines.STACKS["every"]))


def blocks(document: Document, type_: str) -> list[Document]:
    return list(document["resource"].get(type_, {}).values())


def test_with_the_provider_of_the_bindings_nothing_is_said_of_a_provider() -> None:
    document = synthesized("dev", main.STACKS["dev"])
    assert adapt(document, None) == []
    assert document["terraform"]["required_providers"]["aws"]["version"] == "6.25.0"
    assert max(queue["max_message_size"] for queue in blocks(document, "aws_sqs_queue")) == 1_048_576


def test_an_older_provider_gets_what_it_takes_and_each_is_said(every: str) -> None:
    document = json.loads(every)
    notes = adapt(document, "5.100.0")
    assert notes[:2] == [
        "provider 5.100.0 in place of 6.25.0",
        "queues: max_message_size 262144, the most that provider 5.100.0 takes",
    ]
    assert max(queue["max_message_size"] for queue in blocks(document, "aws_sqs_queue")) == 262_144


def test_a_provider_of_between_gets_only_what_it_lacks() -> None:
    document = synthesized("dev", main.STACKS["dev"])
    assert "queues: max_message_size 262144, the most that provider 6.7.0 takes" in adapt(document, "6.7.0")
    document = synthesized("dev", main.STACKS["dev"])
    assert adapt(document, "6.8.0")[0] == "provider 6.8.0 in place of 6.25.0"
    assert max(queue["max_message_size"] for queue in blocks(document, "aws_sqs_queue")) == 1_048_576


def test_a_region_of_a_data_source_is_asked_for_by_its_old_name() -> None:
    document: Document = {
        "terraform": {"required_providers": {"aws": {"version": "6.25.0"}}},
        "output": {"here": {"value": "${data.aws_region.here.region}-${data.aws_region.here.region_name}"}},
    }
    assert adapt(document, "5.100.0")[1:] == [
        "aws_region: name in place of region, which provider 5.100.0 does not have"
    ]
    assert document["output"]["here"]["value"] == "${data.aws_region.here.name}-${data.aws_region.here.region_name}"


@pytest.mark.parametrize("version", ["5", "latest", ">= 5.0", "5.100", ""])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    document = synthesized("dev", main.STACKS["dev"])
    if not version:
        assert adapt(document, version) == []
        return
    with pytest.raises(UsageError) as refused:
        adapt(document, version)
    assert str(refused.value) == f"PROVIDER must be a version such as 6.25.0, not {version!r}"


def test_what_the_embedded_aws_lacks_is_left_out_of_every_option(every: str) -> None:
    document = json.loads(every)
    notes = adapt(document, None, ["arn:aws:lambda:eu-central-1:123456789012:layer:own:1"])
    assert notes == [
        "functions: without code_signing_config_arn, which the embedded AWS does not have",
        "functions: layers of this project in place of those of an account",
    ]
    assert [
        function for function in blocks(document, "aws_lambda_function") if "code_signing_config_arn" in function
    ] == []
