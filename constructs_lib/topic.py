"""Topics: encrypted, TLS only."""

from constructs_lib.iam import ServiceRole, Statement, key_statement, policy_document
from constructs_lib.naming import Environment

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from constructs import Construct

# The key that AWS keeps for SNS: whatever role may publish in this account may use it. AWS services that publish in
# their own name may not.
MANAGED_KEY = "alias/aws/sns"


class EncryptedTopic(Construct):
    """A topic that roles of its account publish to: encrypted, and a policy that denies what has no TLS."""

    def __init__(
        self, scope: Construct, id_: str, *, name: str, fifo: bool = False, kms_key_arn: str | None = None
    ) -> None:
        """`name` is without `.fifo`. `kms_key_arn` is a customer key; by default AWS's managed key for SNS."""
        super().__init__(scope, id_)
        self._environment = Environment.of(self)
        self._key = kms_key_arn
        name = f"{name}.fifo" if fifo else name
        self.arn = self._environment.arn("sns", name)
        self.topic = SnsTopic(
            self, "topic", name=name, fifo_topic=fifo or None, kms_master_key_id=kms_key_arn or MANAGED_KEY
        )
        deny = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": self.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        SnsTopicPolicy(self, "policy", arn=self.topic.arn, policy=policy_document(deny))

    def grant_publish(self, role: ServiceRole, policy_name: str) -> None:
        """Let the role publish."""
        statements = [Statement(actions=["sns:Publish"], resources=[self.arn])]
        if self._key is not None:
            region = self._environment.region
            statements.append(key_statement([self._key], "sns", region, "GenerateDataKey", "Decrypt"))
        role.allow(policy_name, *statements)
