"""The SageMaker endpoint: which model, on what capacity, how it is deployed and guarded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from constructs_lib.settings.function import ExistingRole, VpcSettings

# PyTorch 2.6, transformers 4.49: AWS's Hugging Face inference image for CPUs.
HUGGING_FACE_CPU_IMAGE_TAG = "2.6.0-transformers4.49.0-cpu-py312-ubuntu22.04"


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
    """More variables for the container; they win over the ones made from the fields above. No token: it would stand
    in plan and state."""
    token_secret_arn: str | None = None
    """Secret of AWS Secrets Manager that holds the Hub's token as plain text, for gated and private models. The
    container reads it when it starts; the token is in no environment variable. By default the model is public."""
    token_key_arn: str | None = None
    """Customer key that the secret is encrypted with; by default Secrets Manager's own."""
    bundle_location: str | None = None
    """With `token_secret_arn`: `s3://bucket/prefix/` of a bucket that exists, where the few lines that read the secret
    are put for the container."""


@dataclass(frozen=True, kw_only=True)
class ContainerModel:
    """A container image that answers /ping and /invocations, with model data from S3."""

    image_uri: str
    """Full image URI in Amazon ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG` (or `@sha256:…`). Of one that
    is a Terraform reference the repository can't be told: the role may then pull from every one of the account."""
    model_data_url: str | None = None
    """`s3://bucket/key.tar.gz`; by default the image brings its own model."""
    model_data_prefix: str | None = None
    """`s3://bucket/prefix/` of uncompressed files, in place of `model_data_url`, not on serverless capacity; with
    `multi_model`, of the archives that requests choose from."""
    multi_model: bool = False
    """Whether the container loads the archives below `model_data_prefix` as requests name them (TargetModel); by
    default it serves one model."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the container."""


@dataclass(frozen=True, kw_only=True)
class ModelPackage:
    """A model package: of your registry, of JumpStart, or subscribed to on AWS Marketplace.

    Those of AWS Marketplace want `network_isolation`, and run neither serverless nor as a shadow.
    """

    arn: str
    """ARN of the package's version."""
    repository_arns: tuple[str, ...] = ()
    """ECR repositories of its images, for a package of your registry; by default none: AWS itself pulls the others'."""
    model_data_urls: tuple[str, ...] = ()
    """`s3://bucket/key` of its archives, for a package of your registry; by default none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the container."""


@dataclass(frozen=True, kw_only=True)
class ServerlessCapacity:
    """Pay per request, nothing when idle; the first request after a pause waits for a container to start."""

    memory_mib: int = 4096
    """Memory, which also sets the CPU share; by default 4 GiB."""
    max_concurrency: int = 10
    """Requests at once before SageMaker throttles; by default 10."""
    provisioned_concurrency: int | None = None
    """Containers kept warm, and paid for; by default none."""
    max_provisioned_concurrency: int | None = None
    """Scale the warm containers up to this by their utilization; by default they stay as many as they are."""
    target_utilization_percent: int = 70
    """With `max_provisioned_concurrency`: utilization of the warm containers to keep; by default 70 %."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The instances of a variant; what real-time and asynchronous capacity have in common."""

    instance_type: str
    """For instance `ml.m7i.xlarge`."""
    volume_gib: int | None = None
    """Size of the storage volume; by default what SageMaker gives the instance type."""
    model_download_timeout_seconds: int | None = None
    """How long an instance may take to fetch the model; by default SageMaker's own."""
    startup_timeout_seconds: int | None = None
    """How long the container may take to pass its first health check; by default SageMaker's own."""
    inference_ami_version: str | None = None
    """Instance image with other drivers, for instance `al2-ami-sagemaker-inference-gpu-2`; by default SageMaker's
    own."""


@dataclass(frozen=True, kw_only=True)
class QueueScaling:
    """An extra step policy: instances are added while the work queue falls behind."""

    age_seconds: int | None = None
    """Add instances while the oldest message is older; by default age does not count."""
    backlog_messages: int | None = None
    """Add instances while more messages wait; by default the backlog does not count."""
    add_instances: int = 1
    """How many at a time; by default 1."""
    cooldown_seconds: int = 300
    """Pause before the next are added; by default 5 minutes, about what an instance takes to start."""


