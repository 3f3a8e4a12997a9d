"""SageMaker's endpoints come through their states in time, and refuse what breaks a rule."""

from local.control_plane import Rule
from tests.local.control_plane.breaking import breaks
from tests.local.control_plane.conftest import DURATIONS, Account, on_instances, serverless, target

ARN = "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/e"
IN_PROGRESS = f'Cannot update in-progress endpoint "{ARN}".'


def test_an_endpoint_is_in_service_after_its_time(account: Account) -> None:
    account.model()
    account.configuration()
    account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert account.status() == "Creating"
    account.clock.advance(DURATIONS.creating - 1)
    assert account.status() == "Creating"
    account.clock.advance(1)
    endpoint = account.sagemaker.describe_endpoint(EndpointName="e")
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["ProductionVariants"] == [
        {
            "VariantName": "primary",
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            "CurrentInstanceCount": 1,
            "DesiredInstanceCount": 1,
        }
    ]


def test_a_creation_may_fail_and_leaves_an_endpoint_that_can_only_be_deleted(account: Account) -> None:
    account.model()
    account.configuration()
    account.plane.fail_next_creation("no capacity")
    account.endpoint()
    failed = account.sagemaker.describe_endpoint(EndpointName="e")
    assert (failed["EndpointStatus"], failed["FailureReason"]) == ("Failed", "no capacity")
    account.sagemaker.delete_endpoint(EndpointName="e")
    account.clock.advance(DURATIONS.deleting)
    account.endpoint()
    assert account.status() == "InService", "only the next creation fails"


@breaks(Rule.FAILED_IS_FINAL, f'The endpoint "{ARN}" has failed: it can only be deleted.')
def test_the_update_of_a_failed_endpoint(account: Account) -> None:
    account.model()
    account.configuration()
    account.plane.fail_next_creation()
    account.endpoint()
    account.update("c")


def test_an_update_changes_the_configuration_in_the_end(account: Account) -> None:
    account.serving()
    account.configuration("next", on_instances(InitialInstanceCount=3))
    account.update("next")
    during = account.sagemaker.describe_endpoint(EndpointName="e")
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "c")
    account.clock.advance(DURATIONS.updating)
    after = account.sagemaker.describe_endpoint(EndpointName="e")
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "next")
    assert after["ProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_an_update_may_be_rolled_back_and_says_so_only_in_its_reason(account: Account) -> None:
    account.serving()
    account.configuration("next")
    account.plane.roll_back_next_update("alarm a")
    account.update("next")
    assert account.status() == "RollingBack"
    account.clock.advance(DURATIONS.rolling_back)
    after = account.sagemaker.describe_endpoint(EndpointName="e")
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "c")
    assert after["FailureReason"] == "alarm a"
    account.update("next")
    account.clock.advance(DURATIONS.updating)
    assert "FailureReason" not in account.sagemaker.describe_endpoint(EndpointName="e")


def test_a_deletion_takes_its_time(account: Account) -> None:
    account.serving()
    account.sagemaker.delete_endpoint(EndpointName="e")
    assert account.status() == "Deleting"
    account.clock.advance(DURATIONS.deleting)
    assert account.plane.resources == ["model m", "endpoint configuration c"]
    assert account.plane.events[-1].what == "Deleted"


@breaks(Rule.NAME_FREE, f'Cannot create already existing endpoint "{ARN}".')
def test_a_name_is_taken_until_the_deletion_is_through(account: Account) -> None:
    account.serving()
    account.sagemaker.delete_endpoint(EndpointName="e")
    account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")


@breaks(Rule.EXISTS, f'Could not find endpoint "{ARN}".')
def test_the_update_of_an_endpoint_that_is_not_there(account: Account) -> None:
    account.update("c")


@breaks(Rule.EXISTS, 'Could not find model "arn:aws:sagemaker:eu-central-1:123456789012:model/m".')
def test_an_endpoint_of_a_model_that_is_gone(account: Account) -> None:
    account.model()
    account.configuration()
    account.sagemaker.delete_model(ModelName="m")
    account.endpoint()


@breaks(Rule.IN_PROGRESS, IN_PROGRESS)
def test_an_update_while_creating(account: Account) -> None:
    account.model()
    account.configuration()
    account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    account.update("c")


