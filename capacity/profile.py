"""Times besides the model's: the handler's own, and those of the calls it makes. Each constant has its origin."""

from dataclasses import dataclass, replace

from local.errors import UsageError

MIB_PER_VCPU = 1769
"""Lambda guide, "Configure Lambda function memory": at 1,769 MB a function has the equivalent of one vCPU.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
ROUND_TRIP_SECONDS = 0.010


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Seconds; those of the processor are at one whole vCPU, and the handler uses one at most (one Python process)."""

    name: str
    invocation_cpu: float
    """Processor time of an invocation, whatever its records."""
    request_cpu: float
    """Processor time of a request to the endpoint."""
    record_cpu: float
    """Processor time of a record: parsed and encoded before its request, its result made after it, half of it each."""
    call_cpu: float
    """Processor time of a call that sends results, ten in one."""
    result_cpu: float = 0.0
    """Processor time of a result, in the call that sends it."""
    round_trip: float
    """Latency of a call from the function to an AWS service, without the work behind it."""
    between: float
    """From the end of an invocation until the next batch's begins: delete, receive, invoke."""
    cores: float = float("inf")
    """Processors that all invocations share; on Lambda each has its own."""
    shared: float = 0.0
    """Of a local run: time of each batch in the emulator, one process that all batches pass through in turn."""
    sending: float = 0.0
    """Of a local run: time in the emulator of a call that sends messages."""
    first: float = 0.0
    """Until the first batch: of a local run, the start of the function's processes."""
    senders: int = 4
    """Threads that send results (handler.batch)."""
    origin: str = ""


AWS = Profile(
    name="aws",
    # Measured: docs/benchmarks.md, `cpu` of the handler, 2026-11-25: 4 requests of 50 or 250 records, 16 of 13, results
    # one by one or in lists; the constants are the differences between these, of a record's time a quarter is its
    # result's in the call that sends it (as with capacity.check.handler_check).
    invocation_cpu=0.0011,
    request_cpu=0.00098,
    record_cpu=0.000016,
    call_cpu=0.0011,
    result_cpu=0.000005,
    # Assumed, since no account was at hand; --round-trip sets it.
    round_trip=ROUND_TRIP_SECONDS,
    between=2 * ROUND_TRIP_SECONDS,
    origin="processor times measured by make bench on 2026-11-25; 10 ms a call to AWS is assumed (--round-trip)",
)


def aws_profile(round_trip: float = ROUND_TRIP_SECONDS) -> Profile:
    """Return the profile of the deployed function with such a latency (seconds) of calls to AWS services."""
    if not 0 <= round_trip <= 10:
        raise UsageError(f"--round-trip {round_trip:g} s: must be 0 to 10 s")
    return replace(AWS, round_trip=round_trip, between=2 * round_trip)


def cpu_share(memory_mib: int) -> float:
    """Return the share of one vCPU that the handler's process gets: one at most, since Python runs one thread."""
    return min(1.0, memory_mib / MIB_PER_VCPU)
