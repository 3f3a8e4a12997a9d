"""Alarms of a pipeline: the metrics they watch, when they ring, and what to do first."""

from collections.abc import Iterator
from dataclasses import dataclass

from constructs_lib.monitoring.metrics import Formula, Metric, WatchedPipeline
from constructs_lib.settings import MonitoringSettings

AT_LEAST, MORE, LESS = "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold"

# What it means for an alarm that its metric has no data.
#
# `notBreaching`: where nothing happens there is nothing to report, and all is well. SQS is silent about a queue that
# was empty and untouched for six hours; Lambda counts and times only what runs; requests that nobody sends need no
# instances.
# `ignore`: a share or a latency stays as it was last seen until requests show something else. Records that came back
# are hidden for a pause: without data an alarm would say between two attempts that all is well again.
# `breaching`: no data on arrivals is what that alarm is for.
MISSING_DATA = {
    "queue-age": "notBreaching",
    "drain-time": "notBreaching",
    "no-arrivals": "breaching",
    "quiet-groups-age": "notBreaching",
    "noisy-groups": "notBreaching",
    "dead-letters": "notBreaching",
    "function-errors": "notBreaching",
    "function-throttles": "notBreaching",
    "dropped-as-loop": "notBreaching",
    "function-duration": "notBreaching",
    "unscored-records": "ignore",
    "client-errors": "notBreaching",
    "server-errors": "ignore",
    "model-latency": "ignore",
    "at-maximum": "notBreaching",
    "idle-endpoint": "notBreaching",
    "request-age": "notBreaching",
    "no-capacity": "notBreaching",
    "notification-errors": "notBreaching",
    "untold-answers": "notBreaching",
}


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm; the threshold is in the metric's unit."""

    kind: str
    """Its row in `MISSING_DATA` and in docs/operations.md."""
    variant: str = ""
    """Which one of several variants it is for."""
    watches: Metric | Formula
    threshold: float
    comparison: str = MORE
    period_seconds: int = 300
    periods: int = 1
    """All of them must breach the threshold."""
    means: str
    first: str
    """What to do first."""
    scale: float = 1
    """What the dashboard multiplies the metric by, for a unit that people read."""

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.variant}" if self.variant else self.kind

    @property
    def missing_data(self) -> str:
        return MISSING_DATA[self.kind]

    @property
    def description(self) -> str:
        return f"{self.means} First: {self.first}"


def pipeline_alarms(watched: WatchedPipeline, settings: MonitoringSettings) -> list[Alarm]:
    """Return the alarms of a pipeline in the order in which its data flows."""
    alarms = [*_queue_alarms(watched, settings), *_fairness_alarms(watched, settings)]
    alarms += _function_alarms(watched, settings)
    for variant in watched.variants:
        # The first keeps its name when others come and go.
        name = "" if variant == watched.variants[0] else variant
        alarms += _endpoint_alarms(watched, settings, variant, name)
    return [*alarms, *_async_alarms(watched, settings)]


def _queue_alarms(watched: WatchedPipeline, settings: MonitoringSettings) -> Iterator[Alarm]:
    yield Alarm(
        kind="queue-age",
        watches=watched.queue("ApproximateAgeOfOldestMessage", "Maximum"),
        threshold=settings.queue_age_seconds,
        period_seconds=60,
        means=f"A message has waited on {watched.queue_name} for over {settings.queue_age_seconds} s.",
        first="see whether the function fails, is throttled, or the endpoint is at its maximum.",
    )
    yield Alarm(
        kind="drain-time",
        watches=watched.drain_seconds,
        threshold=settings.drain_seconds,
        periods=3,
        means=f"At its present rate {watched.queue_name} needs over {settings.drain_seconds} s to get empty, for "
        "15 minutes: messages that come back again and again, which queue-age leaves out, count here.",
        first="see whether the function fails, is throttled, or the endpoint is at its maximum or refuses.",
    )
    if settings.arrivals_within_minutes is not None:
        yield Alarm(
            kind="no-arrivals",
            watches=watched.queue("NumberOfMessagesSent", "Sum"),
            threshold=1,
            comparison=LESS,
            period_seconds=60 * settings.arrivals_within_minutes,
            means=f"No message came to {watched.queue_name} for {settings.arrivals_within_minutes} minutes.",
            first="look at the producers: what they log, and their right to send.",
        )
    yield Alarm(
        kind="dead-letters",
        watches=watched.dead_letters("ApproximateNumberOfMessagesVisible", "Maximum"),
        threshold=settings.dead_letters,
        period_seconds=60,
        means=f"More than {settings.dead_letters} messages wait on {watched.dead_letter_queue_name}.",
        first="read the attributes reason and detail of one of them.",
    )


