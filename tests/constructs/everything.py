"""A pipeline with everything on that goes together on real-time instances."""

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
    QueueScaling,
    QueueSettings,
    ResultsSettings,
    ScheduledCapacity,
    ServicePrincipal,
    VpcSettings,
)

REGION = "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"
SIGNING = f"arn:aws:lambda:{REGION}:123456789012:code-signing-config:csc-0123456789abcdefg"
NETWORK = VpcSettings(
    subnet_ids=("subnet-0a1b2c3d4e5f60718", "subnet-18f7e6d5c4b3a2910"), security_group_ids=("sg-0fedcba9876543210",)
)

CAPACITY = InstanceCapacity(
    instance_type="ml.m5.xlarge",
    min_instances=2,
    max_instances=6,
    queue_scaling=QueueScaling(age_seconds=300),
    schedule=(
        ScheduledCapacity(name="day", schedule="cron(0 7 * * ? *)", min_instances=3, max_instances=6),
        ScheduledCapacity(name="night", schedule="cron(0 19 * * ? *)", min_instances=2, max_instances=6),
    ),
)

ENDPOINT = EndpointSettings(
    model=ContainerModel(
        image_uri=f"123456789012.dkr.ecr.{REGION}.amazonaws.com/scorer@sha256:" + "4f" * 32,
        model_data_url="s3://company-models/scorer/model.tar.gz",
    ),
    capacity=CAPACITY,
    vpc=NETWORK,
    network_isolation=True,
    volume_key_arn=KEY,
    log_key_arn=KEY,
    log_retention_days=365,
    bucket_key_arns=(KEY,),
    data_capture=DataCapture(location="s3://company-audit/captured/", kms_key_arn=KEY),
    deployment=Deployment(strategy="canary", rollback_latency_ms=5000),
)

FUNCTION = FunctionSettings(
    timeout_seconds=90,
    vpc=NETWORK,
    alias="live",
    reserved_concurrency=50,
    environment_key_arn=KEY,
    log_key_arn=KEY,
    log_retention_days=365,
    code_signing=CodeSigning(config_arn=SIGNING, profile_name="release", location="s3://company-code/inference/"),
)

EVERYTHING = PipelineSettings(
    queue=QueueSettings(
        kms_key_arn=KEY,
        senders=(ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::company-inputs"),),
    ),
    event_source=EventSourceSettings(metrics=True, filters=({"body": {"kind": ["claim"]}},), filter_key_arn=KEY),
    endpoint=ENDPOINT,
    function=FUNCTION,
    inference=InferenceSettings(codec="instances", input_location="s3://company-inputs/documents/"),
    results=ResultsSettings(kms_key_arn=KEY, overflow_location="s3://company-results/large/"),
    idempotency=IdempotencySettings(kms_key_arn=KEY),
    monitoring=MonitoringSettings(topic_key_arn=KEY, subscribers=("on-call@example.com",)),
    bucket_key_arns=(KEY,),
)
