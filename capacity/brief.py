"""One line a pipeline, which `make synth` prints after what was derived."""

from capacity.cost import MILLION, items, total, usage_at
from capacity.prices import Prices
from capacity.service_time import rate_text
from capacity.steady import steady
from capacity.work import Work

# So little that every variant has its fewest instances.
IDLE_RATE = 1e-6


def brief(work: Work, prices: Prices, width: int) -> str:
    """Return the most messages a second, the month without any, and USD a million messages at half of the most."""
    path = f"{work.pipeline.path:{width}}"
    idle = steady(work, IDLE_RATE)
    if not idle.capacity:
        return f"{path}  carries nothing: {idle.limits[0].because}"
    half = steady(work, idle.capacity / 2)
    usage = usage_at(half, work)
    waiting = total(items(work, usage_at(idle, work), prices))
    million = total(items(work, usage, prices)) / usage.messages * MILLION
    return (
        f"{path}  at most {rate_text(idle.capacity)} messages/s ({idle.limits[0].part}); "
        f"{waiting:,.2f} USD a month idle, {million:,.2f} USD a million messages at half of the most"
    )
