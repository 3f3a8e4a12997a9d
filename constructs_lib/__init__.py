"""Constructs for AI inference on events: SQS, Lambda, SageMaker and what binds them, as Terraform JSON.

Import this package before cdktf: it opens the fast door to jsii (see `fast_synth`). Settings are plain data and load at
once; constructs load when they are first asked for (PEP 562), and cdktf with them.
"""

import typing
from importlib import import_module

from constructs_lib.fast_synth.jsii_door import open_door
from constructs_lib.settings import (
    AccountPrincipal,
    AssumedRole,
    AsyncCapacity,
    CodeSigning,
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    ExistingQueue,
    ExistingRole,
    FunctionSettings,
    HuggingFaceModel,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    LanguageModel,
    ModelPackage,
    MonitoringSettings,
    PipelineSettings,
    ProvisionedPollers,
    QueueScaling,
    QueueSettings,
    ResultsOf,
    ResultsSettings,
    S3StateSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    ServicePrincipal,
    StackSettings,
    TextEmbeddingsModel,
    Variant,
    VpcSettings,
)

if typing.TYPE_CHECKING:
    from constructs_lib.core.iam import ServiceRole
    from constructs_lib.endpoint.endpoint import ExistingModelEndpoint, ModelEndpoint
    from constructs_lib.function.event_source import QueueEventSource
    from constructs_lib.function.function import BatchInferenceFunction
    from constructs_lib.messaging.queue import MessageQueue
    from constructs_lib.monitoring.monitoring import AlarmTopic, PipelineMonitoring
    from constructs_lib.pipeline import InferencePipeline
    from constructs_lib.stack import InferenceStack, add_stacks, synthesize
    from constructs_lib.validation.checker import SettingsError, Violation

__all__ = [
    "AccountPrincipal",
    "AlarmTopic",
    "AssumedRole",
    "AsyncCapacity",
    "BatchInferenceFunction",
    "CodeSigning",
    "ContainerModel",
    "DataCapture",
    "Deployment",
    "EndpointSettings",
    "EventSourceSettings",
    "ExistingEndpoint",
    "ExistingModelEndpoint",
    "ExistingQueue",
    "ExistingRole",
    "FunctionSettings",
    "HuggingFaceModel",
    "IdempotencySettings",
    "InferencePipeline",
    "InferenceSettings",
    "InferenceStack",
    "InstanceCapacity",
    "LanguageModel",
    "MessageQueue",
    "ModelEndpoint",
    "ModelPackage",
    "MonitoringSettings",
    "PipelineMonitoring",
    "PipelineSettings",
    "ProvisionedPollers",
    "QueueEventSource",
    "QueueScaling",
    "QueueSettings",
    "ResultsOf",
    "ResultsSettings",
    "S3StateSettings",
    "ScheduledCapacity",
    "ServerlessCapacity",
    "ServicePrincipal",
    "ServiceRole",
    "SettingsError",
    "StackSettings",
    "TextEmbeddingsModel",
    "Variant",
    "Violation",
    "VpcSettings",
    "add_stacks",
    "synthesize",
]

_LAZY = {
    "AlarmTopic": "constructs_lib.monitoring.monitoring",
    "BatchInferenceFunction": "constructs_lib.function.function",
    "ExistingModelEndpoint": "constructs_lib.endpoint.endpoint",
    "InferencePipeline": "constructs_lib.pipeline",
    "InferenceStack": "constructs_lib.stack",
    "MessageQueue": "constructs_lib.messaging.queue",
    "ModelEndpoint": "constructs_lib.endpoint.endpoint",
    "PipelineMonitoring": "constructs_lib.monitoring.monitoring",
    "QueueEventSource": "constructs_lib.function.event_source",
    "ServiceRole": "constructs_lib.core.iam",
    "SettingsError": "constructs_lib.validation.checker",
    "Violation": "constructs_lib.validation.checker",
    "add_stacks": "constructs_lib.stack",
    "synthesize": "constructs_lib.stack",
}

open_door()


def __getattr__(name: str) -> object:
    """Load a construct, or what comes with it, on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
