"""A pipeline, and the stack that holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from constructs_lib.settings.endpoint import EndpointSettings, ExistingEndpoint
from constructs_lib.settings.function import FunctionSettings
from constructs_lib.settings.handler import MIB
from constructs_lib.settings.messages import EventSourceSettings, IdempotencySettings, QueueSettings, ResultsSettings
from constructs_lib.settings.monitoring import MonitoringSettings


@dataclass(frozen=True, kw_only=True)
class InferenceSettings:
    """Requests: how records are put into them, and which model they name."""

    codec: str = "huggingface"
    """`huggingface`, `instances`, `jsonlines`, `csv`, `csv-row`, `kserve` or `single`: the container's request and
    response format. Or `module:function` of your own, from one of `function.layers`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`huggingface` only: `parameters` sent with every request, for instance {"truncation": True}."""
    max_records_per_request: int = 32
    """Most records in one request; by default 32."""
    max_request_bytes: int = 4 * MIB
    """Largest request body; by default 4 MiB, SageMaker's limit for serverless endpoints. A single record over it
    is dead-lettered."""
    max_response_bytes: int = 25 * MIB
    """Longest answer of the endpoint; by default 25 MiB, SageMaker's limit for real-time endpoints. The request of a
    longer one counts as failed."""
    task: str | None = None
    """`huggingface` only: the model's pipeline task, for instance `fill-mask`; with it, the result of a record that is
    alone in its request has the shape that it has in a shared one. By default that of a `HuggingFaceModel`, or the
    variable HF_TASK of a `ContainerModel`; else nothing is known, and a list with one element is taken for a list of
    one result."""
    accept_any_result: bool = False
    """Whether results are accepted that look like an error ({"error": …}, null) or like another codec's answer
    ({"predictions": …}, {"outputs": …}); by default they fail their request."""
    input_location: str | None = None
    """`s3://bucket/prefix/`, of a bucket that exists, that a message {"s3": "s3://…"} may point into; by default none
    may."""
    sort_by_length: bool = False
    """Whether records of like length share requests, for models that pad to the longest; by default they are in the
    order they came in."""
    fifo_dead_letters: bool = False
    """FIFO only: whether a record that can't be scored is dead-lettered and its message group goes on without it; by
    default it holds its group until SQS moves it to the dead-letter queue."""
    target_model: str | None = None
    """Multi-model endpoints: the archive of the model to use; by default none is named."""
    inference_component_name: str | None = None
    """With an `ExistingEndpoint` that has inference components: the one to use; by default none is named."""
    more_inference_components: tuple[str, ...] = ()
    """With `targets_from_messages`: further components that messages may name; by default the function has no right to
    any but `inference_component_name`."""
    target_variant: str | None = None
    """The production variant to use; by default SageMaker picks by weight."""
    targets_from_messages: bool = False
    """Whether the message attributes TargetModel, InferenceComponentName and TargetVariant win over the settings; by
    default they are ignored."""
    requests_in_flight: int | None = None
    """Requests in flight at once in one invocation; by default as many as a full batch needs, 2 to 8."""
    metrics_namespace: str = "SageMakerInference"
    """CloudWatch namespace of the function's metrics."""


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """A pipeline from a queue to results. Only the model has no default."""

    endpoint: EndpointSettings | ExistingEndpoint
    """The endpoint that scores: created, or one that exists."""
    queue: QueueSettings = QueueSettings()
    """The work queue; by default one is created, `ExistingQueue` takes one of yours."""
    function: FunctionSettings = FunctionSettings()
    """The Lambda function."""
    event_source: EventSourceSettings = EventSourceSettings()
    """How the queue feeds the function."""
    inference: InferenceSettings = InferenceSettings()
    """How records become requests."""
    results: ResultsSettings = ResultsSettings()
    """Where results leave to."""
    idempotency: IdempotencySettings | None = None
    """By default no table is created: a record delivered twice is scored twice, and its results have the same id."""
    monitoring: MonitoringSettings | None = None
    """Alarms and dashboard, which are paid for; by default none are created."""
    bucket_key_arns: tuple[str, ...] = ()
    """Customer keys of the buckets that the function reads inputs from or puts results to; by default their buckets use
    S3's own."""


@dataclass(frozen=True, kw_only=True)
class S3StateSettings:
    """Terraform state in an S3 bucket, locked by a lock file next to it (Terraform 1.10 or newer)."""

    bucket: str
    """The bucket's name; it must exist."""
    region: str
    """The bucket's region."""
    key: str | None = None
    """Object key; by default `STACK/terraform.tfstate`."""


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """One deployment: a region, its state, and one or more pipelines."""

    region: str
    """AWS region of everything in the stack."""
    pipelines: Mapping[str, PipelineSettings]
    """Pipelines by name; the name is part of every resource's name, so it must not change later."""
    state: S3StateSettings | None = None
    """Where Terraform keeps its state; by default a local file, which suits one person trying things out."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every resource that takes them; `stack` and `managed-by` are always there."""
