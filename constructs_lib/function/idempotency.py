"""The table of results, so that a record delivered twice is scored once."""

from constructs_lib.core.iam import ServiceRole, Statement, key_statements
from constructs_lib.core.naming import DeployTarget
from constructs_lib.settings import IdempotencySettings
from constructs_lib.validation.checker import require_name, require_valid
from constructs_lib.validation.limits import TABLE_NAME

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.dynamodb_table import (
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
    DynamodbTableTtl,
)
from constructs import Construct

KEY, EXPIRY = "id", "expires_at"
# What DynamoDB does with a customer key in the name of whoever reads and writes the table (DynamoDB guide, "Encryption
# at rest: usage notes").
KEY_ACTIONS = (
    "Decrypt",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
)


class IdempotencyTable(Construct):
    """A DynamoDB table, paid by request, encrypted, recoverable to any point in time, whose items expire."""

    def __init__(
        self, scope: Construct, id_: str, *, name: str, settings: IdempotencySettings = IdempotencySettings()
    ) -> None:
        """Raises SettingsError if settings, or the name, are out of bounds."""
        super().__init__(scope, id_)
        require_valid(self, settings)
        require_name(self, name, TABLE_NAME)
        self.settings = settings
        self.arn = DeployTarget.of(self).arn("dynamodb", f"table/{name}")
        self.table = DynamodbTable(
            self,
            "table",
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=KEY,
            attribute=[DynamodbTableAttribute(name=KEY, type="S")],
            ttl=DynamodbTableTtl(attribute_name=EXPIRY, enabled=True),
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            server_side_encryption=DynamodbTableServerSideEncryption(enabled=True, kms_key_arn=settings.kms_key_arn),
            # Without settings it goes once the function no longer uses it: not before, as Terraform has it else.
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )
        self.name = self.table.name

    def grant_remember(self, role: ServiceRole) -> None:
        """Let the role claim records, and write down or let go of what it claimed."""
        actions = ["dynamodb:PutItem", "dynamodb:BatchWriteItem"]
        key = key_statements([self.settings.kms_key_arn], "dynamodb", DeployTarget.of(self), *KEY_ACTIONS)
        role.allow("remember-results", Statement(actions=actions, resources=[self.arn]), *key)
