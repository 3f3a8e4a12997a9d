"""Endpoints, and parts of them, that tests begin from."""

from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    HuggingFaceModel,
    InstanceCapacity,
    Variant,
    VpcSettings,
)

HUB = HuggingFaceModel(model_id="owner/model", task="text-classification")
CONTAINER = ContainerModel(image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/scorer:1.2")
INSTANCES = InstanceCapacity(instance_type="ml.c5.xlarge")
FIXED = replace(INSTANCES, min_instances=2, max_instances=2)
GREEN = Variant(name="green", capacity=FIXED, model=CONTAINER, weight=3)
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://work/in/", output_location="s3://work/out/", max_instances=3
)
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
VPC = VpcSettings(subnet_ids=("subnet-0a1", "subnet-0b2"), security_group_ids=("sg-0c3",))
CONFIGURATION = "aws_sagemaker_endpoint_configuration"


def endpoint_with(**settings: Any) -> EndpointSettings:
    return EndpointSettings(**{"model": HUB, "capacity": INSTANCES, **settings})
