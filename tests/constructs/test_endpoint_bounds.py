"""Settings of an endpoint that exclude each other."""

from dataclasses import replace

from constructs_lib import (
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    ModelEndpoint,
    ServerlessCapacity,
    SettingsError,
)

import pytest

from tests.constructs.conftest import SynthInPlainStack
from tests.constructs.endpoints import ASYNC, CONTAINER, FIXED, GREEN, VPC, endpoint_with

MANY = tuple(replace(GREEN, name=f"v{number}") for number in range(10))
MULTI = ContainerModel(image_uri=CONTAINER.image_uri, model_data_prefix="s3://models/", multi_model=True)
NOT_SERVERLESS = "(not a feature of serverless endpoints)"


@pytest.mark.parametrize(
    ("endpoint", "texts"),
    [
        (
            endpoint_with(more_variants=MANY),
            ["more_variants = '10 variants': must be at most 9 of them (SageMaker ProductionVariants)"],
        ),
        (
            endpoint_with(more_variants=(replace(GREEN, name="primary"),)),
            [
                "more_variants[0].name = 'primary': must be another name than the other variants' (SageMaker "
                "VariantName)"
            ],
        ),
        (
            endpoint_with(weight=0),
            ["weight = 0: must be 1 or more, of one variant at least (no variant would get requests)"],
        ),
        (
            endpoint_with(more_variants=(GREEN,), shadow=replace(GREEN, name="shadow")),
            ["more_variants = ['green']: must be none with shadow (SageMaker ShadowProductionVariants)"],
        ),
        (
            endpoint_with(model=MULTI, shadow=GREEN),
            ["model.multi_model = True: must be False with shadow (SageMaker ShadowProductionVariants)"],
        ),
        (
            endpoint_with(shadow=replace(GREEN, capacity=replace(FIXED, instance_type="ml.inf1.xlarge"))),
            [
                "shadow.capacity.instance_type = 'ml.inf1.xlarge': must be another than ml.inf1.* with shadow "
                "(SageMaker ShadowProductionVariants)"
            ],
        ),
        (
            endpoint_with(capacity=ASYNC, more_variants=(GREEN,)),
            [
                "more_variants = ['green']: must be none on an asynchronous endpoint (it scales on a backlog that "
                "counts for the endpoint as a whole)"
            ],
        ),
        (
            endpoint_with(capacity=ASYNC, shadow=GREEN),
            ["shadow = 'green': must be None on an asynchronous endpoint (SageMaker ShadowProductionVariants)"],
        ),
        (
            endpoint_with(network_isolation=True),
            [
                "model = 'owner/model': must be no Hub model with network_isolation (its container loads it from the "
                "Hub)"
            ],
        ),
        (
            endpoint_with(
                model=MULTI,
                capacity=ServerlessCapacity(),
                more_variants=(GREEN,),
                deployment=Deployment(strategy="canary"),
                data_capture=DataCapture(location="s3://audit/"),
                vpc=VPC,
                network_isolation=True,
            ),
            [
                f"more_variants = ['green']: must be none on serverless capacity {NOT_SERVERLESS}",
                f"data_capture = 's3://audit/': must be None on serverless capacity {NOT_SERVERLESS}",
                f"vpc = ('subnet-0a1', 'subnet-0b2'): must be None on serverless capacity {NOT_SERVERLESS}",
                f"network_isolation = True: must be False on serverless capacity {NOT_SERVERLESS}",
                f"deployment.strategy = 'canary': must be left out on serverless capacity {NOT_SERVERLESS}",
                f"model.multi_model = True: must be False on serverless capacity {NOT_SERVERLESS}",
            ],
        ),
        (
            endpoint_with(vpc=replace(VPC, security_group_ids=())),
            ["vpc.security_group_ids = (): must be 1 to 5 of them (VpcConfig)"],
        ),
        (
            endpoint_with(data_capture=DataCapture(location="s3://audit/", requests=False, answers=False)),
            ["data_capture.answers = False: must be True without requests (nothing would be kept)"],
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    synth_in_plain_stack: SynthInPlainStack, endpoint: EndpointSettings, texts: list[str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(lambda stack: ModelEndpoint(stack, "endpoint", name="scorer", settings=endpoint))
    assert [str(violation).removeprefix("plain/endpoint ") for violation in raised.value.violations] == texts
