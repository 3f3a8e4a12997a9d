"""The account, its roles, tables, objects and logs."""

from typing import Any
from uuid import uuid4

from local.aws import Aws
from local.creators.base import Arguments, Creator, camel_case
from local.template import Template

# The account of AWS's Deep Learning Containers in most regions. Nothing is pulled here: the account only completes the
# ARN in the policy of the endpoint's role.
PREBUILT_IMAGES_ACCOUNT = "763104351884"


class AccountResources(Creator):
    """Creates what belongs to no service of the pipeline alone, and reads what the account is."""

    def __init__(self, aws: Aws, template: Template) -> None:
        super().__init__(aws, template)
        self.methods = {
            "data.aws_caller_identity": self._caller_identity,
            "data.aws_partition": self._partition,
            "data.aws_region": self._region,
            "data.aws_sagemaker_prebuilt_ecr_image": self._prebuilt_image,
            "aws_cloudwatch_log_group": self._log_group,
            "aws_dynamodb_table": self._table,
            "aws_iam_role": self._role,
            "aws_iam_role_policy": self._role_policy,
            "aws_s3_object": self._object,
            "aws_signer_signing_job": self._signing_job,
        }

    def _partition(self, _: Arguments) -> dict[str, Any]:
        return {"partition": self.aws.sqs.meta.partition}

    def _caller_identity(self, _: Arguments) -> dict[str, Any]:
        identity = self.aws.sts.get_caller_identity()
        return {"account_id": identity["Account"], "arn": identity["Arn"], "user_id": identity["UserId"]}

    def _region(self, _: Arguments) -> dict[str, Any]:
        return {"region": self.aws.region}

    def _prebuilt_image(self, arguments: Arguments) -> dict[str, Any]:
        repository, tag = arguments.pop("repository_name"), arguments.pop("image_tag", "latest")
        registry = f"{PREBUILT_IMAGES_ACCOUNT}.dkr.ecr.{self.aws.region}.amazonaws.com"
        return {"registry_id": PREBUILT_IMAGES_ACCOUNT, "registry_path": f"{registry}/{repository}:{tag}"}

    def _role(self, arguments: Arguments) -> dict[str, Any]:
        role = self.aws.iam.create_role(
            RoleName=arguments.pop("name"),
            AssumeRolePolicyDocument=arguments.pop("assume_role_policy"),
            Description=arguments.pop("description", ""),
            Tags=self.tag_list(arguments),  # type: ignore[arg-type]
        )["Role"]
        return {"id": role["RoleName"], "arn": role["Arn"], "unique_id": role["RoleId"]}

    def _role_policy(self, arguments: Arguments) -> dict[str, Any]:
        prefix = arguments.pop("name_prefix", "")
        name = f"{prefix}{uuid4().hex}" if prefix else arguments.pop("name")
        self.aws.iam.put_role_policy(
            RoleName=arguments.pop("role"), PolicyName=name, PolicyDocument=arguments.pop("policy")
        )
        return {"name": name}

    def _log_group(self, arguments: Arguments) -> dict[str, Any]:
        logs, name = self.aws.logs, arguments.pop("name")
        logs.create_log_group(logGroupName=name, tags=self.tags(arguments))
        if "retention_in_days" in arguments:
            logs.put_retention_policy(logGroupName=name, retentionInDays=arguments.pop("retention_in_days"))
        return {"id": name}

    def _table(self, arguments: Arguments) -> dict[str, Any]:
        dynamodb, name, key = self.aws.dynamodb, arguments.pop("name"), arguments.pop("hash_key")
        request: dict[str, Any] = {
            "TableName": name,
            "BillingMode": arguments.pop("billing_mode"),
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "AttributeDefinitions": [
                {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
                for attribute in arguments.pop("attribute")
            ],
            "Tags": self.tag_list(arguments),
        }
        arn = dynamodb.create_table(**request)["TableDescription"]["TableArn"]
        expiry = {camel_case(argument): value for argument, value in arguments.pop("ttl").items()}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)  # type: ignore[arg-type]
        return {"id": name, "arn": arn}

    def _object(self, arguments: Arguments) -> dict[str, Any]:
        s3, bucket, key = self.aws.s3, arguments.pop("bucket"), arguments.pop("key")
        arguments.pop("override_provider", None)  # of the provider's default tags, which objects here do not get
        content = (self.template.path.parent / arguments.pop("source")).read_bytes()
        return {"id": key, "version_id": s3.put_object(Bucket=bucket, Key=key, Body=content)["VersionId"]}

    def _signing_job(self, arguments: Arguments) -> dict[str, Any]:
        signer, profile = self.aws.signer, arguments.pop("profile_name")
        source, destination = arguments.pop("source")["s3"], arguments.pop("destination")["s3"]
        job = signer.start_signing_job(
            profileName=profile,
            source={"s3": {"bucketName": source["bucket"], "key": source["key"], "version": source["version"]}},
            destination={"s3": {"bucketName": destination["bucket"], "prefix": destination.get("prefix", "")}},
        )["jobId"]
        signer.get_waiter("successful_signing_job").wait(jobId=job, WaiterConfig={"Delay": 1})
        signed = signer.describe_signing_job(jobId=job)["signedObject"]["s3"]
        return {"id": job, "signed_object": [{"s3": [{"bucket": signed["bucketName"], "key": signed["key"]}]}]}
