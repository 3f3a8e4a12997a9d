"""Application Auto Scaling refuses what breaks a rule, and answers what the Terraform provider reads back."""

import json
import threading
import urllib.error
import urllib.request
from typing import Any

from local.control_plane import ControlPlane, Durations, Rule
from tests.local.control_plane.breaking import breaks
from tests.local.control_plane.conftest import Account, on_instances, serverless, target

PLACE = (
    "service namespace: sagemaker, resource ID: endpoint/e/variant/primary, "
    "scalable dimension: sagemaker:variant:DesiredInstanceCount"
)
GONE = "arn:aws:application-autoscaling:eu-central-1:123456789012:scalable-target/gone"
ABSENT = "ObjectNotFoundException"
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
ASYNC = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://answers/x"}}}


def put_policy(account: Account, name: str = "p", **tracking: Any) -> None:
    account.autoscaling.put_scaling_policy(
        **target(),
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking or TRACKING,
    )


def put_action(account: Account, **more: Any) -> None:
    bounds = {"MinCapacity": 2, "MaxCapacity": 3}
    account.autoscaling.put_scheduled_action(
        **target(), ScheduledActionName="day", ScalableTargetAction=bounds, **{"Schedule": "cron(0 7 * * ? *)", **more}
    )


def test_a_target_with_its_policies_and_actions_is_read_back_and_goes_at_once(account: Account) -> None:
    account.serving()
    account.register(least=2)
    put_policy(account)
    put_action(account, Timezone="Europe/Berlin")
    (registered,) = account.autoscaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target()["ResourceId"]]
    )["ScalableTargets"]
    assert (registered["MinCapacity"], registered["MaxCapacity"]) == (2, 4)
    (policy,) = account.autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    (action,) = account.autoscaling.describe_scheduled_actions(
        ServiceNamespace="sagemaker", ScheduledActionNames=["day"]
    )["ScheduledActions"]
    assert (action["Schedule"], action["Timezone"]) == ("cron(0 7 * * ? *)", "Europe/Berlin")
    account.autoscaling.deregister_scalable_target(**target())
    assert [name for name in account.plane.resources if "scal" in name or "scheduled" in name] == []


def test_registering_brings_the_count_between_the_bounds_and_keeps_what_it_is_not_told(account: Account) -> None:
    account.serving()
    account.register(least=2)
    account.autoscaling.register_scalable_target(**target(), MinCapacity=3)
    (registered,) = account.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (registered["MinCapacity"], registered["MaxCapacity"]) == (3, 4)
    (variant,) = account.sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 3


@breaks(Rule.IN_SERVICE, "The endpoint e is Creating, not InService.")
def test_a_target_on_an_endpoint_that_is_still_coming_up(account: Account) -> None:
    account.model()
    account.configuration()
    account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    account.register()


@breaks(Rule.IN_SERVICE, "The endpoint e is Updating, not InService.")
def test_a_target_on_an_endpoint_that_is_being_updated(account: Account) -> None:
    account.serving()
    account.update("c")
    account.register()


@breaks(Rule.VARIANT_EXISTS, "The endpoint e has no variant b with sagemaker:variant:DesiredInstanceCount.")
def test_a_target_on_a_variant_that_is_not_there(account: Account) -> None:
    account.serving()
    account.register("b")


@breaks(Rule.VARIANT_EXISTS, "The endpoint e does not exist.")
def test_a_target_on_an_endpoint_that_is_not_there(account: Account) -> None:
    account.register()


@breaks(Rule.VARIANT_EXISTS, "The endpoint e has no variant primary with sagemaker:variant:DesiredInstanceCount.")
def test_a_count_of_instances_for_a_serverless_variant(account: Account) -> None:
    account.serving(serverless(ProvisionedConcurrency=2))
    account.register()


def test_the_provisioned_concurrency_of_a_serverless_variant_scales(account: Account) -> None:
    account.serving(serverless(ProvisionedConcurrency=2))
    dimension = {"ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"}
    account.autoscaling.register_scalable_target(**{**target(), **dimension}, MinCapacity=1, MaxCapacity=3)
    assert "scalable target endpoint/e/variant/primary" in account.plane.resources


@breaks(Rule.CAPACITY_BOUNDS, "MinCapacity and MaxCapacity are required to register a new scalable target.")
def test_a_new_target_with_one_bound(account: Account) -> None:
    account.serving()
    account.autoscaling.register_scalable_target(**target(), MaxCapacity=3)


@breaks(Rule.CAPACITY_BOUNDS, "Minimum capacity 5 can't be greater than maximum capacity 4.")
def test_a_minimum_over_the_maximum(account: Account) -> None:
    account.serving()
    account.register(least=5)


@breaks(Rule.ZERO_ONLY_ASYNC, "The minimum capacity of e can't be 0: it is not an asynchronous endpoint.")
def test_a_real_time_endpoint_at_zero(account: Account) -> None:
    account.serving()
    account.register(least=0)


