"""SageMaker's models and endpoint configurations refuse what breaks a rule, and record what AWS lets pass."""

import pytest

from local.control_plane import Rule
from tests.local.control_plane.breaking import breaks, records
from tests.local.control_plane.conftest import HOUR, ROLE, Account, on_instances, serverless

ARN = "arn:aws:sagemaker:eu-central-1:123456789012"


@breaks(
    Rule.API_MODEL,
    "2 validation errors detected: Value '-m' at 'modelName' failed to satisfy constraint: Member must satisfy regular "
    "expression pattern: [a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?; Value 'one' at 'primaryContainer.mode' failed to "
    "satisfy constraint: Member must satisfy enum value set: [SingleModel, MultiModel]",
)
def test_all_that_is_outside_of_the_api_model_is_said_at_once(account: Account) -> None:
    account.sagemaker.create_model(ModelName="-m", PrimaryContainer={"Mode": "one"})


@breaks(
    Rule.API_MODEL,
    "1 validation error detected: Value null at 'productionVariants.1.member.variantName' failed to satisfy "
    "constraint: Member must not be null",
)
def test_a_required_parameter_of_a_list_is_named_by_its_path(account: Account) -> None:
    account.model()
    account.configuration("c", {"ModelName": "m"})


@breaks(
    Rule.KNOWN_OPERATION,
    "The control plane does not know sagemaker StopTrainingJob.",
    code="UnknownOperationException",
)
def test_an_operation_without_rules_is_not_answered(account: Account) -> None:
    account.sagemaker.stop_training_job(TrainingJobName="t")


@breaks(Rule.NAME_FREE, f'Cannot create already existing model "{ARN}:model/m".')
def test_a_model_of_the_same_name(account: Account) -> None:
    account.model()
    account.model()


