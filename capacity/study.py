"""A pipeline over time: what both engines found, its bill, what breaks first, and what would be better."""

from collections.abc import Sequence
from dataclasses import dataclass

from capacity.advice import Advice, advise
from capacity.answer import Answer
from capacity.cost import MONTH_SECONDS, Item, items, total
from capacity.prices import Prices
from capacity.simulation.arrivals import Arrivals
from capacity.simulation.course import Course
from capacity.simulation.discrete import MESSAGES, Discrete, Events, poisson
from capacity.simulation.fluid import Fluid
from capacity.verdict import verdict
from capacity.work import Work

# Below this share of the most, random arrivals leave a steady state to measure.
STEADY_SHARE = 0.97
# An asynchronous model may take minutes: so few messages show its latency, too.
FEWEST_SECONDS = 60


@dataclass(frozen=True)
class Study:
    """Everything that is said of a pipeline."""

    answer: Answer
    arrivals: Arrivals
    course: Course | None
    """By the fluid engine; None where no request is ever answered."""
    bill: Sequence[Item]
    """Of the simulated time."""
    events: Events | None
    """By the discrete engine, at the steady or the peak rate; None where that is not carried."""
    sentence: str
    """The part that breaks first."""
    advice: Sequence[Advice]

    @property
    def usd(self) -> float:
        return total(self.bill)

    @property
    def usd_a_month(self) -> float:
        """The simulated time, over and over again for a month."""
        return total(self.bill) * MONTH_SECONDS / self.arrivals.seconds


def study(answer: Answer, arrivals: Arrivals, prices: Prices, start_seconds: float) -> Study:
    """Simulate a pipeline. `start_seconds` is what an instance takes until it serves."""
    work = answer.work
    if not answer.steady.capacity:
        return Study(answer, arrivals, None, (), None, verdict(answer, arrivals, None), ())
    course = Fluid(work, start_seconds).run(arrivals)
    bill = items(work, course.usage(), prices)
    return Study(
        answer=answer,
        arrivals=arrivals,
        course=course,
        bill=bill,
        events=_events(work, answer),
        sentence=verdict(answer, arrivals, course),
        advice=advise(work, arrivals, prices, start_seconds),
    )


def _events(work: Work, answer: Answer) -> Events | None:
    at = answer.steady
    if at.rate > STEADY_SHARE * at.capacity or work.pipeline.endpoint.queues_requests:
        return None
    moments = poisson(at.rate, round(min(MESSAGES, max(1000, FEWEST_SECONDS * at.rate))))
    return Discrete(work, moments, goes_on=True).run()
