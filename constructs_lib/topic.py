"""Topics: encrypted, TLS only."""

from constructs_lib.iam import policy_document
from constructs_lib.naming import Environment

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from constructs import Construct

# The key that AWS keeps for SNS: whatever role may publish in this account may use it. AWS services that publish in
# their own name may not.
MANAGED_KEY = "alias/aws/sns"


class EncryptedTopic(Construct):
    """A standard topic that roles of its account publish to: encrypted, and a policy that denies what has no TLS."""

    def __init__(self, scope: Construct, id_: str, *, name: str) -> None:
        super().__init__(scope, id_)
        self.arn = Environment.of(self).arn("sns", name)
        self.topic = SnsTopic(self, "topic", name=name, kms_master_key_id=MANAGED_KEY)
        deny = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": self.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        SnsTopicPolicy(self, "policy", arn=self.topic.arn, policy=policy_document(deny))
