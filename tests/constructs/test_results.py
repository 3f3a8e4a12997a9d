"""Results: their sinks, the table that remembers them, and the rights for both."""

import json

from constructs_lib import IdempotencySettings, InferenceSettings, ResultsSettings, SettingsError

import pytest

from handler.settings import HandlerSettings
from tests.constructs.conftest import Synth
from tests.constructs.synthesized import Synthesized

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"


def _handler_settings(synthesized: Synthesized) -> HandlerSettings:
    return HandlerSettings.from_environment(synthesized.one("aws_lambda_function")["environment"]["variables"])


def _right(synthesized: Synthesized, policy: str) -> tuple[list[str], list[str]]:
    (statement,) = synthesized.policies("function")[policy]
    return statement["Action"], [synthesized.readable(resource) for resource in statement["Resource"]]


def _outputs(synthesized: Synthesized) -> set[str]:
    return {name for name in synthesized.document["output"] if "results" in name}


def _key_statement(service: str, *actions: str) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Action": [f"kms:{action}" for action in actions],
        "Resource": [KEY],
        "Condition": {"StringEquals": {"kms:ViaService": f"{service}.eu-central-1.amazonaws.com"}},
    }


def test_by_default_results_go_to_a_queue(smallest: Synthesized) -> None:
    assert _handler_settings(smallest).result_sink == "sqs"
    assert _outputs(smallest) == {"language_results_queue_url"}


def test_many_results_may_share_a_message(smallest: Synthesized, synth_pipeline: Synth) -> None:
    assert _handler_settings(smallest).max_events_per_message == 1
    packed = synth_pipeline(results=ResultsSettings(max_events_per_message=100))
    assert _handler_settings(packed).max_events_per_message == 100


