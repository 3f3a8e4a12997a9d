"""Everything locked down: own network and keys, no network access for the containers, signed code, canaries, alarms.

docs/keys.md has the policy that the key needs, and docs/network.md what the network must reach.
"""

from constructs_lib import (
    CodeSigning,
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    ResultsSettings,
    S3StateSettings,
    StackSettings,
    VpcSettings,
    synthesize,
)

REGION = "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
NETWORK = VpcSettings(
    subnet_ids=("subnet-0a1b2c3d4e5f60718", "subnet-18f7e6d5c4b3a2910"),
    security_group_ids=("sg-0fedcba9876543210",),
)

CLAIMS = PipelineSettings(
    event_source=EventSourceSettings(metrics=True),
    endpoint=EndpointSettings(
        model=ContainerModel(
            image_uri=f"123456789012.dkr.ecr.{REGION}.amazonaws.com/claims@sha256:" + "4f" * 32,
            model_data_url="s3://claims-models/claims/model.tar.gz",
        ),
        capacity=InstanceCapacity(instance_type="ml.m5.xlarge", min_instances=2, max_instances=6),
        vpc=NETWORK,
        network_isolation=True,
        log_retention_days=365,
        bucket_key_arns=(KEY,),
        data_capture=DataCapture(location="s3://claims-audit/captured/"),
        deployment=Deployment(strategy="canary", rollback_latency_ms=5000),
    ),
    function=FunctionSettings(
        timeout_seconds=90,
        vpc=NETWORK,
        alias="live",
        reserved_concurrency=50,
        log_retention_days=365,
        code_signing=CodeSigning(
            config_arn=f"arn:aws:lambda:{REGION}:123456789012:code-signing-config:csc-0123456789abcdefg",
            profile_name="claims",
            location="s3://claims-code/",
        ),
    ),
    inference=InferenceSettings(codec="instances", input_location="s3://claims-inputs/documents/"),
    results=ResultsSettings(overflow_location="s3://claims-results/large/"),
    idempotency=IdempotencySettings(),
    monitoring=MonitoringSettings(subscribers=("claims-on-call@example.com",)),
    bucket_key_arns=(KEY,),
    # Of everything that is created, or written.
    kms_key_arn=KEY,
)

STACKS = {
    "claims": StackSettings(
        region=REGION,
        state=S3StateSettings(bucket="claims-terraform-state", region=REGION),
        pipelines={"triage": CLAIMS},
        tags={"data-class": "confidential"},
    )
}

if __name__ == "__main__":
    synthesize(STACKS)