def test_an_asynchronous_endpoint_may_go_to_zero(account: Account) -> None:
    account.serving(**ASYNC)
    account.register(least=0)
    assert "scalable target endpoint/e/variant/primary" in account.plane.resources


@breaks(
    Rule.BURSTABLE, "The instance type ml.t2.medium of endpoint/e/variant/primary is burstable and can't be scaled."
)
def test_a_burstable_instance(account: Account) -> None:
    account.serving(on_instances(InstanceType="ml.t2.medium"))
    account.register()


@breaks(Rule.TARGET_EXISTS, f"No scalable target registered for {PLACE}", code=ABSENT)
def test_a_policy_without_a_target(account: Account) -> None:
    put_policy(account)


@breaks(Rule.TARGET_EXISTS, f"No scalable target registered for {PLACE}", code=ABSENT)
def test_a_scheduled_action_without_a_target(account: Account) -> None:
    put_action(account)


@breaks(Rule.TARGET_EXISTS, f"No scalable target registered for {PLACE}", code=ABSENT)
def test_a_target_that_is_deregistered_twice(account: Account) -> None:
    account.serving()
    account.register()
    account.autoscaling.deregister_scalable_target(**target())
    account.autoscaling.deregister_scalable_target(**target())


@breaks(Rule.SCALING_EXISTS, f"No scaling policy found for {PLACE}, policy name: q", code=ABSENT)
def test_the_deletion_of_a_policy_that_is_not_there(account: Account) -> None:
    account.serving()
    account.register()
    put_policy(account)
    account.autoscaling.delete_scaling_policy(**target(), PolicyName="q")


@breaks(Rule.SCALING_EXISTS, f"No scheduled action found for {PLACE}, scheduled action name: night", code=ABSENT)
def test_the_deletion_of_a_scheduled_action_that_is_not_there(account: Account) -> None:
    account.autoscaling.delete_scheduled_action(**target(), ScheduledActionName="night")


@breaks(Rule.ONE_METRIC, "A target tracking policy needs either a predefined or a customized metric specification.")
def test_a_policy_that_tracks_nothing(account: Account) -> None:
    account.serving()
    account.register()
    put_policy(account, TargetValue=4.0)


@breaks(Rule.SCHEDULE, "Schedule expression every day is not valid.")
def test_a_schedule_that_is_no_expression(account: Account) -> None:
    account.serving()
    account.register()
    put_action(account, Schedule="every day")


@breaks(
    Rule.ONE_AT_A_TIME,
    "You already have a pending update to an Auto Scaling resource: endpoint/e/variant/primary.",
    code="ConcurrentUpdateException",
)
def test_a_change_of_a_target_that_is_being_changed(account: Account) -> None:
    account.serving()
    account.register()
    with account.plane.scaling_under_way(target()["ResourceId"]):
        put_policy(account)


def test_changes_one_after_the_other_and_of_other_targets_are_taken(account: Account) -> None:
    account.serving(on_instances(), on_instances("b"))
    account.register()
    with account.plane.scaling_under_way(target()["ResourceId"]):
        account.register("b")
    put_policy(account, "p")
    put_policy(account, "q")
    assert [name for name in account.plane.resources if "policy" in name] == ["scaling policy p", "scaling policy q"]


def test_a_call_is_under_way_for_as_long_as_it_takes() -> None:
    waiting, go_on, seconds = threading.Event(), threading.Event(), []

    def wait(duration: float) -> None:
        seconds.append(duration)
        waiting.set()
        assert go_on.wait(10), "the test has ended without letting the call go on"

    with ControlPlane(durations=Durations(scaling_call=0.3), wait=wait) as plane:
        first = threading.Thread(target=_register, args=(plane,))
        first.start()
        assert waiting.wait(10)
        assert _register(plane) == "ConcurrentUpdateException"
        go_on.set()
        first.join()
    assert seconds == [0.3]


def _register(plane: ControlPlane) -> str:
    """Register a target that does not exist; return the code of the refusal."""
    body = json.dumps({**target(), "MinCapacity": 1, "MaxCapacity": 2}).encode()
    headers = {"X-Amz-Target": "AnyScaleFrontendService.RegisterScalableTarget"}
    try:
        urllib.request.urlopen(urllib.request.Request(plane.url, body, headers))
    except urllib.error.HTTPError as error:
        return str(json.loads(error.read())["__type"])
    return ""


def test_tags_of_a_target_are_kept(account: Account) -> None:
    account.serving()
    arn = account.autoscaling.register_scalable_target(**target(), MinCapacity=1, MaxCapacity=2, Tags={"a": "1"})[
        "ScalableTargetARN"
    ]
    account.autoscaling.tag_resource(ResourceARN=arn, Tags={"b": "2"})
    account.autoscaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert account.autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}


@breaks(Rule.SCALING_EXISTS, f"The scalable target {GONE} does not exist.", code="ResourceNotFoundException")
def test_a_tag_of_nothing(account: Account) -> None:
    account.autoscaling.tag_resource(ResourceARN=GONE, Tags={"b": "2"})
