"""Constructs for AI inference on events: SQS, Lambda, SageMaker and what binds them, as Terraform JSON.

Import this package before cdktf: it opens the fast door to jsii (see `jsii_door`).
"""

# ruff: noqa: E402 - the door must be open before anything imports cdktf
from constructs_lib.jsii_door import open_door

open_door()

from constructs_lib.endpoint import ExistingModelEndpoint, ModelEndpoint
from constructs_lib.event_source import QueueEventSource
from constructs_lib.function import BatchInferenceFunction
from constructs_lib.iam import ServiceRole
from constructs_lib.monitoring import AlarmTopic, PipelineMonitoring
from constructs_lib.pipeline import InferencePipeline
from constructs_lib.queue import MessageQueue
from constructs_lib.settings import (
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
    ModelPackage,
    MonitoringSettings,
    PipelineSettings,
    ProvisionedPollers,
    QueueScaling,
    QueueSettings,
    ResultsSettings,
    S3StateSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    ServicePrincipal,
    StackSettings,
    Variant,
    VpcSettings,
)
from constructs_lib.stack import InferenceStack, add_stacks, synthesize
from constructs_lib.validation import SettingsError, Violation

__all__ = [
    "AlarmTopic",
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
    "ResultsSettings",
    "S3StateSettings",
    "ScheduledCapacity",
    "ServerlessCapacity",
    "ServicePrincipal",
    "ServiceRole",
    "SettingsError",
    "StackSettings",
    "Variant",
    "Violation",
    "VpcSettings",
    "add_stacks",
    "synthesize",
]
