"""What can be set, as frozen dataclasses. Units are in the names; each default says what happens if it is left out.

Nothing here imports cdktf. `limits.py` holds the bounds, `validation.py` reports what breaks them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handler.settings import KIB, MIB

DAY_SECONDS = 86_400
# PyTorch 2.6, transformers 4.49: AWS's Hugging Face inference image for CPUs.
HUGGING_FACE_CPU_IMAGE_TAG = "2.6.0-transformers4.49.0-cpu-py312-ubuntu22.04"


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The work queue and its dead-letter queue."""

    fifo: bool = False
    """FIFO: order per message group, groups side by side, names that end in `.fifo`; by default a standard queue,
    which has no order and no bound on throughput."""
    high_throughput: bool = False
    """FIFO only: throughput and deduplication for each message group by itself; by default for the queue as a whole."""
    delay_seconds: int = 0
    """How long a new message stays hidden; by default it can be received at once."""
    message_retention_seconds: int = 4 * DAY_SECONDS
    """How long an unprocessed message is kept; by default 4 days."""
    receive_wait_seconds: int = 20
    """Long polling: how long a receive waits for messages; by default the longest, which costs the fewest calls."""
    max_message_bytes: int = 256 * KIB
    """Largest message, attributes included; by default 256 KiB."""
    visibility_timeout_seconds: int | None = None
    """How long a received message stays hidden; by default 6 times the function's timeout plus the batching window,
    which is Lambda's advice."""
    max_receive_count: int = 5
    """Receives before SQS moves a message to the dead-letter queue by itself; by default 5, which is Lambda's advice.
    The function dead-letters with a reason on the last of them."""
    dead_letter_retention_seconds: int = 14 * DAY_SECONDS
    """How long a dead letter is kept, counted from its first arrival; by default 14 days, the most SQS allows."""


@dataclass(frozen=True, kw_only=True)
class HuggingFaceModel:
    """A model of the Hugging Face Hub on AWS's prebuilt image; the container downloads it when it starts."""

    model_id: str
    """The Hub's name of it, for instance `papluca/xlm-roberta-base-language-detection`."""
    task: str
    """The transformers pipeline task, for instance `text-classification`."""
    revision: str | None = None
    """Branch, tag or commit; by default the head of the main branch at the time a container starts."""
    image_tag: str = HUGGING_FACE_CPU_IMAGE_TAG
    """Tag in AWS's `huggingface-pytorch-inference` repository; by default a CPU image."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for the container; they win over the ones made from the fields above."""


@dataclass(frozen=True, kw_only=True)
class ContainerModel:
    """A container image that answers /ping and /invocations, with model data from S3."""

    image_uri: str
    """Full image URI in Amazon ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG` (or `@sha256:…`)."""
    model_data_url: str | None = None
    """`s3://bucket/key.tar.gz`; by default the image brings its own model."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the container."""


@dataclass(frozen=True, kw_only=True)
class ServerlessCapacity:
    """Pay per request, nothing when idle; the first request after a pause waits for a container to start."""

    memory_mib: int = 4096
    """Memory, which also sets the CPU share; by default 4 GiB."""
    max_concurrency: int = 10
    """Requests at once before SageMaker throttles; by default 10."""


@dataclass(frozen=True, kw_only=True)
class InstanceCapacity:
    """Real-time instances, scaled by target tracking on concurrent requests (10-second metric)."""

    instance_type: str
    """For instance `ml.m7i.xlarge`."""
    min_instances: int = 1
    """Never fewer; by default 1. Two or more spread over availability zones."""
    max_instances: int = 4
    """Never more; by default 4. Equal to `min_instances`: no autoscaling is made."""
    concurrent_requests_per_instance: int = 4
    """How many requests one instance serves well at once; by default 4. The event source's concurrency and the
    scaling target derive from it."""
    target_utilization_percent: int = 70
    """Scale out when instances carry this share of `concurrent_requests_per_instance`; by default 70 %."""
    scale_in_cooldown_seconds: int = 300
    """Pause before an instance is taken away; by default 5 minutes."""
    scale_out_cooldown_seconds: int = 60
    """Pause before the next instance is added; by default 1 minute."""


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """The SageMaker endpoint: which model, on what capacity."""

    model: HuggingFaceModel | ContainerModel
    """Which model: of the Hugging Face Hub, or a container of your own."""
    capacity: ServerlessCapacity | InstanceCapacity = ServerlessCapacity()
    """What it runs on; by default serverless, which costs nothing when idle."""
    variant_name: str = "primary"
    """Name of the production variant. It stays the same between deployments: blue/green updates and autoscaling
    are bound to it."""
    log_retention_days: int = 30
    """How long the containers' logs are kept; by default 30 days."""


