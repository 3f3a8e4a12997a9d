"""What the function's role must be allowed where the embedded AWS does not check it by itself.

MiniStack enforces policies on the calls that a function makes. What Lambda does on the function's behalf it simply
does, and the endpoint is not its own; about those, its policy simulator is asked.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from local.aws import Aws
from local.errors import LocalRunError
from local.road import Road

DENIED_ACTION = re.compile(r"is not authorized to perform: (?P<action>[\w-]+:\w+)")


@dataclass(frozen=True, order=True)
class Right:
    """An action on a resource."""

    resource: str
    action: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


class DeniedError(LocalRunError):
    """The function's role lacks rights that the run needs."""

    def __init__(self, role_arn: str, missing: Sequence[Right]) -> None:
        super().__init__(f"denied: {role_arn} must be allowed " + ", and ".join(map(str, missing)))


def needed_by_lambda(road: Road) -> list[Right]:
    """Return what Lambda does with the function's role: polling its source, writing its logs, sending its traces."""
    polling = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    stream = f"{road.log_group_arn}:log-stream:any"
    tracing = ("xray:PutTraceSegments", "xray:PutTelemetryRecords") if road.tracing else ()
    return [
        *(Right(road.queue.arn, action) for action in polling),
        *(Right(stream, action) for action in ("logs:CreateLogStream", "logs:PutLogEvents")),
        *(Right("*", action) for action in tracing),
    ]


def needed_for_returns(road: Road) -> list[Right]:
    """Return what the handler needs for records that it returns, which a good run has none of."""
    return [Right(road.queue.arn, "sqs:ChangeMessageVisibility")] if road.settings.queue_url else []


def needed_for_inference(road: Road) -> Right:
    return Right(road.endpoint_arn, "sagemaker:InvokeEndpoint")


def needed_by_handler(road: Road) -> list[Right]:
    """Return what the function's own calls need, besides the endpoint."""
    rights = [Right(queue.arn, "sqs:SendMessage") for queue in (road.results, road.dead_letters)]
    if table_arn := road.idempotency_table_arn:
        rights += (Right(table_arn, action) for action in ("dynamodb:PutItem", "dynamodb:BatchWriteItem"))
    return rights


def missing(aws: Aws, role_arn: str, rights: Iterable[Right]) -> list[Right]:
    """Return those rights that the role's policies, according to the policy simulator, do not give."""
    return list(_missing(aws, role_arn, rights))


def require(aws: Aws, role_arn: str, rights: Iterable[Right]) -> None:
    """Raise DeniedError if the role lacks any of the rights."""
    if lacking := missing(aws, role_arn, rights):
        raise DeniedError(role_arn, lacking)


def denial_of_inference(aws: Aws, road: Road) -> str | None:
    """Return SageMaker's words for it, if the function may not invoke the endpoint."""
    right = needed_for_inference(road)
    if not missing(aws, road.role_arn, [right]):
        return None
    caller = f"{road.role_arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{road.function_name}"
    reason = f"because no identity-based policy allows the {right.action} action"
    return f"User: {caller} is not authorized to perform: {right.action} on resource: {right.resource} {reason}"


def explain(aws: Aws, road: Road, message: str) -> LocalRunError:
    """Return what a failed invocation's message means: the missing rights, if it tells of a denied action."""
    if found := DENIED_ACTION.search(message):
        own = (*needed_by_handler(road), needed_for_inference(road))
        if lacking := missing(aws, road.role_arn, (right for right in own if right.action == found["action"])):
            return DeniedError(road.role_arn, lacking)
    return LocalRunError(f"the function failed: {message}")


def _missing(aws: Aws, role_arn: str, rights: Iterable[Right]) -> Iterator[Right]:
    for resource, group in itertools.groupby(sorted(rights), key=lambda right: right.resource):
        actions = [right.action for right in group]
        answer = aws.iam.simulate_principal_policy(
            PolicySourceArn=role_arn, ActionNames=actions, ResourceArns=[resource]
        )
        for result in answer["EvaluationResults"]:
            if result["EvalDecision"] != "allowed":
                yield Right(resource, result["EvalActionName"])
