"""Permissions of the function's role that the embedded AWS does not check by itself.

MiniStack enforces policies on the calls that a function makes. The calls that Lambda makes for the function it does not
check, and the endpoint is not its own. About those, its policy simulator is asked.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from local.aws import Aws
from local.errors import LocalRunError
from local.pipeline import DeployedPipeline

DENIED_ACTION = re.compile(r"is not authorized to perform: (?P<action>[\w-]+:\w+)")


@dataclass(frozen=True, order=True)
class Permission:
    """An action on a resource."""

    resource: str
    action: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


class DeniedError(LocalRunError):
    """The function's role lacks permissions that the run needs."""

    def __init__(self, role_arn: str, missing: Sequence[Permission]) -> None:
        super().__init__(f"denied: {role_arn} must be allowed " + ", and ".join(map(str, missing)))


class RolePermissions:
    """The permissions that the function's role needs, and those that its policies lack."""

    def __init__(self, aws: Aws, pipeline: DeployedPipeline) -> None:
        self._aws = aws
        self._pipeline = pipeline

    def require_unused(self) -> int:
        """Raise DeniedError if one is missing that no call in a run without faults uses; return how many there are."""
        needed = [*self._needed_by_lambda(), *self._needed_for_returns()]
        if missing := self._missing(needed):
            raise DeniedError(self._pipeline.role_arn, missing)
        return len(needed)

    def denial_of_inference(self) -> str | None:
        """Return SageMaker's message, if the function may not invoke the endpoint."""
        permission = self._needed_for_inference()
        if not self._missing([permission]):
            return None
        action, resource = permission.action, permission.resource
        role = self._pipeline.role_arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
        return (
            f"User: {role}/{self._pipeline.function_name} is not authorized to perform: {action} "
            f"on resource: {resource} because no identity-based policy allows the {action} action"
        )

    def explain(self, message: str) -> LocalRunError:
        """Return the error behind a failed invocation's message: the missing permissions, if an action was denied."""
        if found := DENIED_ACTION.search(message):
            own = (*self._needed_by_handler(), self._needed_for_inference())
            if missing := self._missing(needed for needed in own if needed.action == found["action"]):
                return DeniedError(self._pipeline.role_arn, missing)
        return LocalRunError(f"the function failed: {message}")

    def _needed_by_lambda(self) -> Iterator[Permission]:
        """Yield Lambda's own use of the role: polling its source, writing its logs, sending its traces."""
        for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
            yield Permission(self._pipeline.queue.arn, action)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield Permission(f"{self._pipeline.log_group_arn}:log-stream:any", action)
        if self._pipeline.tracing:
            for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
                yield Permission("*", action)

    def _needed_for_returns(self) -> Iterator[Permission]:
        """Yield the handler's need for records that it returns; a run without faults has none of them."""
        if self._pipeline.settings.queue_url:
            yield Permission(self._pipeline.queue.arn, "sqs:ChangeMessageVisibility")

    def _needed_for_inference(self) -> Permission:
        return Permission(self._pipeline.endpoint_arn, "sagemaker:InvokeEndpoint")

    def _needed_by_handler(self) -> Iterator[Permission]:
        """Yield the need of the function's own calls, besides the endpoint."""
        for queue in filter(None, (self._pipeline.results, self._pipeline.dead_letters)):
            yield Permission(queue.arn, "sqs:SendMessage")
        if self._pipeline.results is None:
            partition = self._pipeline.queue.arn.split(":")[1]
            place = self._pipeline.settings.result_target.removeprefix("s3://")
            yield Permission(f"arn:{partition}:s3:::{place}any.jsonl", "s3:PutObject")
        if table_arn := self._pipeline.idempotency_table_arn:
            for action in ("dynamodb:PutItem", "dynamodb:BatchWriteItem"):
                yield Permission(table_arn, action)

    def _missing(self, needed: Iterable[Permission]) -> list[Permission]:
        """Return the permissions that the role's policies, according to the policy simulator, do not give."""
        missing: list[Permission] = []
        for resource, group in itertools.groupby(sorted(needed), key=lambda permission: permission.resource):
            answer = self._aws.iam.simulate_principal_policy(
                PolicySourceArn=self._pipeline.role_arn,
                ActionNames=[permission.action for permission in group],
                ResourceArns=[resource],
            )
            denied = (result for result in answer["EvaluationResults"] if result["EvalDecision"] != "allowed")
            missing += (Permission(resource, result["EvalActionName"]) for result in denied)
        return missing
