"""Application Auto Scaling: scalable targets, which are variants of endpoints, with policies and scheduled actions."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from local.control_plane.endpoints import IN_SERVICE
from local.control_plane.rules import Refused, Rule
from local.control_plane.state import Endpoint, Fields, State, deregister, variants_of

# Of the variant, what each dimension scales.
INSTANCES, CONCURRENCY = "sagemaker:variant:DesiredInstanceCount", "sagemaker:variant:DesiredProvisionedConcurrency"
# https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
SERVICE_ROLE = (
    "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
SCHEDULE = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)|rate\(\d+ \w+\)|cron\(\S+( \S+){5}\)")
# Operations of which two on one target must not overlap.
CHANGES = (
    "RegisterScalableTarget",
    "DeregisterScalableTarget",
    "PutScalingPolicy",
    "DeleteScalingPolicy",
    "PutScheduledAction",
    "DeleteScheduledAction",
)


class Scaling:
    """The operations of Application Auto Scaling. No policy or schedule ever acts: here is no load, and no day."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._under_way: set[str] = set()
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "RegisterScalableTarget": self.register,
            "DescribeScalableTargets": self.describe_targets,
            "DeregisterScalableTarget": self.deregister,
            "PutScalingPolicy": self.put_policy,
            "DescribeScalingPolicies": self.describe_policies,
            "DeleteScalingPolicy": self.delete_policy,
            "PutScheduledAction": self.put_scheduled_action,
            "DescribeScheduledActions": self.describe_scheduled_actions,
            "DeleteScheduledAction": self.delete_scheduled_action,
            "ListTagsForResource": self.list_tags,
            "TagResource": self.tag,
            "UntagResource": self.untag,
        }

    def begin(self, resource: str) -> None:
        """Mark the target as being changed. Raises Refused if it is already."""
        if resource in self._under_way:
            message = f"You already have a pending update to an Auto Scaling resource: {resource}."
            raise Refused(Rule.ONE_AT_A_TIME, message, code="ConcurrentUpdateException")
        self._under_way.add(resource)

    def end(self, resource: str) -> None:
        self._under_way.discard(resource)

    def register(self, request: Fields) -> Fields:
        state, key = self._state, _key(request)
        target = state.targets.get(key, {})
        endpoint, variant = self._variant(request["ResourceId"], request["ScalableDimension"])
        least, most = self._bounds(request, target, endpoint, variant)
        arn = target.get("ScalableTargetARN") or state.arn(
            "application-autoscaling", f"scalable-target/{uuid4().hex[:26]}"
        )
        state.targets[key] = {
            "ServiceNamespace": request["ServiceNamespace"],
            "ResourceId": request["ResourceId"],
            "ScalableDimension": request["ScalableDimension"],
            "MinCapacity": least,
            "MaxCapacity": most,
            "RoleARN": f"arn:aws:iam::{state.account}:role/{SERVICE_ROLE}",
            "CreationTime": target.get("CreationTime") or state.now(),
            "SuspendedState": {
                **NOT_SUSPENDED,
                **target.get("SuspendedState", {}),
                **request.get("SuspendedState", {}),
            },
            "ScalableTargetARN": arn,
        }
        state.tags.setdefault(arn, {}).update(request.get("Tags", {}))
        _bring_into(endpoint, variant["VariantName"], least, most)
        return {"ScalableTargetARN": arn}

    def describe_targets(self, request: Fields) -> Fields:
        found = [
            target
            for (resource, dimension), target in self._state.targets.items()
            if resource in request.get("ResourceIds", [resource])
            and dimension == request.get("ScalableDimension", dimension)
        ]
        return {"ScalableTargets": found}

    def deregister(self, request: Fields) -> Fields:
        self._require_target(request)
        deregister(self._state, *_key(request))
        return {}

    def put_policy(self, request: Fields) -> Fields:
        state, key = self._state, (*_key(request), request["PolicyName"])
        self._require_target(request)
        tracking = request.get("TargetTrackingScalingPolicyConfiguration", {})
        kinds = [
            kind for kind in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if kind in tracking
        ]
        if request.get("PolicyType", "StepScaling") == "TargetTrackingScaling" and len(kinds) != 1:
            message = "A target tracking policy needs either a predefined or a customized metric specification."
            raise Refused(Rule.ONE_METRIC, message)
        known = state.policies.get(key, {})
        named = f"resource/sagemaker/{request['ResourceId']}:policyName/{request['PolicyName']}"
        arn = known.get("PolicyARN") or state.arn("autoscaling", f"scalingPolicy:{uuid4()}:{named}")
        created = known.get("CreationTime") or state.now()
        state.policies[key] = {**request, "PolicyARN": arn, "CreationTime": created, "Alarms": []}
        return {"PolicyARN": arn, "Alarms": []}

    def describe_policies(self, request: Fields) -> Fields:
        return {"ScalingPolicies": _selected(self._state.policies, request, "PolicyNames")}

    def delete_policy(self, request: Fields) -> Fields:
        key = (*_key(request), request["PolicyName"])
        if self._state.policies.pop(key, None) is None:
            raise self._nothing("scaling policy", "policy name", request["PolicyName"], request)
        return {}

    def put_scheduled_action(self, request: Fields) -> Fields:
        state, key = self._state, (*_key(request), request["ScheduledActionName"])
        self._require_target(request)
        if (schedule := request.get("Schedule")) is not None and not SCHEDULE.fullmatch(schedule):
            raise Refused(Rule.SCHEDULE, f"Schedule expression {schedule} is not valid.")
        known = state.scheduled_actions.get(key, {})
        named = f"resource/sagemaker/{request['ResourceId']}:scheduledActionName/{request['ScheduledActionName']}"
        arn = known.get("ScheduledActionARN") or state.arn("autoscaling", f"scheduledAction:{uuid4()}:{named}")
        created = known.get("CreationTime") or state.now()
        state.scheduled_actions[key] = {**known, **request, "ScheduledActionARN": arn, "CreationTime": created}
        return {}

    def describe_scheduled_actions(self, request: Fields) -> Fields:
        return {"ScheduledActions": _selected(self._state.scheduled_actions, request, "ScheduledActionNames")}

    def delete_scheduled_action(self, request: Fields) -> Fields:
        key = (*_key(request), request["ScheduledActionName"])
        if self._state.scheduled_actions.pop(key, None) is None:
            raise self._nothing("scheduled action", "scheduled action name", request["ScheduledActionName"], request)
        return {}

    def list_tags(self, request: Fields) -> Fields:
        return {"Tags": self._tags(request["ResourceARN"])}

    def tag(self, request: Fields) -> Fields:
        self._tags(request["ResourceARN"]).update(request["Tags"])
        return {}

    def untag(self, request: Fields) -> Fields:
        tags = self._tags(request["ResourceARN"])
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _tags(self, arn: str) -> dict[str, str]:
        if arn not in self._state.tags:
            message = f"The scalable target {arn} does not exist."
            raise Refused(Rule.SCALING_EXISTS, message, code="ResourceNotFoundException")
        return self._state.tags[arn]

    def _variant(self, resource: str, dimension: str) -> tuple[Endpoint, Fields]:
        """Return the endpoint and its variant. Raises Refused unless the variant can be scaled now."""
        parts = resource.split("/")
        if (
            len(parts) != 4
            or (parts[0], parts[2]) != ("endpoint", "variant")
            or dimension not in (INSTANCES, CONCURRENCY)
        ):
            raise Refused(Rule.VARIANT_EXISTS, f"{resource} is not a SageMaker variant with the dimension {dimension}.")
        endpoint = self._state.endpoints.get(parts[1])
        if endpoint is None:
            raise Refused(Rule.VARIANT_EXISTS, f"The endpoint {parts[1]} does not exist.")
        if endpoint.status != IN_SERVICE:
            raise Refused(Rule.IN_SERVICE, f"The endpoint {parts[1]} is {endpoint.status}, not InService.")
        for variant in variants_of(endpoint.running):
            type_, serverless = variant.get("InstanceType", ""), variant.get("ServerlessConfig", {})
            scaled = type_ if dimension == INSTANCES else serverless.get("ProvisionedConcurrency")
            if variant["VariantName"] == parts[3] and scaled:
                if type_.startswith("ml.t"):
                    message = f"The instance type {type_} of {resource} is burstable and can't be scaled."
                    raise Refused(Rule.BURSTABLE, message)
                return endpoint, {**variant, "asynchronous": "AsyncInferenceConfig" in endpoint.running}
        raise Refused(Rule.VARIANT_EXISTS, f"The endpoint {parts[1]} has no variant {parts[3]} with {dimension}.")

    def _bounds(self, request: Fields, target: Fields, endpoint: Endpoint, variant: Fields) -> tuple[int, int]:
        """Return the least and the most that the target may have; what a known target is not told stays."""
        least, most = (request.get(bound, target.get(bound)) for bound in ("MinCapacity", "MaxCapacity"))
        if least is None or most is None:
            message = "MinCapacity and MaxCapacity are required to register a new scalable target."
            raise Refused(Rule.CAPACITY_BOUNDS, message)
        if least > most:
            message = f"Minimum capacity {least} can't be greater than maximum capacity {most}."
            raise Refused(Rule.CAPACITY_BOUNDS, message)
        if least == 0 and not variant["asynchronous"]:
            name = endpoint.described["EndpointName"]
            message = f"The minimum capacity of {name} can't be 0: it is not an asynchronous endpoint."
            raise Refused(Rule.ZERO_ONLY_ASYNC, message)
        return least, most

    def _require_target(self, request: Fields) -> None:
        if _key(request) not in self._state.targets:
            message = f"No scalable target registered for {_place(request)}"
            raise Refused(Rule.TARGET_EXISTS, message, code="ObjectNotFoundException")

    def _nothing(self, what: str, argument: str, name: str, request: Fields) -> Refused:
        message = f"No {what} found for {_place(request)}, {argument}: {name}"
        return Refused(Rule.SCALING_EXISTS, message, code="ObjectNotFoundException")


def _key(request: Fields) -> tuple[str, str]:
    return request["ResourceId"], request["ScalableDimension"]


def _place(request: Fields) -> str:
    return (
        f"service namespace: {request['ServiceNamespace']}, resource ID: {request['ResourceId']}, "
        f"scalable dimension: {request['ScalableDimension']}"
    )


def _selected(table: Mapping[tuple[str, str, str], Fields], request: Fields, names: str) -> list[Any]:
    return [
        entry
        for (resource, dimension, name), entry in table.items()
        if resource == request.get("ResourceId", resource)
        and dimension == request.get("ScalableDimension", dimension)
        and name in (request.get(names) or [name])
    ]


def _bring_into(endpoint: Endpoint, variant: str, least: int, most: int) -> None:
    """Bring the variant's count between the bounds, as registering does."""
    for kind in ("ProductionVariants", "ShadowProductionVariants"):
        for summary in endpoint.described.get(kind, []):
            if summary["VariantName"] == variant and "CurrentInstanceCount" in summary:
                count = min(max(summary["CurrentInstanceCount"], least), most)
                summary.update(CurrentInstanceCount=count, DesiredInstanceCount=count)
