"""Settings of an organisation: bounds on roles, accounts, the role that deploys, one key, senders of other accounts."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib import (
    AccountPrincipal,
    AssumedRole,
    AsyncCapacity,
    ContainerModel,
    DataCapture,
    EndpointSettings,
    EventSourceSettings,
    ExistingQueue,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    MessageQueue,
    MonitoringSettings,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    ServerlessCapacity,
    ServicePrincipal,
    ServiceRole,
    StackSettings,
)
from constructs_lib.stack import check_stack
from constructs_lib.validation.derived import derive

import pytest
from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket

from tests.constructs.synthesized import Synthesized

ROOT = Path(__file__).parents[2]
REGION = "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
OTHER_KEY = f"arn:aws:kms:{REGION}:123456789012:key/11111111-8a1c-4b2b-9d0c-51ad2d9cc39e"
SCORER = ContainerModel(image_uri=f"123456789012.dkr.ecr.{REGION}.amazonaws.com/scorer:1")
INSTANCES = InstanceCapacity(instance_type="ml.m5.large")
PIPELINE = PipelineSettings(
    endpoint=EndpointSettings(
        model=SCORER, capacity=INSTANCES, data_capture=DataCapture(location="s3://company-audit/captured/")
    ),
    event_source=EventSourceSettings(filters=({"body": {"kind": ["claim"]}},)),
    inference=InferenceSettings(codec="csv"),
    idempotency=IdempotencySettings(),
    monitoring=MonitoringSettings(),
)

SynthStack = Callable[[StackSettings], Synthesized]
InPlainStack = Callable[[Callable[[TerraformStack], object]], Synthesized]


def governed(pipeline: PipelineSettings = PIPELINE, **settings: Any) -> StackSettings:
    return StackSettings(region=REGION, pipelines={"claims": pipeline}, **settings)


def test_every_role_has_the_boundary_and_the_path(synth_stack: SynthStack) -> None:
    boundary = "arn:aws:iam::123456789012:policy/teams/boundary"
    stack = synth_stack(governed(permissions_boundary_arn=boundary, role_path="/teams/inference/"))
    roles = stack.all("aws_iam_role").values()
    assert len(roles) == 2
    assert {(role["permissions_boundary"], role["path"]) for role in roles} == {(boundary, "/teams/inference/")}
    policies = stack.all("aws_iam_role_policy").values()
    assert all(policy["role"].endswith(".name}") for policy in policies)


def test_a_stack_of_ones_own_has_them_as_attributes(synth_in_plain_stack: InPlainStack) -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"

    def build(stack: Any) -> None:
        stack.role_path, stack.permissions_boundary_arn = "/inference/", boundary
        ServiceRole(stack, "reader", name="reader", service="lambda", description="Reads")

    role = synth_in_plain_stack(build).one("aws_iam_role")
    assert (role["permissions_boundary"], role["path"]) == (boundary, "/inference/")


def test_roles_have_neither_by_default(synth_stack: SynthStack) -> None:
    for role in synth_stack(governed()).all("aws_iam_role").values():
        assert not {"permissions_boundary", "path"} & role.keys()


def test_the_provider_deploys_as_a_role_and_to_these_accounts_alone(synth_stack: SynthStack) -> None:
    role = AssumedRole(arn="arn:aws:iam::123456789012:role/deploy", external_id="inference", session_name="terraform")
    stack = synth_stack(governed(allowed_account_ids=("123456789012",), assume_role=role))
    (provider,) = stack.document["provider"]["aws"]
    assert provider["allowed_account_ids"] == ["123456789012"]
    assert provider["assume_role"] == [
        {
            "role_arn": "arn:aws:iam::123456789012:role/deploy",
            "external_id": "inference",
            "session_name": "terraform",
        }
    ]


def test_the_provider_deploys_as_whoever_runs_it_by_default(synth_stack: SynthStack) -> None:
    (provider,) = synth_stack(governed()).document["provider"]["aws"]
    assert provider.keys() == {"region", "default_tags"}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"role_path": "inference"}, "role_path = 'inference': must be 1 to 512 characters, a slash first and last"),
        ({"role_path": "/in ference/"}, "role_path = '/in ference/': must be 1 to 512 characters, a slash first and"),
        ({"permissions_boundary_arn": "boundary"}, "permissions_boundary_arn = 'boundary': must be the ARN of an IAM"),
        ({"allowed_account_ids": ("1234",)}, "allowed_account_ids[0] = '1234': must be an account id of 12 digits"),
        (
            {"assume_role": AssumedRole(arn="arn:aws:iam::123456789012:user/x")},
            "assume_role.arn = 'arn:aws:iam::123456789012:user/x': must be the ARN of an IAM role",
        ),
        ({"kms_key_arn": "alias/x"}, "kms_key_arn = 'alias/x': must be the ARN of a KMS key, arn:aws:kms:REGION:"),
    ],
)
def test_what_no_organisation_has_is_refused(settings: Mapping[str, Any], text: str) -> None:
    (violation,) = check_stack("dev", governed(**settings))
    assert str(violation).startswith(f"dev {text}")


def keys(stack: Synthesized) -> dict[str, set[str | None]]:
    """Return the keys that each kind of resource has."""
    configuration = stack.one("aws_sagemaker_endpoint_configuration")
    function = stack.one("aws_lambda_function")
    found: dict[str, set[str | None]] = {
        "queues": {queue.get("kms_master_key_id") for queue in stack.all("aws_sqs_queue").values()},
        "logs": {group.get("kms_key_id") for group in stack.all("aws_cloudwatch_log_group").values()},
        "environment": {function.get("kms_key_arn")},
        "filters": {stack.one("aws_lambda_event_source_mapping").get("kms_key_arn")},
        "volume": {configuration.get("kms_key_arn")},
        "capture": {configuration["data_capture_config"].get("kms_key_id")},
        "table": {stack.one("aws_dynamodb_table").get("server_side_encryption", {}).get("kms_key_arn")},
        "alarms": {stack.one("aws_sns_topic").get("kms_master_key_id")},
    }
    return found


@pytest.mark.parametrize("by_stack", [True, False])
def test_one_setting_encrypts_everything(synth_stack: SynthStack, *, by_stack: bool) -> None:
    settings = governed(kms_key_arn=KEY) if by_stack else governed(replace(PIPELINE, kms_key_arn=KEY))
    assert set().union(*keys(synth_stack(settings)).values()) == {KEY}
    assert set().union(*keys(synth_stack(governed())).values()) == {None}


def test_a_key_of_its_own_goes_first(synth_stack: SynthStack) -> None:
    own = replace(PIPELINE, queue=QueueSettings(kms_key_arn=OTHER_KEY))
    found = keys(synth_stack(governed(own, kms_key_arn=KEY)))
    assert found.pop("queues") == {OTHER_KEY, KEY}
    assert set().union(*found.values()) == {KEY}
    pipelines = keys(synth_stack(governed(replace(PIPELINE, kms_key_arn=OTHER_KEY), kms_key_arn=KEY)))
    assert set().union(*pipelines.values()) == {OTHER_KEY}


def test_the_rights_come_with_the_key(synth_stack: SynthStack) -> None:
    stack = synth_stack(governed(kms_key_arn=KEY))
    for policy in ("consume-work", "send-to-dead-letter", "send-to-results"):
        assert [KEY] in [statement["Resource"] for statement in stack.policies("function")[policy]]


def test_the_key_goes_to_nothing_that_takes_none() -> None:
    on_nvme = EndpointSettings(model=SCORER, capacity=InstanceCapacity(instance_type="ml.g5.xlarge"))
    serverless = EndpointSettings(model=SCORER, capacity=ServerlessCapacity())
    existing = ExistingQueue(name="a", dead_letter_queue_name="b", visibility_timeout_seconds=180)
    for endpoint in (on_nvme, serverless):
        derived = derive(PipelineSettings(endpoint=endpoint, queue=existing, kms_key_arn=KEY))
        assert isinstance(derived.endpoint, EndpointSettings)
        assert (derived.endpoint.volume_key_arn, derived.endpoint.log_key_arn) == (None, KEY)
        assert derived.queue.kms_key_arn is None
        assert derived.event_source.filter_key_arn is None
    to_s3 = ResultsSettings(sink="s3", location="s3://company-results/scored/")
    topic = MonitoringSettings(topic_arn=f"arn:aws:sns:{REGION}:123456789012:alarms")
    derived = derive(PipelineSettings(endpoint=serverless, results=to_s3, monitoring=topic, kms_key_arn=KEY))
    assert derived.results.kms_key_arn is None
    assert derived.monitoring is not None
    assert derived.monitoring.topic_key_arn is None
    assert check_stack("dev", governed(PipelineSettings(endpoint=serverless, results=to_s3, kms_key_arn=KEY))) == []


def test_the_answers_of_an_asynchronous_endpoint_get_the_key() -> None:
    capacity = AsyncCapacity(instance_type="ml.m5.large", request_location="s3://a-b/c/", output_location="s3://a-b/d/")
    derived = derive(PipelineSettings(endpoint=EndpointSettings(model=SCORER, capacity=capacity), kms_key_arn=KEY))
    assert isinstance(derived.endpoint, EndpointSettings)
    assert derived.endpoint.capacity == replace(capacity, output_key_arn=KEY)


def senders(stack: Synthesized, part: str = "policy") -> list[dict[str, Any]]:
    """Return what a queue's policy allows."""
    policy = stack.readable(stack.one("aws_sqs_queue_policy", part)["policy"])
    return [statement for statement in json.loads(policy)["Statement"] if statement["Effect"] == "Allow"]


