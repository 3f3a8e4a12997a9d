"""Things that a stack has from elsewhere, which exist before it is deployed: buckets, queues, roles and more."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.aws import Aws
from local.emulator import ACCOUNT
from local.template import Block, Template, references

BUCKET = re.compile(r"(?:\bs3://|:s3:::)([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/")
ROLE = re.compile(r"arn:[\w-]+:iam::(\d{12}):role(/(?:[\w+=,.@-]+/)*)([\w+=,.@-]+)")
POLICY = re.compile(r"arn:[\w-]+:iam::\d{12}:policy(/(?:[\w+=,.@-]+/)*)([\w+=,.@-]+)")
QUEUE = "data.aws_sqs_queue"
# Lambda: a queue's visibility timeout is at least six times the function's timeout.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
TIMEOUTS_OF_VISIBILITY = 6
SIGNING_PLATFORM = "AWSLambda-SHA384-ECDSA"


def account_of(template: Template) -> str:
    """Return the account of the roles that exist already; of a stack that names none, that of the examples."""
    return next((account for account, _, _ in _roles(template)), ACCOUNT)


def make_elsewhere(template: Template, aws: Aws) -> list[str]:
    """Make what the template names without creating it; what is there already stays. Return what it is, by name."""
    return [
        *_make_buckets(template, aws),
        *_make_queues(template, aws),
        *_make_roles(template, aws),
        *_make_boundaries(template, aws),
        *_make_alarms(template, aws),
        *_make_signing_profiles(template, aws),
    ]


def _make_buckets(template: Template, aws: Aws) -> Iterator[str]:
    for name in sorted(_buckets(template)):
        # The oldest region is no location, and takes none.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        place: Any = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
        if aws.region == "us-east-1":
            place = {}
        with contextlib.suppress(aws.s3.exceptions.BucketAlreadyOwnedByYou):
            aws.s3.create_bucket(Bucket=name, **place)
        # A signing job names the version of what it signs.
        aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        yield f"bucket {name}"


def _buckets(template: Template) -> set[str]:
    """Return the buckets that are named anywhere, without those that the stack makes itself."""
    blocks = [block.arguments for block in template.blocks.values()]
    named = {name for arguments in blocks for name in BUCKET.findall(json.dumps(arguments))}
    given = {arguments["bucket"] for arguments in blocks if "${" not in str(arguments.get("bucket", "${"))}
    own = {block.arguments.get("bucket", "") for block in template.of_type("aws_s3_bucket")}
    signed = {block.arguments["destination"]["s3"]["bucket"] for block in template.of_type("aws_signer_signing_job")}
    return (named | given | signed) - own


def _make_queues(template: Template, aws: Aws) -> Iterator[str]:
    urls: dict[str, str] = {}
    for block in template.of_type(QUEUE):
        name = block.arguments["name"]
        attributes: Any = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        urls[block.address] = aws.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        yield f"queue {name}"
    for function in template.of_type("aws_lambda_function"):
        variables = function.arguments.get("environment", {}).get("variables", {})
        work, dead = (_named(variables, name, urls) for name in ("QUEUE_URL", "DEAD_LETTER_QUEUE_URL"))
        if work and dead:
            _bind(aws, work, dead, receives=variables["MAX_RECEIVE_COUNT"], timeout=function.arguments["timeout"])


def _named(variables: Mapping[str, str], name: str, urls: Mapping[str, str]) -> str:
    """Return the URL of the queue from elsewhere that a variable refers to; nothing, if it is the stack's own."""
    addresses = [address for address, _ in references(variables.get(name, ""))]
    return urls.get(addresses[0], "") if addresses else ""


def _bind(aws: Aws, work: str, dead: str, *, receives: str, timeout: int) -> None:
    """Give a queue from elsewhere the attributes that the stack's own settings say it has."""
    arn = aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    attributes: Any = {
        "VisibilityTimeout": str(TIMEOUTS_OF_VISIBILITY * timeout),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives}),
    }
    aws.sqs.set_queue_attributes(QueueUrl=work, Attributes=attributes)


def _make_roles(template: Template, aws: Aws) -> Iterator[str]:
    for (_, path, name), users in sorted(_roles(template).items()):
        trust = _document(
            Principal={"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}, Action="sts:AssumeRole"
        )
        with contextlib.suppress(aws.iam.exceptions.EntityAlreadyExistsException):
            aws.iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust)
        if all(_has_policies(template, user) for user in users):
            yield f"role {name}"
            continue
        # Those policies are nowhere in the stack, so nothing about them can be shown.
        every = _document(Action="*", Resource="*")
        aws.iam.put_role_policy(RoleName=name, PolicyName="unknown", PolicyDocument=every)
        yield f"role {name}, with every right, since its own are not known here"


def _make_boundaries(template: Template, aws: Aws) -> Iterator[str]:
    """Make the policies that bound what the stack's roles may do; here they allow everything."""
    boundaries = {_text(block, "permissions_boundary") for block in template.of_type("aws_iam_role")}
    for found in filter(None, map(POLICY.fullmatch, sorted(boundaries))):
        every = _document(Action="*", Resource="*")
        with contextlib.suppress(aws.iam.exceptions.EntityAlreadyExistsException):
            aws.iam.create_policy(PolicyName=found[2], Path=found[1], PolicyDocument=every)
        yield f"policy {found[2]}"


def _make_alarms(template: Template, aws: Aws) -> Iterator[str]:
    """Make the alarms of others that roll a deployment back: SageMaker refuses one that does not exist."""
    own = {block.arguments["alarm_name"] for block in template.of_type("aws_cloudwatch_metric_alarm")}
    rollbacks = [
        block.arguments.get("deployment_config", {}).get("auto_rollback_configuration", {})
        for block in template.of_type("aws_sagemaker_endpoint")
    ]
    named = {alarm["alarm_name"] for rollback in rollbacks for alarm in rollback.get("alarms", [])}
    for name in sorted(name for name in named - own if "${" not in name):
        aws.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Elsewhere",
            MetricName="Errors",
            Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
            Threshold=0.0,
            Period=60,
            EvaluationPeriods=1,
        )
        yield f"alarm {name}"


def _make_signing_profiles(template: Template, aws: Aws) -> Iterator[str]:
    for name in sorted({block.arguments["profile_name"] for block in template.of_type("aws_signer_signing_job")}):
        aws.signer.put_signing_profile(profileName=name, platformId=SIGNING_PLATFORM)
        yield f"signing profile {name}"


def _document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _roles(template: Template) -> dict[tuple[str, str, str], list[Block]]:
    """Return the functions and models that use each role given by its ARN, by its account, path and name."""
    roles: dict[tuple[str, str, str], list[Block]] = {}
    for type_, argument in (("aws_lambda_function", "role"), ("aws_sagemaker_model", "execution_role_arn")):
        for block in template.of_type(type_):
            if found := ROLE.fullmatch(_text(block, argument)):
                roles.setdefault((found[1], found[2], found[3]), []).append(block)
    return roles


def _has_policies(template: Template, user: Block) -> bool:
    """Whether the stack attaches what a function or model needs to its role: it is made after these policies."""
    return any(template.blocks[address].type == "aws_iam_role_policy" for address in user.dependencies)


def _text(block: Block, argument: str) -> str:
    value = block.arguments.get(argument, "")
    return value if isinstance(value, str) else ""