@dataclass(frozen=True, kw_only=True)
class ScheduledCapacity:
    """Another scaling range from a point in time on, until the next one of the schedule."""

    name: str
    """Name of the scheduled action, for instance `office-hours`."""
    schedule: str
    """`cron(…)`, `rate(…)` or `at(…)` of Application Auto Scaling, for instance `cron(0 7 ? * MON-FRI *)`."""
    timezone: str = "UTC"
    """Time zone of the expression, for instance `Europe/Berlin`; by default UTC."""
    min_instances: int
    """Never fewer from then on."""
    max_instances: int
    """Never more from then on."""


@dataclass(frozen=True, kw_only=True)
class InstanceCapacity(Hardware):
    """Real-time instances, scaled by target tracking on concurrent requests (10-second metric)."""

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
    invocations_per_instance_per_minute: int | None = None
    """Scale on invocations per instance and minute, to keep this many, in place of concurrent requests; by default on
    concurrent requests."""
    queue_scaling: QueueScaling | None = None
    """Add instances when the work queue falls behind, whatever the endpoint's own metric says; by default not."""
    schedule: tuple[ScheduledCapacity, ...] = ()
    """Scaling ranges by the clock; by default the range is the same at all times."""
    managed_scaling: bool = False
    """Have SageMaker itself scale between `min_instances` and `max_instances`, of which a change is deployed as a new
    endpoint configuration; by default Application Auto Scaling does."""
    routing_strategy: str = "LEAST_OUTSTANDING_REQUESTS"
    """Which instance a request goes to: `LEAST_OUTSTANDING_REQUESTS` or `RANDOM`; by default the one with fewest
    outstanding requests."""


@dataclass(frozen=True, kw_only=True)
class AsyncCapacity(Hardware):
    """Asynchronous inference: requests of up to an hour and 1 GB, on instances that scale to zero and back.

    The function hands records over; SageMaker tells a second function, by topics that are made for it, when a result is
    there, and that one sends it on.
    """

    input_location: str
    """`s3://bucket/prefix/`, of a bucket that exists, where the function puts requests."""
    output_location: str
    """`s3://bucket/prefix/`, of a bucket that exists, where SageMaker puts answers."""
    failure_location: str | None = None
    """`s3://bucket/prefix/` for the answers of failed inferences; by default SageMaker keeps none."""
    inline: bool = False
    """Whether requests of up to 128,000 bytes are sent in the call itself, which saves a PUT; the dead letter of one
    that fails then lacks its body. By default all are put to S3."""
    min_instances: int = 0
    """Never fewer; by default 0: nothing runs, nor costs, while there is nothing to do."""
    max_instances: int = 4
    """Never more; by default 4."""
    concurrent_requests_per_instance: int = 4
    """How many requests an instance works on at once; by default 4."""
    invocation_timeout_seconds: int = 900
    """How long an instance may work on one request; by default 15 minutes. At most an hour."""
    backlog_per_instance: int = 4
    """Scale to have so many requests waiting or in work for each instance; by default 4."""
    scale_in_cooldown_seconds: int = 300
    """Pause before an instance is taken away; by default 5 minutes."""
    scale_out_cooldown_seconds: int = 60
    """Pause before the next instance is added; by default 1 minute."""
    schedule: tuple[ScheduledCapacity, ...] = ()
    """Scaling ranges by the clock; by default the range is the same at all times."""
    output_key_arn: str | None = None
    """Customer key that answers are encrypted with; by default the bucket's own encryption."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A further production variant, or a shadow one."""

    name: str
    """Its name; it stays the same between deployments."""
    capacity: InstanceCapacity
    """What it runs on; variants are real-time instances."""
    model: HuggingFaceModel | ContainerModel | ModelPackage | None = None
    """Which model; by default the endpoint's."""
    weight: int = 1
    """Share of the requests, as against the other variants' weights; by default 1. Of a shadow variant: the share that
    is copied to it."""