def queue_of(sender: ServicePrincipal | AccountPrincipal) -> Callable[[TerraformStack], object]:
    def build(stack: TerraformStack) -> None:
        settings = QueueSettings(senders=(sender,))
        MessageQueue(stack, "work", name="work", settings=settings, dead_letter_queue=False)

    return build


@pytest.mark.parametrize("arn", ["arn:aws:iam::210987654321:root", "arn:aws:iam::210987654321:role/teams/producer"])
def test_another_account_may_send(synth_in_plain_stack: InPlainStack, arn: str) -> None:
    assert senders(synth_in_plain_stack(queue_of(AccountPrincipal(arn=arn)))) == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": arn},
            "Action": ["sqs:SendMessage"],
            "Resource": "arn:PARTITION:sqs:REGION:ACCOUNT:work",
        }
    ]


def test_a_bucket_of_another_account_may_send(synth_in_plain_stack: InPlainStack) -> None:
    bucket = ServicePrincipal(
        service="s3.amazonaws.com", source_arn="arn:aws:s3:::their-inputs", account_id="210987654321"
    )
    (statement,) = senders(synth_in_plain_stack(queue_of(bucket)))
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::their-inputs"},
        "StringEquals": {"aws:SourceAccount": "210987654321"},
    }


def test_a_bucket_by_reference_has_the_same_condition_as_by_name(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        bucket = S3Bucket(stack, "inputs", bucket="inputs")
        queue_of(ServicePrincipal(service="s3.amazonaws.com", source_arn=bucket.arn))(stack)

    by_reference = senders(synth_in_plain_stack(build))
    literal = ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::inputs")
    by_name = senders(synth_in_plain_stack(queue_of(literal)))
    (condition,) = (statement["Condition"] for statement in by_reference)
    assert condition.pop("ArnLike")["aws:SourceArn"].startswith("${aws_s3_bucket.inputs")
    assert condition == {"StringEquals": {"aws:SourceAccount": "ACCOUNT"}}
    assert by_name[0]["Condition"]["StringEquals"] == condition["StringEquals"]


def test_a_rule_by_reference_has_the_same_condition_as_by_name(synth_in_plain_stack: InPlainStack) -> None:
    for arn in ("${aws_cloudwatch_event_rule.night.arn}", f"arn:aws:events:{REGION}:123456789012:rule/night"):
        sender = ServicePrincipal(service="events.amazonaws.com", source_arn=arn)
        (statement,) = senders(synth_in_plain_stack(queue_of(sender)))
        assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": arn}}


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        (
            AccountPrincipal(arn="210987654321"),
            "arn = '210987654321': must be the ARN of an account's root, a role or a user (AWS ARN formats)",
        ),
        (
            AccountPrincipal(arn="arn:aws-cn:iam::210987654321:root"),
            "arn = 'arn:aws-cn:iam::210987654321:root': must be an ARN of partition aws (eu-central-1 is in it)",
        ),
        (
            ServicePrincipal(
                service="sns.amazonaws.com", source_arn=f"arn:aws:sns:{REGION}:1:x", account_id="210987654321"
            ),
            "account_id = '210987654321': must be None, or that of source_arn, 1 (one account)",
        ),
        (
            ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::x", account_id="2109"),
            "account_id = '2109': must be an account id of 12 digits (AWS account ids)",
        ),
    ],
)
def test_a_sender_that_can_not_be_is_refused(sender: ServicePrincipal | AccountPrincipal, text: str) -> None:
    pipeline = replace(PIPELINE, queue=QueueSettings(senders=(sender,)))
    assert [str(violation) for violation in check_stack("dev", governed(pipeline))] == [
        f"dev/claims queue.senders[0].{text}"
    ]


def test_the_page_of_keys_admits_each_service_that_a_setting_names() -> None:
    page = (ROOT / "docs" / "keys.md").read_text()
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    services = {statement["Principal"].get("Service") for statement in policy["Statement"]} - {None}
    named = re.findall(r"admit\s+`([a-z.A-Z]+\.amazonaws\.com)`", (ROOT / "docs" / "settings.md").read_text())
    assert len(set(named)) == 4
    assert set(named) <= services


def test_what_a_network_must_reach_is_said_in_one_place() -> None:
    for path in ("docs/settings.md", "examples/locked_down.py", "README.md"):
        assert "docs/network.md" in (ROOT / path).read_text()
    elsewhere = [*ROOT.glob("docs/*.md"), *ROOT.glob("examples/*"), *(ROOT / "constructs_lib").rglob("*.py")]
    assert [
        path.name
        for path in elsewhere
        if path.is_file() and path.name != "network.md" and re.search(r"VPC endpoint", path.read_text())
    ] == []
