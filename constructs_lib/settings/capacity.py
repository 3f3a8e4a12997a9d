"""Capacity of an endpoint's variants, and how their number follows the load."""

from dataclasses import dataclass

from constructs_lib.settings.base import Settings


@dataclass(frozen=True, kw_only=True)
class ServerlessCapacity(Settings):
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

    @property
    def most_requests(self) -> int:
        """Requests that a variant takes at once at its largest."""
        return self.max_concurrency

    @property
    def is_scaled(self) -> bool:
        """Whether Application Auto Scaling moves the count of warm containers, so that no apply may set it."""
        return self.max_provisioned_concurrency not in (None, self.provisioned_concurrency)


@dataclass(frozen=True, kw_only=True)
class Hardware(Settings):
    """The instances of a variant; what real-time and asynchronous capacity have in common."""

    instance_type: str
    """For instance `ml.m5.xlarge`."""
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
class QueueScaling(Settings):
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
class ScheduledCapacity(Settings):
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
    """Never more; by default 4. Equal to `min_instances`: no autoscaling is created."""
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
    routing_strategy: str = "LEAST_OUTSTANDING_REQUESTS"
    """Which instance a request goes to: `LEAST_OUTSTANDING_REQUESTS` or `RANDOM`; by default the one with fewest
    outstanding requests."""

    @property
    def most_requests(self) -> int:
        """Requests that a variant takes at once at its largest."""
        return self.most_instances * self.concurrent_requests_per_instance

    @property
    def most_instances(self) -> int:
        """Instances at the most, at any time of the schedule."""
        return _most_instances(self)

    @property
    def fewest_instances(self) -> int:
        """Instances at the least, at any time of the schedule."""
        return _fewest_instances(self)

    @property
    def is_scaled(self) -> bool:
        """Whether Application Auto Scaling moves the count of instances, so that no apply may set it."""
        return _is_scaled(self)


@dataclass(frozen=True, kw_only=True)
class AsyncCapacity(Hardware):
    """Asynchronous inference: requests of up to an hour and 1 GB, on instances that scale to zero and back.

    The function submits records; SageMaker notifies a second function, by topics that are created for it, when a result
    is there, and that one sends it on.
    """

    request_location: str
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

    @property
    def most_requests(self) -> None:
        """None: the endpoint queues requests itself."""

    @property
    def most_instances(self) -> int:
        """Instances at the most, at any time of the schedule."""
        return _most_instances(self)

    @property
    def fewest_instances(self) -> int:
        """Instances at the least, at any time of the schedule."""
        return _fewest_instances(self)

    @property
    def is_scaled(self) -> bool:
        """Whether Application Auto Scaling moves the count of instances, so that no apply may set it."""
        return _is_scaled(self)


Capacity = ServerlessCapacity | InstanceCapacity | AsyncCapacity


def _most_instances(capacity: InstanceCapacity | AsyncCapacity) -> int:
    return max(capacity.max_instances, *(entry.max_instances for entry in capacity.schedule), 0)


def _fewest_instances(capacity: InstanceCapacity | AsyncCapacity) -> int:
    return min([capacity.min_instances, *(entry.min_instances for entry in capacity.schedule)])


def _is_scaled(capacity: InstanceCapacity | AsyncCapacity) -> bool:
    return capacity.min_instances != capacity.max_instances or bool(capacity.schedule)