@dataclass(frozen=True, kw_only=True)
class DataCapture:
    """Requests and answers kept in S3, for audits and for monitoring the model."""

    location: str
    """`s3://bucket/prefix/` of a bucket that exists."""
    sampling_percent: int = 100
    """Share of the requests that is kept; by default all."""
    requests: bool = True
    """Whether requests are kept; by default they are."""
    answers: bool = True
    """Whether answers are kept; by default they are."""
    kms_key_arn: str | None = None
    """Customer key that they are encrypted with; by default the bucket's own encryption."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """How a changed endpoint takes over, and when it rolls back. Alarms are made for it, one a variant at least; since
    the provider replaces an endpoint whose rollback comes or goes, each endpoint on instances has one.

    `all-at-once`, `canary` and `linear` are blue/green: a second fleet is started, and traffic is moved to it.
    `rolling` replaces the instances a few at a time. Endpoints on Inf1 instances or with packages of AWS Marketplace
    are moved all at once whatever is set here.
    """

    strategy: str = "all-at-once"
    """`all-at-once`, `canary`, `linear` or `rolling`; by default all traffic moves at once."""
    step_percent: int = 10
    """`canary`: share of the first step; `linear` and `rolling`: share of each. By default 10 %."""
    step_wait_seconds: int | None = None
    """How long alarms are watched after each step; by default 5 minutes, with `linear` and `rolling` 2. All waits
    together are at most 45 minutes: Terraform's AWS provider gives an endpoint an hour."""
    termination_wait_seconds: int = 300
    """Blue/green: how long the old fleet stays after the last step; by default 5 minutes."""
    maximum_execution_seconds: int | None = None
    """Longest deployment before it counts as failed; by default SageMaker's own."""
    rollback_error_percent: int = 5
    """Roll back when more of the requests in a minute fail with 5xx; by default 5 %."""
    rollback_latency_ms: int | None = None
    """Roll back when the model's 99th percentile of latency is longer for a minute; by default latency does not
    count."""
    rollback_alarm_names: tuple[str, ...] = ()
    """CloudWatch alarms of your own that roll back too; by default none."""


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """The SageMaker endpoint: which model, on what capacity."""

    model: HuggingFaceModel | ContainerModel | ModelPackage
    """Which model: of the Hugging Face Hub, a container of your own, or a model package."""
    capacity: ServerlessCapacity | InstanceCapacity | AsyncCapacity = ServerlessCapacity()
    """What it runs on; by default serverless, which costs nothing when idle."""
    variant_name: str = "primary"
    """Name of the production variant. It stays the same between deployments: blue/green updates and autoscaling
    are bound to it."""
    log_retention_days: int = 30
    """How long the containers' logs are kept; by default 30 days."""
    log_key_arn: str | None = None
    """Customer key that the logs are encrypted with; by default CloudWatch's own. Its policy must admit
    `logs.REGION.amazonaws.com`."""
    weight: int = 1
    """With `more_variants`: share of the requests, as against their weights; by default 1."""
    more_variants: tuple[Variant, ...] = ()
    """Further production variants, for instance to compare two models; by default there is one."""
    shadow: Variant | None = None
    """A variant that gets copies of requests and whose answers nobody sees; by default there is none."""
    deployment: Deployment = Deployment()
    """How a changed endpoint takes over; by default all traffic moves at once, and an alarm on errors rolls back. On
    serverless capacity SageMaker takes none: all traffic moves at once, and only its own checks roll back."""
    data_capture: DataCapture | None = None
    """Keep requests and answers in S3; by default none are kept."""
    vpc: VpcSettings | None = None
    """Network of the containers; by default SageMaker's own."""
    network_isolation: bool = False
    """Whether containers may open no connection at all; by default they may. The model must then come from S3."""
    volume_key_arn: str | None = None
    """Customer key of the instances' volumes; by default SageMaker's own. Local NVMe storage is encrypted by the
    hardware, not with it."""
    bucket_key_arns: tuple[str, ...] = ()
    """Customer keys of the buckets that the containers read the model from or write to; by default their buckets use
    S3's own."""
    role: ExistingRole | None = None
    """Execution role; by default one is made."""


@dataclass(frozen=True, kw_only=True)
class ExistingEndpoint:
    """An endpoint of the same account and region that exists already. Nothing of it is made or changed."""

    name: str
    """The endpoint's name."""
    concurrent_requests: int
    """How many requests it takes at once at its largest; the event source's concurrency derives from it."""
    serverless: bool = False
    """Whether it is serverless, whose requests have at most 4 MiB; by default it runs on instances."""
    variant_name: str = "AllTraffic"
    """Name of its production variant, for alarms and dashboard; by default that of the SageMaker SDK."""
