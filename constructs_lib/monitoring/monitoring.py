"""Alarms of a pipeline, the topic that they go to, and its dashboard."""

from collections.abc import Sequence
from typing import Any

from constructs_lib.core.naming import DeployTarget
from constructs_lib.messaging.topic import Topic
from constructs_lib.monitoring.alarms import Alarm, pipeline_alarms
from constructs_lib.monitoring.dashboard import dashboard_body
from constructs_lib.monitoring.metrics import Formula, WatchedPipeline
from constructs_lib.settings import MonitoringSettings
from constructs_lib.validation.checker import require_valid
from constructs_lib.validation.references import is_unresolved

from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import (
    CloudwatchMetricAlarm,
    CloudwatchMetricAlarmMetricQuery,
    CloudwatchMetricAlarmMetricQueryMetric,
)
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct


class AlarmTopic(Topic):
    """A topic that CloudWatch's alarms of this account may publish to, and its subscribers by e-mail."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        subscribers: Sequence[str] = (),
        kms_key_arn: str | None = None,
    ) -> None:
        """`kms_key_arn` is a customer key; without one the topic is not encrypted."""
        super().__init__(scope, id_, name=name, kms_key_arn=kms_key_arn, publisher="cloudwatch.amazonaws.com")
        for position, address in enumerate(subscribers):
            # By address: taking one away must not make others confirm again.
            SnsTopicSubscription(
                self,
                f"subscriber-{position if is_unresolved(address) else address}",
                topic_arn=self.arn,
                protocol="email",
                endpoint=address,
                depends_on=[self.topic],
            )


class PipelineMonitoring(Construct):
    """Alarms and dashboard of a pipeline.

    It creates: an alarm for each thing that can go wrong (`alarms.py`), which notifies the topic when it rings and
    when it is over; the topic, unless one is given; the dashboard. `outputs` is what an operator needs to know.
    """

    def __init__(
        self, scope: Construct, id_: str, *, name: str, settings: MonitoringSettings, watched: WatchedPipeline
    ) -> None:
        """`settings` has its latency derived. Raises SettingsError if settings are out of bounds."""
        super().__init__(scope, id_)
        require_valid(self, settings)
        topic = None if settings.topic_arn else self._make_topic(name, settings)
        self.topic_arn = settings.topic_arn or (topic.arn if topic else "")
        self._depends_on = topic.dependencies if topic else None
        self.alarms = pipeline_alarms(watched, settings)
        for alarm in self.alarms:
            self._make_alarm(f"{name}-{alarm.id}", alarm)
        self.outputs = {"alarm_topic_arn": self.topic_arn}
        if settings.dashboard:
            self.outputs["dashboard_name"] = self._make_dashboard(name, watched)

    def _make_topic(self, name: str, settings: MonitoringSettings) -> AlarmTopic:
        return AlarmTopic(
            self, "topic", name=f"{name}-alarms", subscribers=settings.subscribers, kms_key_arn=settings.topic_key_arn
        )

    def _make_alarm(self, name: str, alarm: Alarm) -> None:
        CloudwatchMetricAlarm(
            self,
            alarm.id,
            alarm_name=name,
            alarm_description=alarm.description,
            threshold=alarm.threshold,
            comparison_operator=alarm.comparison,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.periods,
            treat_missing_data=alarm.missing_data,
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            depends_on=self._depends_on,
            **_watches(alarm),
        )

    def _make_dashboard(self, name: str, watched: WatchedPipeline) -> str:
        deploy_target = DeployTarget.of(self)
        # An account's dashboards have one set of names for all regions.
        dashboard_name = f"{name}-{deploy_target.region}"
        arns = [deploy_target.arn("cloudwatch", f"alarm:{name}-{alarm.id}") for alarm in self.alarms]
        CloudwatchDashboard(
            self,
            "dashboard",
            dashboard_name=dashboard_name,
            dashboard_body=dashboard_body(
                watched, name=name, region=deploy_target.region, alarms=self.alarms, alarm_arns=arns
            ),
        )
        return dashboard_name


def _watches(alarm: Alarm) -> dict[str, Any]:
    """Return the arguments that say what is watched: one metric, or several and the formula over them."""
    watches = alarm.watches
    if isinstance(watches, Formula):
        result = CloudwatchMetricAlarmMetricQuery(
            id="watched", expression=watches.over(), label=alarm.kind, return_data=True
        )
        inputs = [
            CloudwatchMetricAlarmMetricQuery(
                id=id_,
                metric=CloudwatchMetricAlarmMetricQueryMetric(
                    namespace=metric.namespace,
                    metric_name=metric.name,
                    dimensions=metric.dimensions,
                    period=alarm.period_seconds,
                    stat=metric.statistic,
                ),
            )
            for id_, metric in watches.metrics.items()
        ]
        return {"metric_query": [result, *inputs]}
    percentile = watches.statistic.startswith("p")
    return {
        "namespace": watches.namespace,
        "metric_name": watches.name,
        "dimensions": watches.dimensions,
        "period": alarm.period_seconds,
        "extended_statistic" if percentile else "statistic": watches.statistic,
    }