@breaks(Rule.IN_PROGRESS, IN_PROGRESS)
def test_an_update_while_updating(account: Account) -> None:
    account.serving()
    account.configuration("next")
    account.update("next")
    account.update("c")


@breaks(Rule.IN_PROGRESS, IN_PROGRESS)
def test_a_deletion_while_rolling_back(account: Account) -> None:
    account.serving()
    account.plane.roll_back_next_update()
    account.update("c")
    account.sagemaker.delete_endpoint(EndpointName="e")


@breaks(Rule.IN_PROGRESS, IN_PROGRESS)
def test_a_deletion_while_deleting(account: Account) -> None:
    account.serving()
    account.sagemaker.delete_endpoint(EndpointName="e")
    account.sagemaker.delete_endpoint(EndpointName="e")


@breaks(
    Rule.SCALED_TYPE,
    "The instance type can't be changed: the variant primary is registered as a scalable target. Deregister it first.",
)
def test_another_instance_type_for_a_scalable_target(account: Account) -> None:
    account.serving()
    account.register()
    account.configuration("next", on_instances(InstanceType="ml.c5.xlarge"))
    account.update("next")


def test_another_instance_type_after_deregistering(account: Account) -> None:
    account.serving()
    account.register()
    account.configuration("next", on_instances(InstanceType="ml.c5.xlarge"))
    account.autoscaling.deregister_scalable_target(**target())
    account.update("next")
    assert account.status() == "Updating"


def test_another_model_for_a_scalable_target(account: Account) -> None:
    account.serving()
    account.register()
    account.model("better")
    account.configuration("next", on_instances(ModelName="better"))
    account.update("next")
    assert account.status() == "Updating"


@breaks(
    Rule.SCALED_VARIANT,
    "A variant can't be removed: the variant b is registered as a scalable target. Deregister it first.",
)
def test_a_scalable_target_that_would_go(account: Account) -> None:
    account.serving(on_instances(), on_instances("b"))
    account.register("b")
    account.configuration("next", on_instances())
    account.update("next")


@breaks(Rule.SERVERLESS_STAYS_OUT, f'The endpoint "{ARN}" runs on instances and can\'t be updated to a serverless one.')
def test_instances_that_become_serverless(account: Account) -> None:
    account.serving()
    account.configuration("next", serverless())
    account.update("next")


@breaks(Rule.SERVERLESS_STAYS_OUT, f'The endpoint "{ARN}" runs on instances and can\'t be updated to a serverless one.')
def test_instances_that_become_serverless_after_their_configuration_is_gone(account: Account) -> None:
    account.serving()
    account.configuration("next", serverless())
    account.sagemaker.delete_endpoint_config(EndpointConfigName="c")
    account.update("next")


def test_serverless_may_become_instances_once(account: Account) -> None:
    account.serving(serverless())
    account.configuration("next", on_instances())
    account.update("next")
    assert account.status() == "Updating"


def test_an_update_forgets_scaled_counts_unless_they_are_retained(account: Account) -> None:
    account.serving()
    account.register(least=3)
    for retained, count in ((True, 3), (False, 1)):
        account.update("c", RetainAllVariantProperties=retained)
        account.clock.advance(DURATIONS.updating)
        (variant,) = account.sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"]
        assert variant["CurrentInstanceCount"] == count


def test_a_deletion_takes_the_scaling_with_it(account: Account) -> None:
    account.serving()
    account.register()
    account.sagemaker.delete_endpoint(EndpointName="e")
    assert account.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_what_happened_can_be_told_in_order(account: Account) -> None:
    account.serving()
    account.configuration("next")
    account.update("next")
    account.clock.advance(DURATIONS.updating)
    start = 1_700_000_000.0
    assert [(event.at - start, event.what, event.name) for event in account.plane.events] == [
        (0, "CreateModel", "m"),
        (0, "CreateEndpointConfig", "c"),
        (0, "CreateEndpoint", "e"),
        (100, "InService", "e"),
        (100, "CreateEndpointConfig", "next"),
        (100, "UpdateEndpoint", "e"),
        (300, "InService", "e"),
    ]
