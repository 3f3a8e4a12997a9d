"""The table that makes a record delivered twice be scored once."""

from constructs_lib.iam import ServiceRole, Statement
from constructs_lib.naming import Environment

from cdktf_cdktf_provider_aws.dynamodb_table import (
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
    DynamodbTableTtl,
)
from constructs import Construct

KEY, EXPIRY = "id", "expires_at"


class IdempotencyTable(Construct):
    """A DynamoDB table, paid by request: encrypted, recoverable to any point in time, forgetting by itself."""

    def __init__(self, scope: Construct, id_: str, *, name: str) -> None:
        super().__init__(scope, id_)
        self.arn = Environment.of(self).arn("dynamodb", f"table/{name}")
        self.table = DynamodbTable(
            self,
            "table",
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=KEY,
            attribute=[DynamodbTableAttribute(name=KEY, type="S")],
            ttl=DynamodbTableTtl(attribute_name=EXPIRY, enabled=True),
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            server_side_encryption=DynamodbTableServerSideEncryption(enabled=True),
        )
        self.name = self.table.name

    def grant_remember(self, role: ServiceRole) -> None:
        """Let the role claim records, and write down or let go of what it claimed."""
        actions = ["dynamodb:PutItem", "dynamodb:BatchWriteItem"]
        role.allow("remember-results", Statement(actions=actions, resources=[self.arn]))
