"""Alarms, their topic, and the dashboard."""

from dataclasses import dataclass

from constructs_lib.settings.base import Settings


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings(Settings):
    """Alarms of a pipeline, the topic they go to, and its dashboard."""

    topic_arn: str | None = None
    """SNS topic that alarms go to; by default one is created."""
    subscribers: tuple[str, ...] = ()
    """E-mail addresses that the topic which is created sends to, once they have confirmed; by default none."""
    topic_key_arn: str | None = None
    """Customer key of a topic created here; its policy must admit `cloudwatch.amazonaws.com`. By default the topic
    is not encrypted at rest: CloudWatch can't use AWS's managed key for SNS, and alarms carry no message bodies."""
    dashboard: bool = True
    """Whether a CloudWatch dashboard is created; by default it is."""
    queue_age_seconds: int = 900
    """Alarm when the oldest message, or the oldest request of an asynchronous endpoint, is older; by default 15
    minutes."""
    drain_seconds: int = 3600
    """Alarm when what is in the queue, hidden messages included, would take longer to leave it at the rate of the last
    5 minutes, for 15 minutes; by default an hour. The age of the oldest message leaves out what was received three
    times or more, such as messages that come back again and again."""
    arrivals_within_minutes: int | None = None
    """Alarm when no message arrives for so long; by default there is none: only you know whether one should."""
    quiet_groups_age_seconds: int | None = None
    """Fair queues: alarm when the oldest message of a message group that is not noisy is older; by default there is no
    such alarm. With it, or `noisy_groups`, the dashboard shows both kinds of groups."""
    noisy_groups: int | None = None
    """Fair queues: alarm when SQS finds more message groups noisy, for 15 minutes; by default there is no such
    alarm."""
    dead_letters: int = 0
    """Alarm when more dead letters wait; by default at the first."""
    function_errors: int = 0
    """Alarm when more invocations fail in 5 minutes; by default at the first."""
    function_throttles: int = 0
    """Alarm when more invocations are throttled in 5 minutes; by default at the first."""
    duration_percent: int = 90
    """Alarm when the longest invocation takes more of the function's timeout; by default 90 %."""
    unscored_percent: int = 10
    """Alarm when more of the records that the function receives come back or are dead-lettered, for 15 minutes; by
    default 10 %."""
    endpoint_client_error_percent: int = 5
    """Alarm when more of the endpoint's requests in 5 minutes are answered 4xx; by default 5 %."""
    endpoint_server_error_percent: int = 1
    """Alarm when more of the endpoint's requests in 5 minutes are answered 5xx; by default 1 %."""
    model_latency_ms: int | None = None
    """Alarm when the 99th percentile of the model's latency is longer, for 15 minutes; by default 80 % of what a
    request may take."""
    at_maximum_minutes: int = 15
    """Alarm when instances, or the concurrency of a serverless endpoint, stay at their maximum for so long, or an
    asynchronous endpoint with requests has no instance; by default 15 minutes."""
    idle_endpoint_hours: int | None = 24
    """Alarm when instances of a real-time endpoint run for so long and no request reaches them; by default a day. None:
    no such alarm."""
