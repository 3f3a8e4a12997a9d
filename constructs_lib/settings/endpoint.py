"""The SageMaker endpoint: which model, on what capacity, how it is deployed and guarded."""

from dataclasses import dataclass
from typing import NamedTuple

from constructs_lib.settings.base import Settings
from constructs_lib.settings.capacity import AsyncCapacity, Capacity, InstanceCapacity, ServerlessCapacity
from constructs_lib.settings.function import ExistingRole, VpcSettings
from constructs_lib.settings.models import HuggingFaceModel, Model


@dataclass(frozen=True, kw_only=True)
class Variant(Settings):
    """A further production variant, or a shadow one."""

    name: str
    """Its name; it stays the same between deployments."""
    capacity: InstanceCapacity
    """What it runs on; variants are real-time instances."""
    model: Model | None = None
    """Which model; by default the endpoint's."""
    weight: int = 1
    """Share of the requests, as against the other variants' weights; by default 1. Of a shadow variant: the share that
    is copied to it."""


class ServingVariant(NamedTuple):
    """A variant as it is served: the endpoint's own, a further one, or the shadow."""

    name: str
    capacity: Capacity
    weight: int
    place: str
    """Path of its capacity within the endpoint's settings."""


@dataclass(frozen=True, kw_only=True)
class DataCapture(Settings):
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
class Deployment(Settings):
    """Deployment of a changed endpoint, and its rollback. Alarms are created for it, one a variant at least; since
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
class EndpointSettings(Settings):
    """The SageMaker endpoint: which model, on what capacity."""

    model: Model
    """Which model: of the Hugging Face Hub, a container of your own, or a model package."""
    capacity: Capacity = ServerlessCapacity()
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
    """Network of the containers; by default SageMaker's own. docs/network.md lists what it must reach."""
    network_isolation: bool = False
    """Whether containers may open no connection at all; by default they may. The model must then come from S3."""
    volume_key_arn: str | None = None
    """Customer key of the instances' volumes; by default SageMaker's own. Local NVMe storage is encrypted by the
    hardware, not with it."""
    bucket_key_arns: tuple[str, ...] = ()
    """Customer keys of the buckets that the containers read the model from or write to; by default their buckets use
    S3's own."""
    role: ExistingRole | None = None
    """Execution role; by default one is created."""

    @property
    def production_variants(self) -> tuple[ServingVariant, ...]:
        """The variants whose answers are used, the endpoint's own first."""
        own = ServingVariant(name=self.variant_name, capacity=self.capacity, weight=self.weight, place="capacity")
        return own, *(
            ServingVariant(
                name=variant.name,
                capacity=variant.capacity,
                weight=variant.weight,
                place=f"more_variants[{position}].capacity",
            )
            for position, variant in enumerate(self.more_variants)
        )

    @property
    def shadow_variants(self) -> tuple[ServingVariant, ...]:
        """The shadow variant, if there is one."""
        if self.shadow is None:
            return ()
        name, capacity, weight = self.shadow.name, self.shadow.capacity, self.shadow.weight
        return (ServingVariant(name=name, capacity=capacity, weight=weight, place="shadow.capacity"),)

    @property
    def is_serverless(self) -> bool:
        """Whether requests have the limits of serverless endpoints."""
        return isinstance(self.capacity, ServerlessCapacity)

    @property
    def async_capacity(self) -> AsyncCapacity | None:
        """The capacity of an asynchronous endpoint; None of any other."""
        return self.capacity if isinstance(self.capacity, AsyncCapacity) else None

    @property
    def most_requests(self) -> int | None:
        """Requests that it takes at once at its largest; None where it queues them itself.

        Of several variants, that is until the first of them has its share.
        """
        own, first = self.capacity.most_requests, self.first_full_variant
        if own is None or first.weight == 0:
            return own
        return (first.capacity.most_requests or 0) * self.total_weight // first.weight

    @property
    def first_full_variant(self) -> ServingVariant:
        """The variant that has its share of the requests first."""
        taking = [variant for variant in self.production_variants if variant.weight]
        return min(
            taking,
            key=lambda one: (one.capacity.most_requests or 0) / one.weight,
            default=self.production_variants[0],
        )

    @property
    def task(self) -> str | None:
        """The pipeline task of the models, if it is known and the same for all of them."""
        tasks = {_task(model) for model in self.models}
        return tasks.pop() if len(tasks) == 1 else None

    @property
    def models(self) -> tuple[Model, ...]:
        """The model of each production variant, the endpoint's own first."""
        return self.model, *(variant.model or self.model for variant in self.more_variants)

    @property
    def total_weight(self) -> int:
        """Sum of the production variants' weights."""
        return sum(variant.weight for variant in self.production_variants)


@dataclass(frozen=True, kw_only=True)
class ExistingEndpoint(Settings):
    """An endpoint of the same account and region that exists already. Nothing of it is created or changed."""

    name: str
    """The endpoint's name."""
    concurrent_requests: int
    """How many requests it takes at once at its largest; the event source's concurrency derives from it."""
    serverless: bool = False
    """Whether it is serverless, whose requests have at most 4 MiB; by default it runs on instances."""
    variant_name: str = "AllTraffic"
    """Name of its production variant, for alarms and dashboard; by default that of the SageMaker SDK."""

    @property
    def is_serverless(self) -> bool:
        """Whether requests have the limits of serverless endpoints."""
        return self.serverless

    @property
    def async_capacity(self) -> None:
        """None: an endpoint that exists is invoked in real time."""

    @property
    def task(self) -> None:
        """None: its models are not known here."""

    @property
    def most_requests(self) -> int:
        """Requests that it takes at once at its largest."""
        return self.concurrent_requests


def _task(model: Model) -> str | None:
    return model.task if isinstance(model, HuggingFaceModel) else model.environment.get("HF_TASK")
