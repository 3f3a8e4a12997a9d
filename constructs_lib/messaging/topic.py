"""Topics: TLS only, encrypted as far as who publishes allows."""

from collections.abc import Sequence
from typing import Any

from constructs_lib.core.findings import accept
from constructs_lib.core.iam import ServiceRole, Statement, key_statements, policy_document
from constructs_lib.core.naming import DeployTarget

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from constructs import Construct

# The key that AWS keeps for SNS: whatever role may publish in this account may use it. AWS services that publish in
# their own name may not.
MANAGED_KEY = "alias/aws/sns"


class Topic(Construct):
    """A topic that roles of its account, or one AWS service, publish to, by TLS only."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        fifo: bool = False,
        kms_key_arn: str | None = None,
        publisher: str | None = None,
    ) -> None:
        """`name` is without `.fifo`. `publisher` is a service, for instance `cloudwatch.amazonaws.com`, which may
        publish on behalf of this account. `kms_key_arn` is a customer key; by default the topic is encrypted with
        AWS's managed key for SNS, or, with a publisher, which could not use that, not at all.
        """
        super().__init__(scope, id_)
        self._deploy_target = DeployTarget.of(scope)
        self._key = kms_key_arn
        name = f"{name}.fifo" if fifo else name
        self.arn = self._deploy_target.arn("sns", name)
        managed_key = None if publisher else MANAGED_KEY
        self.topic = SnsTopic(
            self, "topic", name=name, fifo_topic=fifo or None, kms_master_key_id=kms_key_arn or managed_key
        )
        if kms_key_arn is None and publisher is not None:
            reason = f"{publisher} can't use AWS's managed key for SNS; a customer key of yours mends it"
            accept(self.topic, "CKV_AWS_26", reason)
        statements = [*([self._admit(publisher)] if publisher else []), self._tls_only()]
        # By its ARN in plain text, which a plan shows, and which Terraform can't follow.
        policy = SnsTopicPolicy(
            self, "policy", arn=self.arn, policy=policy_document(*statements), depends_on=[self.topic]
        )
        self.dependencies: Sequence[ITerraformDependable] = [policy]
        """Resources that must exist before the first message."""

    def grant_publish(self, role: ServiceRole, policy_name: str) -> None:
        """Let the role publish."""
        publish = Statement(actions=["sns:Publish"], resources=[self.arn])
        key = key_statements([self._key], "sns", self._deploy_target, "GenerateDataKey", "Decrypt")
        role.allow(policy_name, publish, *key)

    def _admit(self, publisher: str) -> dict[str, Any]:
        return {
            "Sid": "PublisherForThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": publisher},
            "Action": "sns:Publish",
            "Resource": self.arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": self._deploy_target.account}},
        }

    def _tls_only(self) -> dict[str, Any]:
        return {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": self.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