def _fairness_alarms(watched: WatchedPipeline, settings: MonitoringSettings) -> Iterator[Alarm]:
    """Yield the alarms on message groups of a standard queue, by the metrics that SQS has of fair queues."""
    if (age := settings.quiet_groups_age_seconds) is not None:
        yield Alarm(
            kind="quiet-groups-age",
            watches=watched.queue("ApproximateAgeOfOldestMessageInQuietGroups", "Maximum"),
            threshold=age,
            period_seconds=60,
            means=f"A message of a group that is not noisy has waited on {watched.queue_name} for over {age} s.",
            first="see whether the queue as a whole is behind: then it is capacity that is missing, not fairness.",
        )
    if (groups := settings.noisy_groups) is not None:
        yield Alarm(
            kind="noisy-groups",
            watches=watched.queue("ApproximateNumberOfNoisyGroups", "Maximum"),
            threshold=groups,
            periods=3,
            means=f"More than {groups} message groups of {watched.queue_name} were noisy for 15 minutes.",
            first="count the messages in flight by their MessageGroupId; slow that sender down.",
        )


def _function_alarms(watched: WatchedPipeline, settings: MonitoringSettings) -> Iterator[Alarm]:
    name, timeout = watched.function_name, watched.settings.function.timeout_seconds
    yield Alarm(
        kind="function-errors",
        watches=watched.function("Errors", "Sum"),
        threshold=settings.function_errors,
        means=f"More than {settings.function_errors} invocations of {name} failed as a whole in 5 minutes.",
        first="read the function's log: a wrong setting or right, memory, or a timeout.",
    )
    yield Alarm(
        kind="function-throttles",
        watches=watched.function("Throttles", "Sum"),
        threshold=settings.function_throttles,
        means=f"More than {settings.function_throttles} invocations of {name} were throttled in 5 minutes.",
        first="compare the account's concurrency with what is reserved and in use.",
    )
    yield Alarm(
        kind="dropped-as-loop",
        watches=watched.function("RecursiveInvocationsDropped", "Sum"),
        threshold=0,
        means=f"Lambda dropped messages for {name}, which it takes for a loop between SQS and Lambda (16 rounds).",
        first="see whether results, or what their consumers send, come back to the work queue.",
    )
    yield Alarm(
        kind="function-duration",
        watches=watched.function("Duration", "Maximum"),
        threshold=timeout * 10 * settings.duration_percent,  # a percent of a second is 10 ms
        means=f"An invocation of {name} took over {settings.duration_percent} % of its {timeout} s.",
        first="look at RequestLatency and DeadlineDeferred; raise the timeout or lower batch_size.",
    )
    yield Alarm(
        kind="unscored-records",
        watches=watched.unscored,
        threshold=settings.unscored_percent,
        periods=3,
        means=f"Over {settings.unscored_percent} % of the records came back or were dead-lettered for 15 minutes.",
        first="read the function's log for the reasons; look at Throttles, ModelErrors and Timeouts.",
    )


def _endpoint_alarms(
    watched: WatchedPipeline, settings: MonitoringSettings, variant: str, name: str
) -> Iterator[Alarm]:
    where = f"{watched.endpoint_name} ({variant})"
    # SageMaker sends one for each request that failed so and zero for each other: the average is their share.
    for kind, code, percent, first in (
        ("client-errors", "4", settings.endpoint_client_error_percent, "read detail in the dead letters"),
        ("server-errors", "5", settings.endpoint_server_error_percent, "read the containers' log"),
    ):
        yield Alarm(
            kind=kind,
            variant=name,
            watches=watched.variant(variant, f"Invocation{code}XXErrors", "Average"),
            threshold=percent / 100,
            means=f"Over {percent} % of the requests to {where} were answered {code}xx in 5 minutes.",
            first=f"{first}; was a model or an image deployed?",
            scale=100,
        )
    latency = settings.model_latency_ms
    assert latency is not None, "derive gives the default"
    yield Alarm(
        kind="model-latency",
        variant=name,
        watches=watched.variant(variant, "ModelLatency", "p99"),
        threshold=latency * 1000,  # the metric is in microseconds
        periods=3,
        means=f"p99 of the latency of {where} was over {latency} ms for 15 minutes.",
        first="smaller max_records_per_request, or a larger instance.",
        scale=1 / 1000,
    )
    yield from _maximum_alarm(watched, settings, variant, name)
    yield from _idle_alarm(watched, settings, variant, name)


