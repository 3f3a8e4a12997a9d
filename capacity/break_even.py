"""The rate at which an instance becomes cheaper than serverless inference, with the same model time on both."""

from dataclasses import dataclass

from constructs_lib.validation.instances import accelerator

from capacity.cost import MONTH_HOURS, MONTH_SECONDS, RESULT_BYTES
from capacity.prices import Prices
from capacity.steady import Steady
from capacity.work import Work

# ServerlessCapacity's default
DEFAULT_MEMORY_MIB = 4096


@dataclass(frozen=True)
class BreakEven:
    """Above `per_second` the instance is cheaper, as long as it carries the rate."""

    instance_type: str
    usd_an_hour: float
    memory_mib: int
    per_second: float
    carried: float
    """Messages a second that the one instance carries."""


def break_even(work: Work, steady: Steady, prices: Prices) -> BreakEven | None:
    """Return where the two meet in the region; None if a price is not known, or neither is a choice: serverless
    inference has no GPU.

    The cheapest instance of the region is compared; that its model time is the same is an assumption to be checked.
    """
    compute, data, cheapest = (
        prices.get("serverless-gb-seconds"),
        prices.get("serverless-data-gb"),
        prices.cheapest_instance(),
    )
    endpoint = work.pipeline.endpoint
    if not (compute and data and cheapest) or endpoint.queues_requests or endpoint.existing:
        return None
    first = endpoint.production[0]
    if first.instance_type and accelerator(first.instance_type):
        return None
    memory = first.memory_mib or DEFAULT_MEMORY_MIB
    size = steady.invocation.records_per_request
    seconds = work.model.seconds(size)
    message = seconds / size * memory / 1024 * compute.usd + (work.record_bytes + RESULT_BYTES) / 1e9 * data.usd
    name, price = cheapest
    concurrent = first.concurrent_requests if first.instance_type else 1
    return BreakEven(
        instance_type=name,
        usd_an_hour=price.usd,
        memory_mib=memory,
        per_second=price.usd * MONTH_HOURS / message / MONTH_SECONDS,
        carried=concurrent * size / seconds,
    )
