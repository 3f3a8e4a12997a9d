"""Settings as frozen dataclasses. Units are in the names; each default says what happens if it is left out.

Nothing here imports cdktf. `validation/` holds the bounds, and what must fit together.
"""

from constructs_lib.settings.capacity import (
    AsyncCapacity,
    Capacity,
    Hardware,
    InstanceCapacity,
    QueueScaling,
    ScheduledCapacity,
    ServerlessCapacity,
)
from constructs_lib.settings.endpoint import (
    DataCapture,
    Deployment,
    EndpointSettings,
    ExistingEndpoint,
    ServingVariant,
    Variant,
)
from constructs_lib.settings.function import CodeSigning, ExistingRole, FunctionSettings, VpcSettings
from constructs_lib.settings.messages import (
    DAY_SECONDS,
    AccountPrincipal,
    EventSourceSettings,
    ExistingQueue,
    IdempotencySettings,
    ProvisionedPollers,
    QueueSettings,
    ResultsOf,
    ResultsSettings,
    ServicePrincipal,
)
from constructs_lib.settings.models import (
    ContainerModel,
    HuggingFaceModel,
    LanguageModel,
    Model,
    ModelPackage,
    ServedModel,
    TextEmbeddingsModel,
)
from constructs_lib.settings.monitoring import MonitoringSettings
from constructs_lib.settings.pipeline import (
    AssumedRole,
    InferenceSettings,
    PipelineSettings,
    S3StateSettings,
    StackSettings,
)

__all__ = [
    "DAY_SECONDS",
    "AccountPrincipal",
    "AssumedRole",
    "AsyncCapacity",
    "Capacity",
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
    "LanguageModel",
    "Model",
    "ModelPackage",
    "MonitoringSettings",
    "PipelineSettings",
    "ProvisionedPollers",
    "QueueScaling",
    "QueueSettings",
    "ResultsOf",
    "ResultsSettings",
    "S3StateSettings",
    "ScheduledCapacity",
    "ServedModel",
    "ServerlessCapacity",
    "ServicePrincipal",
    "ServingVariant",
    "StackSettings",
    "TextEmbeddingsModel",
    "Variant",
    "VpcSettings",
]
