"""Bounds are those of AWS's API models: when a newer botocore knows another one, somebody is to look.

Bounds that the models don't have, such as those of SQS, are read in the guides.
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from constructs_lib.settings import (
    AsyncCapacity,
    DataCapture,
    Deployment,
    EventSourceSettings,
    FunctionSettings,
    Hardware,
    ProvisionedPollers,
    ServerlessCapacity,
)
from constructs_lib.validation.limits import REAL_TIME_PAYLOAD_BYTES, RULES, Range

import botocore
import pytest

BOUNDS = [
    (EventSourceSettings, "batch_size", "lambda", "BatchSize"),
    (EventSourceSettings, "batching_window_seconds", "lambda", "MaximumBatchingWindowInSeconds"),
    (EventSourceSettings, "maximum_concurrency", "lambda", "MaximumConcurrency"),
    (ServerlessCapacity, "memory_mib", "sagemaker", "ServerlessMemorySizeInMB"),
    (ServerlessCapacity, "max_concurrency", "sagemaker", "ServerlessMaxConcurrency"),
    (ServerlessCapacity, "provisioned_concurrency", "sagemaker", "ServerlessProvisionedConcurrency"),
    (Hardware, "volume_gib", "sagemaker", "ProductionVariantVolumeSizeInGB"),
    (
        Hardware,
        "model_download_timeout_seconds",
        "sagemaker",
        "ProductionVariantModelDataDownloadTimeoutInSeconds",
    ),
    (
        Hardware,
        "startup_timeout_seconds",
        "sagemaker",
        "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
    ),
    (AsyncCapacity, "concurrent_requests_per_instance", "sagemaker", "MaxConcurrentInvocationsPerInstance"),
    (AsyncCapacity, "invocation_timeout_seconds", "sagemaker-runtime", "InvocationTimeoutSecondsHeader"),
    (DataCapture, "sampling_percent", "sagemaker", "SamplingPercentage"),
    (Deployment, "step_wait_seconds", "sagemaker", "WaitIntervalInSeconds"),
    (Deployment, "termination_wait_seconds", "sagemaker", "TerminationWaitInSeconds"),
]
# Where the bound is narrower than the model's: property, why, and the model's own bound.
NARROWER = [
    (FunctionSettings, "memory_mib", "lambda", "MemorySize", (128, 32_768)),  # more on Managed Instances alone
    (FunctionSettings, "timeout_seconds", "lambda", "Timeout", (1, 5400)),  # the same
    (FunctionSettings, "ephemeral_storage_mib", "lambda", "EphemeralStorageSize", (512, 32_768)),  # the same
    (ProvisionedPollers, "minimum", "lambda", "MinimumNumberOfPollers", (1, 200)),  # 2 for SQS, by the guide
    (ProvisionedPollers, "maximum", "lambda", "MaximumNumberOfPollers", (1, 10_000)),  # the same
    (Deployment, "maximum_execution_seconds", "sagemaker", "MaximumExecutionTimeoutInSeconds", (600, 28_800)),
]


@cache
def shapes(service: str) -> dict[str, Any]:
    """Return the shapes of a service's newest API model."""
    path = sorted((Path(botocore.__file__).parent / "data" / service).glob("*/service-2.json.gz"))[-1]
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))["shapes"]
    return found


def ours(cls: type, property_: str) -> tuple[int, int]:
    (rule,) = (rule for rule in RULES[cls] if rule.property == property_)
    assert isinstance(rule, Range)
    return rule.low, rule.high


@pytest.mark.parametrize(("cls", "property_", "service", "shape"), BOUNDS)
def test_a_bound_is_that_of_the_api_model(cls: type, property_: str, service: str, shape: str) -> None:
    model = shapes(service)[shape]
    assert ours(cls, property_) == (model["min"], model["max"])


@pytest.mark.parametrize(("cls", "property_", "service", "shape", "bound"), NARROWER)
def test_a_bound_that_is_narrower_was_compared_with_this_one(
    cls: type, property_: str, service: str, shape: str, bound: tuple[int, int]
) -> None:
    model = shapes(service)[shape]
    assert (model["min"], model["max"]) == bound
    low, high = ours(cls, property_)
    assert bound[0] <= low < high <= bound[1]


def test_a_real_time_request_is_bounded_by_the_api_model() -> None:
    assert shapes("sagemaker-runtime")["BodyBlob"]["max"] == REAL_TIME_PAYLOAD_BYTES
