"""Names of endpoint configurations: a change of contents is in them, what scaling owns is not."""

from dataclasses import replace

from constructs_lib import DataCapture, EndpointSettings, InstanceCapacity, ServerlessCapacity

import pytest

from tests.constructs.conftest import Synth
from tests.constructs.endpoints import CONFIGURATION, GREEN, INSTANCES, KEY, VPC, endpoint_with


def test_warm_containers_that_begin_to_scale_take_nothing_over_from_a_configuration_without_any(
    synth_pipeline: Synth,
) -> None:
    cold, scaled = ServerlessCapacity(), ServerlessCapacity(provisioned_concurrency=2, max_provisioned_concurrency=10)
    both = [synth_pipeline(endpoint=endpoint_with(capacity=capacity)) for capacity in (cold, scaled)]
    assert len({synthesized.one(CONFIGURATION)["name"] for synthesized in both}) == 2
    assert [list(synthesized.all(CONFIGURATION)) for synthesized in both] == [
        ["language_endpoint_configuration"],
        ["language_endpoint_configuration-scaled"],
    ]
    ranged = replace(scaled, provisioned_concurrency=3)
    assert (
        synth_pipeline(endpoint=endpoint_with(capacity=ranged)).one(CONFIGURATION)["name"]
        == both[1].one(CONFIGURATION)["name"]
    )


@pytest.mark.parametrize(
    "changed",
    [
        endpoint_with(weight=2),
        endpoint_with(capacity=replace(INSTANCES, volume_gib=64)),
        endpoint_with(capacity=replace(INSTANCES, routing_strategy="RANDOM")),
        endpoint_with(data_capture=DataCapture(location="s3://audit/")),
        endpoint_with(volume_key_arn=KEY),
        endpoint_with(more_variants=(GREEN,)),
        endpoint_with(shadow=GREEN),
        endpoint_with(vpc=VPC),
    ],
)
def test_whatever_a_configuration_is_made_of_is_in_its_name(synth_pipeline: Synth, changed: EndpointSettings) -> None:
    before, after = (synth_pipeline(endpoint=endpoint).one(CONFIGURATION) for endpoint in (endpoint_with(), changed))
    assert before["name"] != after["name"]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (endpoint_with(capacity=replace(INSTANCES, min_instances=2)), "production_variants[0].initial_instance_count"),
        (
            endpoint_with(capacity=ServerlessCapacity(provisioned_concurrency=3, max_provisioned_concurrency=9)),
            "production_variants[0].serverless_config[0].provisioned_concurrency",
        ),
    ],
)
def test_what_scaling_owns_is_in_no_name(synth_pipeline: Synth, changed: EndpointSettings, path: str) -> None:
    capacity = ServerlessCapacity(provisioned_concurrency=2, max_provisioned_concurrency=9)
    base = endpoint_with() if isinstance(changed.capacity, InstanceCapacity) else endpoint_with(capacity=capacity)
    before, after = (synth_pipeline(endpoint=endpoint).one(CONFIGURATION) for endpoint in (base, changed))
    assert before["name"] == after["name"]
    assert after["lifecycle"]["ignore_changes"] == [path]