@dataclass(frozen=True, kw_only=True)
class InferenceSettings:
    """How records become requests."""

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
    """Endpoints with inference components: the one to use; by default none is named."""
    target_variant: str | None = None
    """The production variant to use; by default SageMaker picks by weight."""
    targets_from_messages: bool = False
    """Whether the message attributes TargetModel and TargetVariant win over the settings; by default they are
    ignored."""
    max_concurrency: int | None = None
    """Requests in flight at once in one invocation; by default as many as a full batch needs, 2 to 8."""
    metrics_namespace: str = "SageMakerInference"
    """CloudWatch namespace of the function's metrics."""


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """The Lambda function."""

    memory_mib: int = 512
    """Memory, which also sets the CPU share; by default 512 MB."""
    timeout_seconds: int = 30
    """Longest invocation; by default 30 s. Set it above the time that a cold model needs to answer: a serverless
    container may take most of its 60 s on the first request."""
    architecture: str = "arm64"
    """`arm64` or `x86_64`; by default arm64, which costs less for the same work."""
    layers: tuple[str, ...] = ()
    """ARNs of layer versions, for a codec of your own; by default none, the handler needs none."""
    runtime: str = "python3.13"
    """Lambda runtime; it brings boto3. By default Python 3.13."""
    log_level: str = "INFO"
    """Least severe log line kept; by default INFO. Message bodies are never logged."""
    log_retention_days: int = 30
    """How long logs are kept; by default 30 days."""
    tracing: bool = True
    """X-Ray active tracing; by default on."""
    reserved_concurrency: int | None = None
    """Concurrency set aside for, and limiting, this function; by default it shares the account's."""


@dataclass(frozen=True, kw_only=True)
class EventSourceSettings:
    """How the queue feeds the function."""

    batch_size: int = 10
    """Most messages in one invocation; by default 10. Over 10 needs a batching window."""
    batching_window_seconds: int = 0
    """How long Lambda gathers a batch; by default it does not wait."""
    maximum_concurrency: int | None = None
    """Most invocations at once; by default what the endpoint can take at its largest, divided by the requests
    that one invocation has in flight."""


@dataclass(frozen=True, kw_only=True)
class ResultsSettings:
    """Where results leave to."""

    sink: str = "sqs"
    """`sqs`, `sns` or `eventbridge`: a queue, topic or bus made for it; `s3`: a bucket of yours, one object a request;
    or `none`. By default a queue."""
    message_retention_seconds: int = 4 * DAY_SECONDS
    """`sqs` only: how long an unread result is kept; by default 4 days."""
    location: str | None = None
    """`s3` only, and needed then: `s3://bucket/prefix/` of a bucket that exists."""
    overflow_location: str | None = None
    """`s3://bucket/prefix/`, of a bucket that exists, for results over the sink's limit; by default they are
    dead-lettered."""


@dataclass(frozen=True, kw_only=True)
class IdempotencySettings:
    """A DynamoDB table that makes a record delivered twice be scored once."""

    retention_seconds: int = 4 * DAY_SECONDS
    """How long a result is remembered; by default 4 days, as long as the queue keeps a message."""


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """One road from a queue to results. Only the model has no default."""

    endpoint: EndpointSettings
    queue: QueueSettings = QueueSettings()
    function: FunctionSettings = FunctionSettings()
    event_source: EventSourceSettings = EventSourceSettings()
    inference: InferenceSettings = InferenceSettings()
    results: ResultsSettings = ResultsSettings()
    idempotency: IdempotencySettings | None = None
    """By default no table is made: a record delivered twice is scored twice, and its results have the same id."""


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