@breaks(Rule.NAME_FREE, f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/c".')
def test_a_configuration_of_the_same_name(account: Account) -> None:
    account.model()
    account.configuration()
    account.configuration()


@breaks(Rule.EXISTS, f'Could not find model "{ARN}:model/m".')
def test_a_configuration_of_a_model_that_is_not_there(account: Account) -> None:
    account.configuration()


@breaks(Rule.EXISTS, f'Could not find endpoint configuration "{ARN}:endpoint-config/other".')
def test_the_deletion_of_a_configuration_that_is_not_there(account: Account) -> None:
    account.sagemaker.delete_endpoint_config(EndpointConfigName="other")


@breaks(
    Rule.ROLE_KNOWN,
    f"Could not assume role {ROLE}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' "
    "to assume the role.",
)
def test_a_role_that_was_created_seconds_ago(account: Account, role_ages: dict[str, float]) -> None:
    role_ages[ROLE] = 9
    account.model()


def test_a_role_is_known_after_a_while(account: Account, role_ages: dict[str, float]) -> None:
    role_ages[ROLE] = 10
    account.model()
    assert account.plane.resources == ["model m"]


@breaks(
    Rule.ROLE_KNOWN,
    f"Could not assume role {ROLE}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' "
    "to assume the role.",
)
def test_a_role_that_is_not_there(account: Account, role_ages: dict[str, float]) -> None:
    role_ages.clear()
    role_ages["arn:aws:iam::123456789012:role/another"] = HOUR
    account.model()


@breaks(Rule.ONE_VARIANT_EACH, "The names of variants must differ: primary, primary.")
def test_two_variants_of_one_name(account: Account) -> None:
    account.model()
    account.configuration("c", on_instances(), on_instances())


@breaks(Rule.MANAGED_SCALING, "ManagedInstanceScaling is only supported for inference component endpoints.")
def test_managed_instance_scaling_of_a_variant_with_a_model(account: Account) -> None:
    account.model()
    account.configuration("c", on_instances(ManagedInstanceScaling={"Status": "ENABLED", "MinInstanceCount": 1}))


@breaks(Rule.HARDWARE, "The variant primary has no InstanceType and no InitialInstanceCount.")
def test_a_variant_on_nothing(account: Account) -> None:
    account.model()
    account.configuration("c", {"VariantName": "primary", "ModelName": "m"})


@breaks(Rule.HARDWARE, "The variant primary is serverless, and can't have InstanceType.")
def test_a_serverless_variant_on_instances(account: Account) -> None:
    account.model()
    account.configuration("c", {**serverless(), "InstanceType": "ml.m5.xlarge"})


@breaks(Rule.SERVERLESS_ALONE, "Serverless inference does not support multiple variants, data capture.")
def test_a_serverless_configuration_with_data_capture_and_two_variants(account: Account) -> None:
    account.model()
    capture = {
        "InitialSamplingPercentage": 10,
        "DestinationS3Uri": "s3://audit/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    account.configuration("c", serverless(), serverless("other"), DataCaptureConfig=capture)


@breaks(Rule.SERVERLESS_ALONE, "Serverless inference does not support network isolation.")
def test_a_serverless_variant_of_an_isolated_model(account: Account) -> None:
    account.model(EnableNetworkIsolation=True)
    account.configuration("c", serverless())


@breaks(Rule.SERVERLESS_SIZE, "The memory of the variant primary, 1500 MB, is no multiple of 1024 MB.")
def test_serverless_memory_between_the_steps(account: Account) -> None:
    account.model()
    account.configuration("c", serverless(MemorySizeInMB=1500))


@breaks(
    Rule.SERVERLESS_SIZE,
    "The provisioned concurrency of the variant primary, 6, is over its maximum concurrency of 5.",
)
def test_more_provisioned_than_maximum_concurrency(account: Account) -> None:
    account.model()
    account.configuration("c", serverless(ProvisionedConcurrency=6))


@breaks(Rule.SHADOW, "One shadow variant stands beside one production variant, not 1 shadow and 2 production variants.")
def test_a_shadow_beside_two_variants(account: Account) -> None:
    account.model()
    shadow = [on_instances("shadow")]
    account.configuration("c", on_instances(), on_instances("other"), ShadowProductionVariants=shadow)


@breaks(Rule.LOCAL_STORAGE, "KmsKeyId is not supported for the instance type ml.m5d.xlarge.")
def test_a_volume_key_for_storage_that_the_instance_has(account: Account) -> None:
    account.model()
    account.configuration("c", on_instances(InstanceType="ml.m5d.xlarge"), KmsKeyId="k")


@pytest.mark.parametrize("type_", ["ml.m5.xlarge", "ml.c6i.xlarge", "ml.p3.2xlarge", "ml.inf1.xlarge"])
def test_a_volume_key_for_a_volume(account: Account, type_: str) -> None:
    account.model()
    account.configuration("c", on_instances(InstanceType=type_), KmsKeyId="k")
    assert "endpoint configuration c" in account.plane.resources


@records(Rule.MODEL_IN_USE, "the model m was deleted while the endpoint e uses it")
def test_a_model_that_is_deleted_under_an_endpoint(account: Account) -> None:
    account.serving()
    account.sagemaker.delete_model(ModelName="m")
    assert "model m" not in account.plane.resources


@records(Rule.CONFIGURATION_IN_USE, "the endpoint configuration c was deleted while the endpoint e uses it")
def test_a_configuration_that_is_deleted_under_an_endpoint(account: Account) -> None:
    account.serving()
    account.sagemaker.delete_endpoint_config(EndpointConfigName="c")
    assert "endpoint configuration c" not in account.plane.resources


@records(Rule.MODEL_IN_USE)
def test_deletions_after_the_endpoints(account: Account) -> None:
    account.serving()
    account.sagemaker.delete_endpoint(EndpointName="e")
    account.sagemaker.delete_endpoint_config(EndpointConfigName="c")
    account.sagemaker.delete_model(ModelName="m")


@records(
    Rule.CONFIGURATION_IN_USE,
    "the endpoint configuration next was deleted while the endpoint e uses it",
    "the endpoint configuration c was deleted while the endpoint e uses it",
)
def test_a_configuration_that_an_update_is_on_its_way_to(account: Account) -> None:
    account.serving()
    account.configuration("next")
    account.update("next")
    account.sagemaker.delete_endpoint_config(EndpointConfigName="next")
    account.sagemaker.delete_endpoint_config(EndpointConfigName="c")


@records(Rule.CONFIGURATION_IN_USE, "the endpoint configuration c was deleted while the endpoint e uses it")
def test_after_a_rollback_the_old_configuration_is_in_use_again(account: Account) -> None:
    account.serving()
    account.configuration("next")
    account.plane.roll_back_next_update()
    account.update("next")
    account.clock.advance(HOUR)
    account.sagemaker.delete_endpoint_config(EndpointConfigName="next")
    account.sagemaker.delete_endpoint_config(EndpointConfigName="c")


def test_a_violation_says_what_was_done_and_where_the_rule_stands(account: Account) -> None:
    account.serving()
    account.sagemaker.delete_model(ModelName="m")
    assert [str(violation) for violation in account.plane.violations] == [
        "the model m was deleted while the endpoint e uses it (a model is not deleted while an endpoint runs on it: "
        "https://github.com/hashicorp/terraform-provider-aws/issues/46663)"
    ]


def test_tags_are_kept_and_go_with_what_they_are_of(account: Account) -> None:
    account.model(Tags=[{"Key": "stack", "Value": "dev"}])
    arn = f"{ARN}:model/m"
    account.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "us"}])
    account.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["stack"])
    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "us"}]


@breaks(Rule.EXISTS, f'Could not find resource "{ARN}:model/m".')
def test_a_tag_of_nothing(account: Account) -> None:
    account.sagemaker.add_tags(ResourceArn=f"{ARN}:model/m", Tags=[{"Key": "owner", "Value": "us"}])
