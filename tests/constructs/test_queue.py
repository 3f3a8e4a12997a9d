import json
from dataclasses import replace

from constructs_lib import (
    ExistingQueue,
    ExistingRole,
    MessageQueue,
    QueueSettings,
    ServicePrincipal,
    ServiceRole,
    SettingsError,
)
from constructs_lib.messaging.queue import ExistingMessageQueue

import pytest
from cdktf import TerraformStack, Testing
from cdktf_cdktf_provider_aws.iam_role import IamRole

from tests.constructs.conftest import Synth, SynthInPlainStack
from tests.constructs.synthesized import Synthesized


def test_the_work_queue_has_the_defaults_that_were_asked_for(smallest: Synthesized) -> None:
    queue = smallest.one("aws_sqs_queue", "work_queue")
    assert queue["name"] == "dev-language-work"
    assert queue["delay_seconds"] == 0
    assert queue["message_retention_seconds"] == 4 * 86_400
    assert queue["receive_wait_time_seconds"] == 20
    assert queue["max_message_size"] == 256 * 1024
    assert queue["sqs_managed_sse_enabled"] is True


def test_every_queue_setting_arrives(synth_pipeline: Synth) -> None:
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
    synth_in_plain_stack: SynthInPlainStack,
) -> None:
    synthesized = synth_in_plain_stack(lambda stack: MessageQueue(stack, "orders", name="orders"))
    assert set(synthesized.all("aws_sqs_queue")) == {"orders_queue", "orders_dead-letter_queue"}
    policy = synthesized.readable(synthesized.one("aws_sqs_queue_policy", "orders_policy")["policy"])
    assert json.loads(policy)["Statement"][0]["Resource"] == "arn:PARTITION:sqs:REGION:ACCOUNT:orders"


def test_settings_out_of_bounds_are_refused_where_the_queue_is_created() -> None:
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        MessageQueue(stack, "orders", name="orders", settings=QueueSettings(delay_seconds=901))
    assert str(raised.value) == (
        "1 setting is out of bounds:\n  plain/orders delay_seconds = 901: must be 0 to 900 seconds (SQS DelaySeconds)"
    )


KEY = "arn:aws:kms:eu-central-1:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
EXISTING = ExistingQueue(name="orders", dead_letter_queue_name="orders-dead", visibility_timeout_seconds=180)