def test_a_topic_is_encrypted_and_takes_nothing_without_tls(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(results=ResultsSettings(sink="sns"))
    arn = "arn:PARTITION:sns:eu-central-1:ACCOUNT:dev-language-results"
    topic = synthesized.one("aws_sns_topic")
    assert (topic["name"], topic["kms_master_key_id"]) == ("dev-language-results", "alias/aws/sns")
    (statement,) = json.loads(synthesized.one("aws_sns_topic_policy")["policy"])["Statement"]
    assert {**statement, "Resource": synthesized.readable(statement["Resource"])} == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert _right(synthesized, "send-to-results") == (["sns:Publish"], [arn])
    reference = synthesized.reference("aws_sns_topic")
    assert _handler_settings(synthesized).result_sink == "sns"
    assert _handler_settings(synthesized).result_target == f"${{{reference}.arn}}"
    assert _outputs(synthesized) == {"language_results_topic_arn"}
    assert set(synthesized.all("aws_sqs_queue")) == {
        "language_work_queue",
        "language_work_dead-letter_queue",
    }


def test_a_bus_is_created_for_the_results(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(results=ResultsSettings(sink="eventbridge"))
    arn = "arn:PARTITION:events:eu-central-1:ACCOUNT:event-bus/dev-language-results"
    assert synthesized.one("aws_cloudwatch_event_bus")["name"] == "dev-language-results"
    assert _right(synthesized, "send-to-results") == (["events:PutEvents"], [arn])
    assert _handler_settings(synthesized).result_sink == "eventbridge"
    assert _outputs(synthesized) == {"language_results_bus_name"}


@pytest.mark.parametrize("sink", ["sqs", "sns"])
def test_a_customer_key_of_the_results_is_granted_to_who_sends(synth_pipeline: Synth, sink: str) -> None:
    synthesized = synth_pipeline(results=ResultsSettings(sink=sink, kms_key_arn=KEY))
    created = synthesized.one("aws_sqs_queue", "results") if sink == "sqs" else synthesized.one("aws_sns_topic")
    assert created["kms_master_key_id"] == KEY
    _, key = synthesized.policies("function")["send-to-results"]
    assert key == _key_statement(sink, "GenerateDataKey", "Decrypt")


def test_a_bus_uses_its_key_in_its_own_name(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(results=ResultsSettings(sink="eventbridge", kms_key_arn=KEY))
    assert synthesized.one("aws_cloudwatch_event_bus")["kms_key_identifier"] == KEY
    assert len(synthesized.policies("function")["send-to-results"]) == 1


def test_a_customer_key_of_the_table_is_granted_to_who_remembers(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(idempotency=IdempotencySettings(kms_key_arn=KEY))
    assert synthesized.one("aws_dynamodb_table")["server_side_encryption"] == {"enabled": True, "kms_key_arn": KEY}
    _, key = synthesized.policies("function")["remember-results"]
    assert (key["Resource"], key["Condition"]) == (
        [KEY],
        {"StringEquals": {"kms:ViaService": "dynamodb.eu-central-1.amazonaws.com"}},
    )
    assert not any("*" in action for action in key["Action"])


def test_keys_of_your_buckets_are_granted_by_what_is_done_there(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(
        results=ResultsSettings(sink="s3", location="s3://scores/", overflow_location="s3://payloads/results/"),
        inference=InferenceSettings(input_location="s3://payloads/inputs/"),
        bucket_key_arns=(KEY,),
    )
    policies = synthesized.policies("function")
    assert policies["read-inputs"][1:] == [_key_statement("s3", "Decrypt")]
    for put in ("send-to-results", "put-large-results"):
        assert policies[put][1:] == [_key_statement("s3", "GenerateDataKey")]


def test_a_bucket_is_yours_and_only_its_prefix_may_be_written(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(results=ResultsSettings(sink="s3", location="s3://scores/language/"))
    assert _right(synthesized, "send-to-results") == (["s3:PutObject"], ["arn:PARTITION:s3:::scores/language/*"])
    assert _handler_settings(synthesized).result_target == "s3://scores/language/"
    assert _outputs(synthesized) == set()


def test_results_may_go_nowhere(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(results=ResultsSettings(sink="none"))
    assert _handler_settings(synthesized).result_sink == "none"
    assert not any("results" in name for name in synthesized.policies("function"))


def test_large_results_and_inputs_have_their_prefixes(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(
        results=ResultsSettings(overflow_location="s3://payloads/results/"),
        inference=InferenceSettings(input_location="s3://payloads/inputs/"),
    )
    assert _right(synthesized, "put-large-results") == (["s3:PutObject"], ["arn:PARTITION:s3:::payloads/results/*"])
    assert _right(synthesized, "read-inputs") == (["s3:GetObject"], ["arn:PARTITION:s3:::payloads/inputs/*"])
    read = _handler_settings(synthesized)
    assert (read.overflow_location, read.input_location) == ("s3://payloads/results/", "s3://payloads/inputs/")


def test_a_table_remembers_results_and_forgets_them(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(idempotency=IdempotencySettings(retention_seconds=7200))
    table = synthesized.one("aws_dynamodb_table")
    assert (table["name"], table["billing_mode"], table["hash_key"]) == (
        "dev-language-idempotency",
        "PAY_PER_REQUEST",
        "id",
    )
    assert table["ttl"] == {"attribute_name": "expires_at", "enabled": True}
    assert table["server_side_encryption"] == {"enabled": True}
    assert table["point_in_time_recovery"] == {"enabled": True}
    arn = "arn:PARTITION:dynamodb:eu-central-1:ACCOUNT:table/dev-language-idempotency"
    assert _right(synthesized, "remember-results") == (["dynamodb:PutItem", "dynamodb:BatchWriteItem"], [arn])
    read = _handler_settings(synthesized)
    assert read.idempotency_table == f"${{{synthesized.reference('aws_dynamodb_table')}.name}}"
    assert read.idempotency_seconds == 7200


@pytest.mark.parametrize(
    ("results", "text"),
    [
        (
            ResultsSettings(sink="kafka", max_events_per_message=2),
            "results.sink = 'kafka': must be one of sqs, sns, eventbridge, s3, none (the handler's sinks)",
        ),
        (
            ResultsSettings(sink="none", kms_key_arn=KEY),
            f"results.kms_key_arn = '{KEY}': must be None (sink is none: nothing is created that it could encrypt)",
        ),
        (
            ResultsSettings(location="s3://scores/"),
            "results.location = 's3://scores/': must be None (sink is sqs: nothing is put there)",
        ),
        (
            ResultsSettings(sink="none", location="s3://scores/"),
            "results.location = 's3://scores/': must be None (sink is none: nothing is put there)",
        ),
        (
            ResultsSettings(sink="eventbridge", max_events_per_message=2),
            "results.max_events_per_message = 2: must be 1 (sink is eventbridge: only messages of a queue or topic "
            "hold several)",
        ),
        (
            ResultsSettings(max_events_per_message=10_001),
            "results.max_events_per_message = 10001: must be 1 to 10000 events (no batch is larger)",
        ),
        (ResultsSettings(sink="s3"), "results.location = None: must be s3://bucket/prefix/ (sink is s3)"),
        (
            ResultsSettings(overflow_location="s3://payloads/results"),
            "results.overflow_location = 's3://payloads/results': must be s3://bucket/ or s3://bucket/prefix/, with a "
            "slash last (Amazon S3)",
        ),
    ],
)
def test_what_can_not_be_a_sink_is_named(synth_pipeline: Synth, results: ResultsSettings, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(results=results)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"