def _maximum_alarm(watched: WatchedPipeline, settings: MonitoringSettings, variant: str, name: str) -> Iterator[Alarm]:
    minutes, where = settings.at_maximum_minutes, f"{watched.endpoint_name} ({variant})"
    if watched.settings.inference.inference_component_name is not None:
        return  # its copies share instances with others
    if watched.is_serverless:
        watches, threshold = watched.variant(variant, "ServerlessConcurrentExecutionsUtilization", "Maximum"), 1
        what, scale = "took as many requests at once as it may", 100
    elif (most := watched.most_instances(variant)) is not None:
        watches, threshold = watched.instances(variant), most
        what, scale = f"had all of its {most} instances", 1
    else:
        return
    yield Alarm(
        kind="at-maximum",
        variant=name,
        watches=watches,
        threshold=threshold,
        comparison=AT_LEAST,
        period_seconds=60,
        periods=minutes,
        means=f"{where} {what} for {minutes} minutes.",
        first="if the work queue grows, raise the capacity's maximum.",
        scale=scale,
    )


def _idle_alarm(watched: WatchedPipeline, settings: MonitoringSettings, variant: str, name: str) -> Iterator[Alarm]:
    if settings.idle_endpoint_hours is None or not watched.runs_instances:
        return
    hours, where = settings.idle_endpoint_hours, f"{watched.endpoint_name} ({variant})"
    yield Alarm(
        kind="idle-endpoint",
        variant=name,
        watches=watched.idle(variant),
        threshold=1,
        comparison=AT_LEAST,
        period_seconds=3600,
        periods=hours,
        means=f"Instances of {where} ran for {hours} hours without a request: they are paid for.",
        first="see whether messages arrive; a schedule, or an asynchronous or serverless endpoint, costs nothing idle.",
    )


def _async_alarms(watched: WatchedPipeline, settings: MonitoringSettings) -> Iterator[Alarm]:
    if watched.is_async:
        yield Alarm(
            kind="request-age",
            watches=watched.endpoint("ApproximateAgeOfOldestRequest", "Maximum"),
            threshold=settings.queue_age_seconds,
            period_seconds=60,
            means=f"A request has waited in {watched.endpoint_name} for over {settings.queue_age_seconds} s.",
            first="see whether instances start, and whether they are at their maximum.",
        )
        yield Alarm(
            kind="untold-answers",
            watches=watched.variant(watched.variants[0], "NotificationFailures", "Sum"),
            threshold=0,
            means=f"{watched.endpoint_name} could not notify its topics of an answer: no result was sent on.",
            first="see the execution role's right to publish; the answers lie at output_location.",
        )
    if watched.starts_from_zero:
        yield Alarm(
            kind="no-capacity",
            watches=watched.endpoint("HasBacklogWithoutCapacity", "Maximum"),
            threshold=1,
            comparison=AT_LEAST,
            period_seconds=60,
            periods=settings.at_maximum_minutes,
            means=f"Requests wait in {watched.endpoint_name}, which had no instance for "
            f"{settings.at_maximum_minutes} minutes.",
            first="look at its scaling activities: quota, or no capacity of the instance type.",
        )
    errors = watched.notification_function("Errors", "Sum")
    if errors is not None:
        yield Alarm(
            kind="notification-errors",
            watches=errors,
            threshold=settings.function_errors,
            means=f"More than {settings.function_errors} invocations of {watched.notification_function_name} failed "
            "in 5 minutes: answers are not sent on.",
            first="read its log; what fails three times is on the dead-letter queue.",
        )