def test_a_fifo_queue_can_make_deduplication_ids_itself(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(queue=QueueSettings(fifo=True, content_based_deduplication=True))
    assert synthesized.one("aws_sqs_queue", "work_queue")["content_based_deduplication"] is True
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(queue=QueueSettings(content_based_deduplication=True))
    assert "queue.content_based_deduplication = True: must be False, or fifo True (SQS: FIFO queues only)" in str(
        raised.value
    )


def test_a_customer_key_encrypts_messages_and_dead_letters_and_whoever_handles_them_may_use_it(
    synth_pipeline: Synth,
) -> None:
    synthesized = synth_pipeline(queue=QueueSettings(kms_key_arn=KEY, kms_data_key_reuse_seconds=600))
    for part in ("work_queue", "work_dead-letter"):
        queue = synthesized.one("aws_sqs_queue", part)
        assert queue["kms_master_key_id"] == KEY
        assert queue["kms_data_key_reuse_period_seconds"] == 600
        assert "sqs_managed_sse_enabled" not in queue
    assert synthesized.one("aws_sqs_queue", "results")["sqs_managed_sse_enabled"] is True
    policies = synthesized.policies("function")
    through_sqs = {"StringEquals": {"kms:ViaService": "sqs.eu-central-1.amazonaws.com"}}
    for policy, actions in (
        ("consume-work", ["kms:Decrypt"]),
        ("send-to-dead-letter", ["kms:GenerateDataKey", "kms:Decrypt"]),
    ):
        assert policies[policy][1] == {
            "Effect": "Allow",
            "Action": actions,
            "Resource": [KEY],
            "Condition": through_sqs,
        }
    assert len(policies["delay-work"]) == len(policies["send-to-results"]) == 1


def test_a_service_may_send_on_behalf_of_one_resource(synth_pipeline: Synth) -> None:
    bucket = ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::incoming")
    rule = ServicePrincipal(
        service="events.amazonaws.com", source_arn="arn:aws:events:eu-central-1:123456789012:rule/night"
    )
    synthesized = synth_pipeline(queue=QueueSettings(senders=(bucket, rule)))
    policy = synthesized.one("aws_sqs_queue_policy", "work_policy")["policy"]
    deny, *allowed = json.loads(synthesized.readable(policy))["Statement"]
    assert deny["Sid"] == "TlsOnly"
    assert allowed == [
        {
            "Effect": "Allow",
            "Principal": {"Service": sender.service},
            "Action": ["sqs:SendMessage"],
            "Resource": "arn:PARTITION:sqs:eu-central-1:ACCOUNT:dev-language-work",
            "Condition": {
                "ArnLike": {"aws:SourceArn": sender.source_arn},
                **account,
            },
        }
        # A bucket's ARN does not name its account.
        for sender, account in ((bucket, {"StringEquals": {"aws:SourceAccount": "ACCOUNT"}}), (rule, {}))
    ]
    assert sorted(synthesized.all("aws_sqs_queue_policy")) == [
        "language_results_policy",
        "language_work_dead-letter_policy",
        "language_work_policy",
    ]


def test_a_role_may_redrive(synth_in_plain_stack: SynthInPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        queue = MessageQueue(stack, "work", name="orders", settings=QueueSettings(kms_key_arn=KEY))
        operators = ServiceRole(stack, "operators", name="operators", service="lambda", description="Redrives")
        assert queue.dead_letter_queue is not None
        queue.grant_send(operators)
        queue.dead_letter_queue.grant_redrive(operators, to=queue)

    synthesized = synth_in_plain_stack(build)
    policies = {
        policy["name"]: json.loads(synthesized.readable(policy["policy"]))["Statement"]
        for policy in synthesized.all("aws_iam_role_policy").values()
    }
    move, key, send, send_key = policies["redrive-dead-letter"]
    assert move["Action"] == [
        "sqs:StartMessageMoveTask",
        "sqs:CancelMessageMoveTask",
        "sqs:ListMessageMoveTasks",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
    ]
    assert move["Resource"] == ["arn:PARTITION:sqs:REGION:ACCOUNT:orders-dlq"]
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt"], [KEY])
    assert (send["Action"], send["Resource"]) == (["sqs:SendMessage"], ["arn:PARTITION:sqs:REGION:ACCOUNT:orders"])
    assert send_key["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert policies["send-to-work"] == [send, send_key]


def test_rights_join_a_role_that_exists(
    synth_in_plain_stack: SynthInPlainStack,
) -> None:
    def build(stack: TerraformStack) -> None:
        queue = MessageQueue(stack, "orders", name="orders")
        elsewhere = IamRole(stack, "elsewhere", name="scoring", assume_role_policy="{}")
        for id_, existing in (
            ("known", ExistingRole(arn="arn:aws:iam::123456789012:role/teams/scoring")),
            ("reference", ExistingRole(arn=elsewhere.arn)),
            ("complete", ExistingRole(arn="arn:aws:iam::123456789012:role/complete", attach_policies=False)),
        ):
            queue.grant_send(ServiceRole(stack, id_, name="dev", service="lambda", description="", existing=existing))

    synthesized = synth_in_plain_stack(build)
    assert set(synthesized.all("aws_iam_role")) == {"elsewhere"}
    assert [(policy["name"], policy["role"]) for policy in synthesized.all("aws_iam_role_policy").values()] == [
        ("dev-send-to-orders", "scoring"),
        ("dev-send-to-orders", '${regex("[^/]+$", aws_iam_role.elsewhere.arn)}'),
    ]


def test_the_policy_of_an_existing_queue_takes_no_services() -> None:
    bucket = ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::incoming")
    queue = ExistingMessageQueue(TerraformStack(Testing.app(), "plain"), "orders", settings=EXISTING)
    with pytest.raises(SettingsError) as raised:
        queue.grant_send(bucket)
    assert str(raised.value) == (
        f"1 setting is out of bounds:\n  plain/orders grantee = {repr(bucket)[:79]}…: must be a role "
        "(the policy of an existing queue is not changed)"
    )


def test_an_existing_queue_is_fed_from_and_not_changed(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(queue=EXISTING)
    assert list(synthesized.all("aws_sqs_queue")) == ["language_results_queue"]
    assert sorted(synthesized.all("aws_sqs_queue_policy")) == ["language_results_policy"]
    assert "aws_sqs_queue_redrive_allow_policy" not in synthesized.document["resource"]
    arn = "arn:PARTITION:sqs:eu-central-1:ACCOUNT:orders"
    mapping = synthesized.one("aws_lambda_event_source_mapping")
    assert synthesized.readable(mapping["event_source_arn"]) == arn
    policies = json.loads(synthesized.readable(json.dumps(synthesized.policies("function"))))
    assert policies["consume-work"][0]["Resource"] == policies["delay-work"][0]["Resource"] == [arn]
    assert policies["send-to-dead-letter"][0]["Resource"] == [f"{arn}-dead"]
    found = {data["name"] for data in synthesized.document["data"]["aws_sqs_queue"].values()}
    assert found == {"orders", "orders-dead"}
    variables = synthesized.one("aws_lambda_function")["environment"]["variables"]
    assert variables["QUEUE_URL"].startswith("${data.aws_sqs_queue.")
    assert variables["DEAD_LETTER_QUEUE_URL"].startswith("${data.aws_sqs_queue.")


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        (
            ExistingQueue(name="orders", dead_letter_queue_name="orders-dead"),
            "queue.visibility_timeout_seconds = None: must be what the queue has (nothing of it is changed)",
        ),
        (
            replace(EXISTING, name="orders.fifo"),
            "queue.name = 'orders.fifo': must be a name without .fifo, or fifo True (SQS QueueName)",
        ),
        (
            replace(EXISTING, senders=(ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::b"),)),
            "queue.senders = (ServicePrincipal(service='s3.amazonaws.com', source_arn='arn:aws:s3:::b', acco…: "
            "must be none (the policy of an existing queue is not changed)",
        ),
        (
            QueueSettings(kms_key_arn="alias/mine"),
            "queue.kms_key_arn = 'alias/mine': must be the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID "
            "(AWS ARN formats)",
        ),
    ],
)
def test_what_a_queue_can_not_be_is_named(synth_pipeline: Synth, queue: QueueSettings, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(queue=queue)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_a_queue_name_is_checked_as_it_comes_out() -> None:
    with pytest.raises(SettingsError) as raised:
        MessageQueue(TerraformStack(Testing.app(), "plain"), "work", name="q" * 77)
    assert str(raised.value) == (
        f"1 setting is out of bounds:\n  plain/work/dead-letter name = '{'q' * 58}…{'q' * 15}-dlq': must be "
        "1 to 80 of A-Z a-z 0-9 - _, `.fifo` last on FIFO queues (SQS QueueName)"
    )
