"""Topic of the alarms: publishers, subscribers, its key, or one of yours."""

import json

from constructs_lib import AlarmTopic, MonitoringSettings

from cdktf import TerraformStack, TerraformVariable

from tests.constructs.conftest import Synth, SynthInPlainStack
from tests.constructs.monitored import TOPIC, alarms_of
from tests.constructs.synthesized import Synthesized


def test_only_alarms_of_the_account_may_publish_and_only_by_tls(watched: Synthesized) -> None:
    assert watched.one("aws_sns_topic") == {"name": "dev-language-alarms"}
    policy = watched.one("aws_sns_topic_policy")
    assert watched.readable(policy["arn"]) == TOPIC
    assert policy["depends_on"] == [watched.reference("aws_sns_topic")]
    assert json.loads(watched.readable(policy["policy"]))["Statement"] == [
        {
            "Sid": "PublisherForThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": TOPIC,
            "Condition": {"StringEquals": {"aws:SourceAccount": "ACCOUNT"}},
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": TOPIC,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    assert watched.readable(watched.document["output"]["language_alarm_topic_arn"]["value"]) == TOPIC


def test_subscribers_are_notified_by_mail_and_the_topic_takes_a_key(synth_pipeline: Synth) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    monitoring = MonitoringSettings(subscribers=("a@example.com", "b@example.com"), topic_key_arn=key)
    synthesized = synth_pipeline(monitoring=monitoring)
    assert synthesized.one("aws_sns_topic")["kms_master_key_id"] == key
    subscriptions = synthesized.all("aws_sns_topic_subscription").values()
    assert {(s["protocol"], s["endpoint"], synthesized.readable(s["topic_arn"])) for s in subscriptions} == {
        ("email", "a@example.com", TOPIC),
        ("email", "b@example.com", TOPIC),
    }
    assert all(s["depends_on"] == [synthesized.reference("aws_sns_topic")] for s in subscriptions)


def test_taking_one_subscriber_away_leaves_the_others_as_they_are(synth_pipeline: Synth) -> None:
    both = synth_pipeline(monitoring=MonitoringSettings(subscribers=("a@example.com", "b@example.com")))
    one = synth_pipeline(monitoring=MonitoringSettings(subscribers=("b@example.com",)))
    kind = "aws_sns_topic_subscription"
    assert one.document["resource"][kind].items() <= both.document["resource"][kind].items()


def test_a_topic_of_yours_is_used_as_it_is(synth_pipeline: Synth) -> None:
    arn = "arn:aws:sns:eu-central-1:123456789012:on-call"
    synthesized = synth_pipeline(monitoring=MonitoringSettings(topic_arn=arn))
    assert not any(kind.startswith("aws_sns") for kind in synthesized.document["resource"])
    for alarm in alarms_of(synthesized).values():
        assert (alarm["alarm_actions"], alarm["ok_actions"]) == ([arn], [arn])
        assert "depends_on" not in alarm


def test_an_address_may_be_known_to_terraform_alone(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        address = TerraformVariable(stack, "address", type="string").string_value
        AlarmTopic(stack, "alarms", name="alarms", subscribers=[address])

    assert synth_in_plain_stack(build).one("aws_sns_topic_subscription")["endpoint"] == "${var.address}"
