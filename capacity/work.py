"""One invocation: its micro-batches and its time, by the rules of handler.microbatch and handler.attempts."""

import math
from dataclasses import dataclass

from capacity.deployed import Pipeline
from capacity.profile import Profile, cpu_share
from capacity.service_time import ServiceTime
from handler.settings import request_timeout_seconds, reserve_seconds

# Lambda quotas: 6 MB for a synchronous invocation, which the event with its batch has to fit into
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). An SQS record has about 700 bytes around
# its body, and the body's quotes are escaped: measured on an event of 1 KiB bodies, benchmarks.worker.event.
PAYLOAD_BYTES = 6 * 1024 * 1024
RECORD_FRAME_BYTES = 700
# SQS: ReceiveMessage and SendMessageBatch take ten messages.
MESSAGES_PER_CALL = 10
# SageMaker guide: a container has 60 s for a real-time request.
CONTAINER_SECONDS = 60


# Lambda quotas: concurrent executions of an account and region, until it is raised.
ACCOUNT_CONCURRENCY = 1000


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Circumstances that the settings don't tell."""

    record_bytes: int = 1024
    """Size of a message's body."""
    account_concurrency: int = ACCOUNT_CONCURRENCY
    """Invocations that the account's quota leaves to the function."""
    groups: int | None = None
    """FIFO: message groups that are active at once; None: as many as it takes."""


@dataclass(frozen=True)
class Invocation:
    """Shape and time of an invocation with so many records."""

    records: float
    requests: float
    records_per_request: float
    at_once: float
    """Requests in flight at once."""
    rounds: float
    """Requests that follow each other on one place."""
    request_seconds: float
    """A request, from sending to answer, without waiting for a place at the endpoint."""
    seconds: float
    cpu_seconds: float
    """Processor time, at the function's share of one."""


class Work:
    """The rules that turn a batch into requests and seconds, for one pipeline and model."""

    def __init__(
        self,
        pipeline: Pipeline,
        model: ServiceTime,
        profile: Profile,
        circumstances: Circumstances = Circumstances(),
    ) -> None:
        self.pipeline = pipeline
        self.model = model
        self.profile = profile
        self.circumstances = circumstances
        self.record_bytes = circumstances.record_bytes
        self.share = cpu_share(pipeline.function.memory_mib)

    @property
    def payload_records(self) -> int:
        """Records that fit into Lambda's payload."""
        return max(1, PAYLOAD_BYTES // (self.record_bytes + RECORD_FRAME_BYTES))

    @property
    def full_batch(self) -> int:
        return min(self.pipeline.source.batch_size, self.payload_records)

    @property
    def most_per_request(self) -> int:
        """Records of a full request, by count and by bytes."""
        by_bytes = max(1, self.pipeline.handler.max_request_bytes // (self.record_bytes + 2))
        return min(self.pipeline.records_per_request(), by_bytes)

    @property
    def fits_request(self) -> bool:
        return self.record_bytes <= self.pipeline.handler.max_request_bytes

    @property
    def places(self) -> int:
        """Requests that one invocation has in flight at the most."""
        return self.pipeline.handler.requests_in_flight

    def invocation(self, records: float, waiting: float = 0.0) -> Invocation:
        """Return the invocation of a batch; `waiting` is each request's wait for a place at the endpoint (seconds)."""
        handler, profile = self.pipeline.handler, self.profile
        most = self.most_per_request  # of one each, a mean needs no rounding
        requests = max(1.0, records if most == 1 else math.ceil(records / most - 1e-9))
        size = records / requests
        at_once = min(float(self.places), requests)
        rounds = math.ceil(requests / at_once - 1e-9)
        request = self.request_seconds(size) + waiting
        calls = self._calls(records)
        last = size * min(at_once, requests - (rounds - 1) * at_once)
        last_calls = self._calls(last)
        cpu = profile.invocation_cpu + requests * profile.request_cpu + records * profile.record_cpu
        cpu = (cpu + calls * profile.call_cpu + (records * profile.result_cpu if calls else 0.0)) / self.share
        launch = (profile.invocation_cpu + at_once * (profile.request_cpu + size * profile.record_cpu)) / self.share
        sending = (last_calls * profile.call_cpu + last * profile.result_cpu) / self.share if last_calls else 0.0
        sending += math.ceil(last_calls / profile.senders) * profile.round_trip if last_calls else 0.0
        # Whatever is slower: the requests' rounds with what comes before and after, or the processor.
        seconds = max(launch + rounds * request + sending, cpu + request + (profile.round_trip if calls else 0.0))
        if handler.idempotency_table:  # a claim for each record before, a write of 25 after
            claims = math.ceil(records / profile.senders) * (profile.round_trip + profile.call_cpu / self.share)
            seconds += claims + profile.round_trip
        return Invocation(records, requests, size, at_once, rounds, request, seconds, cpu)

    def request_seconds(self, records: float) -> float:
        """Return the time of a request at an endpoint with a free place; asynchronous ones only take it in."""
        if self.pipeline.endpoint.queues_requests:
            calls = 1 if self.pipeline.handler.async_inline else 2  # the request is put to S3 first
            return calls * self.profile.round_trip
        return self.model.seconds(records) + self.profile.round_trip

    def _calls(self, records: float) -> float:
        """Return how many calls send the results of so many records."""
        handler = self.pipeline.handler
        if handler.result_sink == "none" or records <= 0:
            return 0.0
        if handler.result_sink == "s3":
            return math.ceil(records / max(1.0, self.most_per_request) - 1e-9)
        return float(math.ceil(records / (MESSAGES_PER_CALL * handler.max_events_per_message) - 1e-9))

    @property
    def launch_seconds(self) -> float:
        """Time of an invocation after which no request starts any more (handler.attempts.Deadline)."""
        timeout = self.pipeline.function.timeout_seconds
        return timeout - 2 * reserve_seconds(timeout)

    @property
    def request_timeout(self) -> float:
        """Longest request that the function, or SageMaker, waits for."""
        if self.pipeline.endpoint.queues_requests:
            return float(self.pipeline.handler.async_invocation_seconds)
        return float(min(CONTAINER_SECONDS, request_timeout_seconds(self.pipeline.function.timeout_seconds)))

    def too_slow(self) -> str | None:
        """Return why no full request is ever answered in time; None if it is."""
        size = min(self.full_batch, self.most_per_request)
        seconds = self.model.seconds(size)
        if seconds <= self.request_timeout:
            return None
        return (
            f"a request of {size} records takes {seconds:.3g} s, over the {self.request_timeout:g} s that it may take"
        )

    def batch_in_time(self) -> int:
        """Return the records of a full batch that are sent before the invocation's time runs out."""
        size = min(self.full_batch, self.most_per_request)
        request = self.request_seconds(size)
        rounds = 1 + math.floor(self.launch_seconds / request) if request else math.inf
        return int(min(self.full_batch, rounds * self.places * size))
