import json
from collections.abc import Callable

from constructs_lib import MessageQueue, QueueSettings, SettingsError

import pytest
from cdktf import TerraformStack, Testing

from tests.constructs.synthesized import Synthesized


def test_the_work_queue_has_the_defaults_that_were_asked_for(smallest: Synthesized) -> None:
    queue = smallest.one("aws_sqs_queue", "work_queue")
    assert queue["name"] == "dev-language-work"
    assert queue["delay_seconds"] == 0
    assert queue["message_retention_seconds"] == 4 * 86_400
    assert queue["receive_wait_time_seconds"] == 20
    assert queue["max_message_size"] == 256 * 1024
    assert queue["sqs_managed_sse_enabled"] is True


def test_every_queue_setting_arrives(synth_pipeline: Callable[..., Synthesized]) -> None:
    settings = QueueSettings(
        delay_seconds=7,
        message_retention_seconds=6000,
        receive_wait_seconds=3,
        max_message_bytes=1_048_576,
        visibility_timeout_seconds=600,
        max_receive_count=9,
        dead_letter_retention_seconds=7200,
    )
    synthesized = synth_pipeline(queue=settings)
    queue = synthesized.one("aws_sqs_queue", "work_queue")
    assert queue["delay_seconds"] == 7
    assert queue["message_retention_seconds"] == 6000
    assert queue["receive_wait_time_seconds"] == 3
    assert queue["max_message_size"] == 1_048_576
    assert queue["visibility_timeout_seconds"] == 600
    assert json.loads(queue["redrive_policy"])["maxReceiveCount"] == 9
    assert synthesized.one("aws_sqs_queue", "dead-letter")["message_retention_seconds"] == 7200


def test_redrive_goes_to_the_dead_letter_queue_which_admits_this_queue_alone(smallest: Synthesized) -> None:
    dead_letters = smallest.one("aws_sqs_queue", "dead-letter")
    queue = smallest.one("aws_sqs_queue", "work_queue")
    assert json.loads(smallest.readable(queue["redrive_policy"])) == {
        "deadLetterTargetArn": "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language-work-dlq",
        "maxReceiveCount": 5,
    }
    assert dead_letters["name"] == "dev-language-work-dlq"
    assert queue["depends_on"] == [smallest.reference("aws_sqs_queue", "dead-letter")]
    allow = smallest.one("aws_sqs_queue_redrive_allow_policy")
    assert allow["queue_url"] == f"${{{smallest.reference('aws_sqs_queue', 'dead-letter')}.url}}"
    assert json.loads(smallest.readable(allow["redrive_allow_policy"])) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": ["arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language-work"],
    }


def test_a_dead_letter_can_hold_the_largest_message_and_its_reason(smallest: Synthesized) -> None:
    assert smallest.one("aws_sqs_queue", "dead-letter")["max_message_size"] == 1_048_576
    assert smallest.one("aws_sqs_queue", "dead-letter")["message_retention_seconds"] == 14 * 86_400


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("work_policy", "dev-language-work"),
        ("dead-letter_policy", "dev-language-work-dlq"),
        ("results_policy", "dev-language-results"),
    ],
)
def test_every_queue_denies_what_does_not_come_by_tls(smallest: Synthesized, path: str, name: str) -> None:
    policy = smallest.one("aws_sqs_queue_policy", path)
    assert json.loads(smallest.readable(policy["policy"]))["Statement"] == [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": f"arn:PARTITION:sqs:eu-central-1:ACCOUNT:{name}",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_a_queue_stands_alone_in_any_stack(
    synth_in_plain_stack: Callable[[Callable[[TerraformStack], object]], Synthesized],
) -> None:
    synthesized = synth_in_plain_stack(lambda stack: MessageQueue(stack, "orders", name="orders"))
    assert set(synthesized.all("aws_sqs_queue")) == {"orders_queue", "orders_dead-letter_queue"}
    policy = synthesized.readable(synthesized.one("aws_sqs_queue_policy", "orders_policy")["policy"])
    assert json.loads(policy)["Statement"][0]["Resource"] == "arn:PARTITION:sqs:REGION:ACCOUNT:orders"


def test_settings_out_of_bounds_are_refused_where_the_queue_is_made() -> None:
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        MessageQueue(stack, "orders", name="orders", settings=QueueSettings(delay_seconds=901))
    assert str(raised.value) == (
        "1 setting is out of bounds:\n  plain/orders delay_seconds = 901: must be 0 to 900 seconds (SQS DelaySeconds)"
    )
