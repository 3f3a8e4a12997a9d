"""A pipeline as it is deployed: what the synthesized Terraform JSON says of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from capacity.scaling_settings import Scaling
from handler.codecs import codec_for
from handler.codecs.base import NO_LIMIT
from handler.settings import HandlerSettings


@dataclass(frozen=True, kw_only=True)
class Queue:
    """The work queue."""

    fifo: bool = False
    high_throughput: bool = False
    """FIFO: whether its quota is per message group."""
    visibility_seconds: int = 180
    retention_seconds: int = 345_600
    delay_seconds: int = 0
    max_receive_count: int = 5


@dataclass(frozen=True, kw_only=True)
class Source:
    """The event source mapping."""

    batch_size: int = 10
    window_seconds: int = 0
    maximum_concurrency: int | None = None
    """Most invocations at once; None: as many as Lambda starts."""
    pollers: tuple[int, int] | None = None
    """Fewest and most provisioned pollers; None: Lambda shares its own out."""
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Function:
    """The Lambda function."""

    memory_mib: int = 512
    timeout_seconds: int = 30
    arm: bool = True
    tracing: bool = True
    reserved_concurrency: int | None = None
    provisioned_concurrency: int = 0


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A variant of the endpoint, and how its number of instances follows the load."""

    name: str
    weight: float = 1.0
    shadow: bool = False
    instance_type: str | None = None
    """None: serverless, or not in this stack."""
    instances: int = 1
    """The number that it begins with; 1 where there are no instances."""
    concurrent_requests: int = 1
    """Requests that one instance serves well at once; of a serverless variant, its maximum concurrency."""
    memory_mib: int | None = None
    """Memory of a serverless variant; None: it is none."""
    provisioned_concurrency: int = 0
    random_routing: bool = False
    """Whether requests go to any instance; else to the one with fewest outstanding."""
    scaling: Scaling | None = None

    @property
    def fewest_instances(self) -> int:
        return self.scaling.fewest if self.scaling and self.instance_type else self.instances

    @property
    def most_instances(self) -> int:
        return self.scaling.most if self.scaling and self.instance_type else self.instances

    @property
    def most_requests(self) -> int:
        """Requests at once at its largest."""
        return self.most_instances * self.concurrent_requests


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The SageMaker endpoint."""

    variants: Sequence[Variant]
    existing: bool = False
    """Whether it is made elsewhere, so that nothing is known of it but what the mapping admits."""
    queues_requests: bool = False
    """Whether it is asynchronous: it has a queue of its own."""
    data_capture: bool = False

    @property
    def production(self) -> Sequence[Variant]:
        return [variant for variant in self.variants if not variant.shadow]

    def share(self, variant: Variant) -> float:
        """Return the share of the requests that a variant gets; a shadow variant gets copies."""
        total = sum(one.weight for one in self.production)
        return variant.weight / total if total else 1.0


@dataclass(frozen=True, kw_only=True)
class Watching:
    """Things that are paid for by the month, whether or not a message comes."""

    alarm_metrics: int = 0
    """Metrics in all alarms: an alarm on metric math is billed for each of its own."""
    dashboards: int = 0


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One pipeline of a stack."""

    stack: str
    name: str
    region: str
    queue: Queue = field(default_factory=Queue)
    source: Source = field(default_factory=Source)
    function: Function = field(default_factory=Function)
    handler: HandlerSettings
    endpoint: Endpoint
    watching: Watching = field(default_factory=Watching)
    encrypted_queues: int = 0
    """Queues with a customer key."""
    notes: Sequence[str] = ()
    """Assumptions about what the template does not say."""

    @property
    def path(self) -> str:
        return f"{self.stack}/{self.name}"

    @property
    def is_chat(self) -> bool:
        """Whether its requests are a language model's."""
        return self.handler.codec == "chat"

    def records_per_request(self) -> int:
        """Return how many records a request has at most, by count."""
        if self.handler.asynchronous:
            return 1
        # A codec of one's own is not at hand here.
        most = NO_LIMIT if ":" in self.handler.codec else codec_for(self.handler).max_records
        return min(most, self.handler.max_records_per_request)
