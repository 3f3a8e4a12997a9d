"""What can be set, as frozen dataclasses. Units are in the names; each default says what happens if it is left out.

Nothing here imports cdktf. `limits.py` holds the bounds, `relations.py` what must fit within one of them,
`validation.py` reports what breaks them.
"""

from constructs_lib.settings.endpoint import (
    AsyncCapacity,
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    ExistingEndpoint,
    Hardware,
    HuggingFaceModel,
    InstanceCapacity,
    ModelPackage,
    QueueScaling,
    ScheduledCapacity,
    ServerlessCapacity,
    Variant,
)
from constructs_lib.settings.function import CodeSigning, ExistingRole, FunctionSettings, VpcSettings
from constructs_lib.settings.messages import (
    DAY_SECONDS,
    EventSourceSettings,
    ExistingQueue,
    IdempotencySettings,
    ProvisionedPollers,
    QueueSettings,
    ResultsSettings,
    ServicePrincipal,
)
from constructs_lib.settings.monitoring import MonitoringSettings
from constructs_lib.settings.pipeline import InferenceSettings, PipelineSettings, S3StateSettings, StackSettings

__all__ = [
    "DAY_SECONDS",
    "AsyncCapacity",
    "CodeSigning",
    "ContainerModel",
    "DataCapture",
    "Deployment",
    "EndpointSettings",
    "EventSourceSettings",
    "ExistingEndpoint",
    "ExistingQueue",
    "ExistingRole",
    "FunctionSettings",
    "Hardware",
    "HuggingFaceModel",
    "IdempotencySettings",
    "InferenceSettings",
    "InstanceCapacity",
    "ModelPackage",
    "MonitoringSettings",
    "PipelineSettings",
    "ProvisionedPollers",
    "QueueScaling",
    "QueueSettings",
    "ResultsSettings",
    "S3StateSettings",
    "ScheduledCapacity",
    "ServerlessCapacity",
    "ServicePrincipal",
    "StackSettings",
    "Variant",
    "VpcSettings",
]
