"""One sentence: what breaks first."""

import numpy as np

from capacity.answer import Answer
from capacity.service_time import counted, rate_text, shown
from capacity.simulation.arrivals import Arrivals
from capacity.simulation.course import Course

# A backlog that a few seconds of work clear is no sign of anything.
SMALL_AGE_SECONDS = 30
FULL = 0.999


def verdict(answer: Answer, arrivals: Arrivals, course: Course | None) -> str:
    """Return what breaks first in the course of the arrivals; if nothing does, what would."""
    work, at = answer.work, answer.steady
    if course is None:
        return f"Nothing is ever scored: {at.limits[0].because}."
    if not work.pipeline.source.enabled:
        return "The event source is disabled: messages wait until it is enabled, or the queue's retention ends."
    return _lost(answer, course) or _late(answer, arrivals, course)


def _lost(answer: Answer, course: Course) -> str | None:
    """Return that messages leave the queue unscored; None if none does."""
    work = answer.work
    if course.expired:
        return (
            f"Messages are lost: {counted(round(course.expired), 'message')} grew older than the queue keeps them, "
            f"{shown(work.pipeline.queue.retention_seconds)}, because {_binding(answer, course)}."
        )
    if course.dead_lettered >= 1:
        return (
            f"The endpoint refuses requests: {counted(round(course.dead_lettered), 'message')} used up "
            f"{work.pipeline.queue.max_receive_count} receives and went to the dead-letter queue."
        )
    return None


def _late(answer: Answer, arrivals: Arrivals, course: Course) -> str:
    """Return from when until when messages wait, and for what; where none does, what the first limit is."""
    at, oldest = answer.steady, float(course.age.max())
    late = np.nonzero(course.age > SMALL_AGE_SECONDS)[0]
    if not len(late):
        part, rate = at.limits[0].part, at.capacity
        return (
            f"Nothing breaks: the busiest minute brings {rate_text(arrivals.peak)} messages/s, and the first limit, "
            f"{part}, is at {rate_text(rate)}."
        )
    when = f"From {_clock(int(late[0]), arrivals)} on"
    if course.age[-1] > SMALL_AGE_SECONDS and course.backlog[-1] > 0.5 * course.backlog.max():
        left = counted(round(float(course.backlog[-1])), "message")
        return f"{when} messages pile up, because {_binding(answer, course)}; {left} wait at the end."
    until = f"until {_clock(int(late[-1]) + 1, arrivals)}"
    return f"{when} messages wait, {until}, because {_binding(answer, course)}; the oldest gets {shown(oldest)} old."


def _clock(second: int, arrivals: Arrivals) -> str:
    if arrivals.seconds < 3 * 3600:
        return shown(second)
    days, rest = divmod(second, 86_400)
    return (f"day {days + 1}, " if arrivals.seconds > 86_400 else "") + f"{rest // 3600:02}:{rest % 3600 // 60:02}"


def _binding(answer: Answer, course: Course) -> str:
    """Return the part that holds messages up: full places while instances are still to come, or the lowest limit."""
    late = course.age > SMALL_AGE_SECONDS
    full = course.utilization[late] >= FULL
    most = max((series.max() for series in course.instances.values()), default=0)
    if full.mean() > 0.5:
        can_grow = any(
            load.variant.most_instances > course.instances[load.variant.name][late].mean() + 0.5
            for load in answer.steady.loads
            if load.variant.instance_type
        )
        what = (
            "more instances are slow to come"
            if can_grow
            else f"all places of the endpoint's {counted(float(most), 'instance')} are taken"
        )
        return f"{what} (instances x concurrency)"
    running = course.concurrency[late]
    if (running < course.most_concurrency - 1).mean() > 0.5:
        return "Lambda adds pollers only so fast (event source concurrency)"
    limit = answer.steady.limits[0]
    return f"{limit.part} carries {rate_text(limit.per_second)} messages/s at the most"
