"""Variants, what they run on and what scales them; what is kept of requests; networks, keys and roles."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    ExistingEndpoint,
    ExistingRole,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    ModelEndpoint,
    ServerlessCapacity,
    SettingsError,
    Variant,
    VpcSettings,
)

import pytest
from cdktf import TerraformStack

from tests.constructs.synthesized import Synthesized

HUB = HuggingFaceModel(model_id="owner/model", task="text-classification")
CONTAINER = ContainerModel(image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/scorer:1.2")
INSTANCES = InstanceCapacity(instance_type="ml.c7i.xlarge")
FIXED = replace(INSTANCES, min_instances=2, max_instances=2)
GREEN = Variant(name="green", capacity=FIXED, model=CONTAINER, weight=3)
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://work/in/", output_location="s3://work/out/", max_instances=3
)
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/5678abcd"
VPC = VpcSettings(subnet_ids=("subnet-0a1", "subnet-0b2"), security_group_ids=("sg-0c3",))
CONFIGURATION = "aws_sagemaker_endpoint_configuration"

SynthPipeline = Callable[..., Synthesized]
SynthInPlainStack = Callable[[Callable[[TerraformStack], object]], Synthesized]


def _endpoint(**settings: Any) -> EndpointSettings:
    return EndpointSettings(**{"model": HUB, "capacity": INSTANCES, **settings})


def _statements(synthesized: Synthesized, policy: str) -> list[tuple[list[str], list[str], Any]]:
    return [
        (
            statement["Action"],
            [synthesized.readable(resource) for resource in statement["Resource"]],
            json.loads(synthesized.readable(json.dumps(statement.get("Condition")))),
        )
        for statement in synthesized.policies("endpoint")[policy]
    ]


def _via(service: str) -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": f"{service}.eu-central-1.amazonaws.com"}}


def test_variants_share_the_requests_by_weight(synth_pipeline: SynthPipeline) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(weight=7, more_variants=(GREEN,)))
    configuration = synthesized.one(CONFIGURATION)
    primary, green = configuration["production_variants"]
    assert [(v["variant_name"], v["initial_variant_weight"]) for v in (primary, green)] == [
        ("primary", 7),
        ("green", 3),
    ]
    models = synthesized.all("aws_sagemaker_model")
    assert len(models) == 2
    assert models["language_endpoint_model-green"]["primary_container"] == {"image": CONTAINER.image_uri}
    assert synthesized.reference("aws_sagemaker_model", "model-green") in green["model_name"]
    # Scaling owns the first one's count alone: the second's is fixed.
    assert configuration["lifecycle"]["ignore_changes"] == ["production_variants[0].initial_instance_count"]
    assert [t["resource_id"] for t in synthesized.all("aws_appautoscaling_target").values()] == [
        "endpoint/dev-language/variant/primary"
    ]


def test_each_variant_scales_by_itself(synth_pipeline: SynthPipeline) -> None:
    green = replace(GREEN, capacity=replace(INSTANCES, max_instances=9))
    synthesized = synth_pipeline(endpoint=_endpoint(more_variants=(green,)))
    targets = synthesized.all("aws_appautoscaling_target").values()
    assert {target["resource_id"]: target["max_capacity"] for target in targets} == {
        "endpoint/dev-language/variant/primary": 4,
        "endpoint/dev-language/variant/green": 9,
    }
    assert synthesized.one(CONFIGURATION)["lifecycle"]["ignore_changes"] == [
        "production_variants[0].initial_instance_count",
        "production_variants[1].initial_instance_count",
    ]


@pytest.mark.parametrize("model", [None, HUB, replace(HUB)])
def test_variants_with_the_same_model_share_it(synth_pipeline: SynthPipeline, model: HuggingFaceModel | None) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(more_variants=(replace(GREEN, model=model),)))
    reference = synthesized.reference("aws_sagemaker_model")
    variants = synthesized.one(CONFIGURATION)["production_variants"]
    assert [variant["model_name"] for variant in variants] == [f"${{{reference}.name}}"] * 2


def test_a_shadow_gets_copies_of_requests(synth_pipeline: SynthPipeline) -> None:
    shadow = replace(GREEN, name="shadow", weight=1, capacity=INSTANCES)
    synthesized = synth_pipeline(endpoint=_endpoint(shadow=shadow))
    configuration = synthesized.one(CONFIGURATION)
    (copy,) = configuration["shadow_production_variants"]
    assert copy == {
        "variant_name": "shadow",
        "model_name": f"${{{synthesized.reference('aws_sagemaker_model', 'model-shadow')}.name}}",
        "initial_variant_weight": 1,
        "instance_type": "ml.c7i.xlarge",
        "initial_instance_count": 1,
        "routing_config": [{"routing_strategy": "LEAST_OUTSTANDING_REQUESTS"}],
    }
    assert "shadow_production_variants[0].initial_instance_count" in configuration["lifecycle"]["ignore_changes"]


def test_the_hardware_of_a_variant_is_what_was_asked_for(synth_pipeline: SynthPipeline) -> None:
    capacity = replace(
        FIXED,
        volume_gib=64,
        model_download_timeout_seconds=600,
        startup_timeout_seconds=900,
        inference_ami_version="al2-ami-sagemaker-inference-gpu-2",
        routing_strategy="RANDOM",
    )
    (variant,) = synth_pipeline(endpoint=_endpoint(capacity=capacity)).one(CONFIGURATION)["production_variants"]
    del variant["model_name"]
    assert variant == {
        "variant_name": "primary",
        "initial_variant_weight": 1,
        "instance_type": "ml.c7i.xlarge",
        "initial_instance_count": 2,
        "volume_size_in_gb": 64,
        "model_data_download_timeout_in_seconds": 600,
        "container_startup_health_check_timeout_in_seconds": 900,
        "inference_ami_version": "al2-ami-sagemaker-inference-gpu-2",
        "routing_config": [{"routing_strategy": "RANDOM"}],
    }


def test_warm_serverless_containers_are_kept(synth_pipeline: SynthPipeline) -> None:
    fixed = ServerlessCapacity(provisioned_concurrency=2)
    scaled = replace(fixed, max_provisioned_concurrency=5)
    for capacity in (fixed, scaled):
        configuration = synth_pipeline(endpoint=_endpoint(capacity=capacity)).one(CONFIGURATION)
        (variant,) = configuration["production_variants"]
        assert variant["serverless_config"]["provisioned_concurrency"] == 2
        ignored = configuration["lifecycle"].get("ignore_changes", [])
        path = "production_variants[0].serverless_config[0].provisioned_concurrency"
        assert ignored == ([path] if capacity is scaled else [])


def test_warm_containers_that_begin_to_scale_take_nothing_over_from_a_configuration_without_any(
    synth_pipeline: SynthPipeline,
) -> None:
    cold, scaled = ServerlessCapacity(), ServerlessCapacity(provisioned_concurrency=2, max_provisioned_concurrency=10)
    made = [synth_pipeline(endpoint=_endpoint(capacity=capacity)) for capacity in (cold, scaled)]
    assert len({synthesized.one(CONFIGURATION)["name"] for synthesized in made}) == 2
    assert [list(synthesized.all(CONFIGURATION)) for synthesized in made] == [
        ["language_endpoint_configuration"],
        ["language_endpoint_configuration-scaled"],
    ]
    ranged = replace(scaled, provisioned_concurrency=3)
    assert (
        synth_pipeline(endpoint=_endpoint(capacity=ranged)).one(CONFIGURATION)["name"]
        == made[1].one(CONFIGURATION)["name"]
    )


def test_requests_and_answers_are_captured(synth_pipeline: SynthPipeline) -> None:
    capture = DataCapture(location="s3://audit/language/", sampling_percent=20, kms_key_arn=KEY)
    synthesized = synth_pipeline(endpoint=_endpoint(data_capture=capture))
    assert synthesized.one(CONFIGURATION)["data_capture_config"] == {
        "enable_capture": True,
        "initial_sampling_percentage": 20,
        "destination_s3_uri": "s3://audit/language/",
        "kms_key_id": KEY,
        "capture_options": [{"capture_mode": "Input"}, {"capture_mode": "Output"}],
    }
    put = (["s3:PutObject"], ["arn:PARTITION:s3:::audit/language/*"], None)
    assert _statements(synthesized, "capture-data") == [put]
    assert _statements(synthesized, "use-keys") == [(["kms:Decrypt", "kms:GenerateDataKey"], [KEY], _via("s3"))]


def test_answers_alone_are_captured(synth_pipeline: SynthPipeline) -> None:
    capture = DataCapture(location="s3://audit/language/", requests=False)
    configuration = synth_pipeline(endpoint=_endpoint(data_capture=capture)).one(CONFIGURATION)
    assert configuration["data_capture_config"]["capture_options"] == [{"capture_mode": "Output"}]


def test_a_model_in_a_vpc_may_make_interfaces_in_its_subnets_alone(synth_pipeline: SynthPipeline) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(vpc=VPC))
    assert synthesized.one("aws_sagemaker_model")["vpc_config"] == {
        "subnets": ["subnet-0a1", "subnet-0b2"],
        "security_group_ids": ["sg-0c3"],
    }
    arn = "arn:PARTITION:ec2:eu-central-1:ACCOUNT:{}".format
    subnets = [arn("subnet/subnet-0a1"), arn("subnet/subnet-0b2")]
    create, change, describe = _statements(synthesized, "use-network")
    assert create == (
        ["ec2:CreateNetworkInterface"],
        [arn("network-interface/*"), *subnets, arn("security-group/sg-0c3")],
        None,
    )
    assert change == (
        [
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        ],
        [arn("network-interface/*")],
        {"ArnEquals": {"ec2:Subnet": subnets}},
    )
    assert describe[1] == ["*"]
    assert all(action.startswith("ec2:Describe") for action in describe[0])


def test_customer_keys_are_used_through_their_service_alone(synth_pipeline: SynthPipeline) -> None:
    settings = _endpoint(
        model=replace(CONTAINER, model_data_url="s3://models/a.tar.gz"),
        volume_key_arn=KEY,
        bucket_key_arns=(OTHER_KEY,),
        log_key_arn=KEY,
    )
    synthesized = synth_pipeline(endpoint=settings)
    assert synthesized.one(CONFIGURATION)["kms_key_arn"] == KEY
    assert synthesized.one("aws_cloudwatch_log_group", "endpoint")["kms_key_id"] == KEY
    assert _statements(synthesized, "use-keys") == [
        (["kms:Decrypt"], [OTHER_KEY], _via("s3")),
        (["kms:CreateGrant"], [KEY], {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        (["kms:DescribeKey"], [KEY], None),
    ]


def test_an_existing_role_gets_the_policies(synth_pipeline: SynthPipeline) -> None:
    role = ExistingRole(arn="arn:aws:iam::123456789012:role/ml/scorer")
    synthesized = synth_pipeline(endpoint=_endpoint(role=role))
    assert synthesized.one("aws_sagemaker_model")["execution_role_arn"] == role.arn
    assert not any("endpoint" in name for name in synthesized.all("aws_iam_role"))
    policies = [p for p in synthesized.all("aws_iam_role_policy").values() if p["role"] == "scorer"]
    assert {re.sub("-[0-9a-f]{8}$", "-HASH", policy["name"]) for policy in policies} == {
        "dev-language-endpoint-pull-image-HASH",
        "dev-language-endpoint-watch-alarms-HASH",
        "dev-language-endpoint-write-logs-and-metrics",
    }
    bare = synth_pipeline(endpoint=_endpoint(role=replace(role, attach_policies=False)))
    assert not any(p["role"] == "scorer" for p in bare.all("aws_iam_role_policy").values())


def test_asynchronous_answers_leave_by_s3_and_topics(synth_in_plain_stack: SynthInPlainStack) -> None:
    topics = tuple(f"arn:aws:sns:eu-central-1:123456789012:scorer-{name}" for name in ("success", "error"))
    capacity = replace(ASYNC, failure_location="s3://work/failed/", output_key_arn=KEY)

    def build(stack: TerraformStack) -> None:
        settings = EndpointSettings(model=CONTAINER, capacity=capacity)
        ModelEndpoint(stack, "endpoint", name="scorer", settings=settings, notifications=(topics[0], topics[1]))

    synthesized = synth_in_plain_stack(build)
    configuration = synthesized.one(CONFIGURATION)
    assert configuration["async_inference_config"] == {
        "client_config": {"max_concurrent_invocations_per_instance": 4},
        "output_config": {
            "s3_output_path": "s3://work/out/",
            "s3_failure_path": "s3://work/failed/",
            "kms_key_id": KEY,
            "notification_config": {"success_topic": topics[0], "error_topic": topics[1]},
        },
    }
    # SageMaker starts no endpoint without instances; scaling then takes them away.
    assert configuration["production_variants"][0]["initial_instance_count"] == 1
    assert configuration["lifecycle"]["ignore_changes"] == ["production_variants[0].initial_instance_count"]
    statements = {
        (action, synthesized.readable(resource))
        for policy in ("exchange-objects", "notify")
        for statement in synthesized.policies("endpoint")[policy]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    assert statements == {
        ("s3:GetObject", "arn:PARTITION:s3:::work/in/*"),
        ("s3:PutObject", "arn:PARTITION:s3:::work/out/*"),
        ("s3:AbortMultipartUpload", "arn:PARTITION:s3:::work/out/*"),
        ("s3:PutObject", "arn:PARTITION:s3:::work/failed/*"),
        ("s3:AbortMultipartUpload", "arn:PARTITION:s3:::work/failed/*"),
        *(("sns:Publish", topic) for topic in topics),
    }
    (key,) = synthesized.policies("endpoint")["use-keys"]
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], [KEY])


def test_nothing_is_made_of_an_endpoint_that_exists(synth_pipeline: SynthPipeline) -> None:
    synthesized = synth_pipeline(
        endpoint=ExistingEndpoint(name="shared", concurrent_requests=100),
        inference=InferenceSettings(inference_component_name="scorer"),
    )
    assert not any(kind.startswith("aws_sagemaker") for kind in synthesized.document["resource"])
    assert synthesized.document["output"]["language_endpoint_name"]["value"] == "shared"
    assert synthesized.one("aws_lambda_function")["environment"]["variables"]["ENDPOINT_NAME"] == "shared"
    (invoke,) = synthesized.policies("function")["invoke-endpoint"]
    assert [synthesized.readable(resource) for resource in invoke["Resource"]] == [
        "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT:endpoint/shared",
        "arn:PARTITION:sagemaker:eu-central-1:ACCOUNT:inference-component/scorer",
    ]
    mapping = synthesized.one("aws_lambda_event_source_mapping")
    assert all(address.startswith("aws_iam_role_policy.") for address in mapping["depends_on"])
    assert mapping["scaling_config"]["maximum_concurrency"] == 50


def test_the_event_source_keeps_to_the_variant_that_is_full_first(synth_pipeline: SynthPipeline) -> None:
    """Half of the requests go to green, whose 2 instances take 8 at once: 16 in all, 8 invocations of 2 each."""
    green = replace(GREEN, weight=1)
    large = replace(INSTANCES, max_instances=100)
    mapping = synth_pipeline(endpoint=_endpoint(capacity=large, more_variants=(green,))).one(
        "aws_lambda_event_source_mapping"
    )
    assert mapping["scaling_config"]["maximum_concurrency"] == 8


@pytest.mark.parametrize(
    "changed",
    [
        _endpoint(weight=2),
        _endpoint(capacity=replace(INSTANCES, volume_gib=64)),
        _endpoint(capacity=replace(INSTANCES, routing_strategy="RANDOM")),
        _endpoint(data_capture=DataCapture(location="s3://audit/")),
        _endpoint(volume_key_arn=KEY),
        _endpoint(more_variants=(GREEN,)),
        _endpoint(shadow=GREEN),
        _endpoint(vpc=VPC),
    ],
)
def test_whatever_a_configuration_is_made_of_is_in_its_name(
    synth_pipeline: SynthPipeline, changed: EndpointSettings
) -> None:
    before, after = (synth_pipeline(endpoint=endpoint).one(CONFIGURATION) for endpoint in (_endpoint(), changed))
    assert before["name"] != after["name"]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (_endpoint(capacity=replace(INSTANCES, min_instances=2)), "production_variants[0].initial_instance_count"),
        (
            _endpoint(capacity=ServerlessCapacity(provisioned_concurrency=3, max_provisioned_concurrency=9)),
            "production_variants[0].serverless_config[0].provisioned_concurrency",
        ),
    ],
)
def test_what_scaling_owns_is_in_no_name(synth_pipeline: SynthPipeline, changed: EndpointSettings, path: str) -> None:
    capacity = ServerlessCapacity(provisioned_concurrency=2, max_provisioned_concurrency=9)
    base = _endpoint() if isinstance(changed.capacity, InstanceCapacity) else _endpoint(capacity=capacity)
    before, after = (synth_pipeline(endpoint=endpoint).one(CONFIGURATION) for endpoint in (base, changed))
    assert before["name"] == after["name"]
    assert after["lifecycle"]["ignore_changes"] == [path]


MANY = tuple(replace(GREEN, name=f"v{number}") for number in range(10))
MULTI = ContainerModel(image_uri=CONTAINER.image_uri, model_data_prefix="s3://models/", multi_model=True)
NOT_SERVERLESS = "(not a feature of serverless endpoints)"


@pytest.mark.parametrize(
    ("endpoint", "texts"),
    [
        (
            _endpoint(more_variants=MANY),
            ["more_variants = '10 variants': must be at most 9 of them (SageMaker ProductionVariants)"],
        ),
        (
            _endpoint(more_variants=(replace(GREEN, name="primary"),)),
            [
                "more_variants[0].name = 'primary': must be another name than the other variants' (SageMaker "
                "VariantName)"
            ],
        ),
        (
            _endpoint(weight=0),
            ["weight = 0: must be 1 or more, of one variant at least (no variant would get requests)"],
        ),
        (
            _endpoint(more_variants=(GREEN,), shadow=replace(GREEN, name="shadow")),
            ["more_variants = ['green']: must be none with shadow (SageMaker ShadowProductionVariants)"],
        ),
        (
            _endpoint(model=MULTI, shadow=GREEN),
            ["model.multi_model = True: must be False with shadow (SageMaker ShadowProductionVariants)"],
        ),
        (
            _endpoint(shadow=replace(GREEN, capacity=replace(FIXED, instance_type="ml.inf1.xlarge"))),
            [
                "shadow.capacity.instance_type = 'ml.inf1.xlarge': must be another than ml.inf1.* with shadow "
                "(SageMaker ShadowProductionVariants)"
            ],
        ),
        (
            _endpoint(capacity=ASYNC, more_variants=(GREEN,)),
            [
                "more_variants = ['green']: must be none on an asynchronous endpoint (it scales on a backlog that "
                "counts for the endpoint as a whole)"
            ],
        ),
        (
            _endpoint(capacity=ASYNC, shadow=GREEN),
            ["shadow = 'green': must be None on an asynchronous endpoint (SageMaker ShadowProductionVariants)"],
        ),
        (
            _endpoint(network_isolation=True),
            [
                "model = 'owner/model': must be no Hub model with network_isolation (its container loads it from the "
                "Hub)"
            ],
        ),
        (
            _endpoint(
                model=MULTI,
                capacity=ServerlessCapacity(),
                more_variants=(GREEN,),
                deployment=Deployment(strategy="canary"),
                data_capture=DataCapture(location="s3://audit/"),
                vpc=VPC,
                network_isolation=True,
            ),
            [
                f"more_variants = 'set': must be none on serverless capacity {NOT_SERVERLESS}",
                f"data_capture = 'set': must be None on serverless capacity {NOT_SERVERLESS}",
                f"vpc = 'set': must be None on serverless capacity {NOT_SERVERLESS}",
                f"network_isolation = True: must be False on serverless capacity {NOT_SERVERLESS}",
                f"deployment = 'set': must be left out on serverless capacity {NOT_SERVERLESS}",
                f"model.multi_model = True: must be False on serverless capacity {NOT_SERVERLESS}",
            ],
        ),
        (
            _endpoint(vpc=replace(VPC, security_group_ids=())),
            ["vpc.security_group_ids = (): must be 1 to 5 of them (VpcConfig)"],
        ),
        (
            _endpoint(data_capture=DataCapture(location="s3://audit/", requests=False, answers=False)),
            ["data_capture.answers = False: must be True without requests (nothing would be kept)"],
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    synth_in_plain_stack: SynthInPlainStack, endpoint: EndpointSettings, texts: list[str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(lambda stack: ModelEndpoint(stack, "endpoint", name="scorer", settings=endpoint))
    assert [str(violation).removeprefix("plain/endpoint ") for violation in raised.value.violations] == texts
