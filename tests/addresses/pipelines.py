"""Stacks which, with main's and the examples', create every construct with every option.

`test_addresses.py` holds that none is left out: each field of each settings class differs from its default in one of
them.
"""

from dataclasses import replace

from constructs_lib import (
    AccountPrincipal,
    AssumedRole,
    AsyncCapacity,
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    ExistingQueue,
    ExistingRole,
    FunctionSettings,
    HuggingFaceModel,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    LanguageModel,
    ModelPackage,
    MonitoringSettings,
    PipelineSettings,
    ProvisionedPollers,
    QueueScaling,
    QueueSettings,
    ResultsOf,
    ResultsSettings,
    S3StateSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    ServicePrincipal,
    StackSettings,
    TextEmbeddingsModel,
    Variant,
    synthesize,
)

from tests.constructs.everything import EVERYTHING, KEY, REGION

ACCOUNT = "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/scorer"
SCORER = ContainerModel(image_uri=f"{IMAGE}:1.2", model_data_url="s3://company-models/scorer/model.tar.gz")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/inference"
SCHEDULE = (
    ScheduledCapacity(
        name="day", schedule="cron(0 7 ? * MON-FRI *)", timezone="Europe/Berlin", min_instances=2, max_instances=6
    ),
    ScheduledCapacity(name="night", schedule="cron(0 19 * * ? *)", min_instances=2, max_instances=3),
)
INSTANCES = InstanceCapacity(instance_type="ml.m5.xlarge", min_instances=2, max_instances=6)

# every alarm, at a threshold that is not the default
WATCHED = MonitoringSettings(
    queue_age_seconds=600,
    drain_seconds=1200,
    arrivals_within_minutes=60,
    dead_letters=5,
    function_errors=2,
    function_throttles=3,
    duration_percent=80,
    unscored_percent=20,
    endpoint_client_error_percent=10,
    endpoint_server_error_percent=2,
    model_latency_ms=9000,
    at_maximum_minutes=30,
    idle_endpoint_hours=12,
)

ASYNCHRONOUS = PipelineSettings(
    endpoint=EndpointSettings(
        model=SCORER,
        capacity=AsyncCapacity(
            instance_type="ml.g5.xlarge",
            volume_gib=100,
            model_download_timeout_seconds=1200,
            startup_timeout_seconds=1200,
            inference_ami_version="al2-ami-sagemaker-inference-gpu-2",
            request_location="s3://company-async/requests/",
            output_location="s3://company-async/answers/",
            failure_location="s3://company-async/failures/",
            inline=True,
            max_instances=3,
            concurrent_requests_per_instance=2,
            invocation_timeout_seconds=600,
            backlog_per_instance=8,
            scale_in_cooldown_seconds=600,
            scale_out_cooldown_seconds=120,
            schedule=SCHEDULE,
            output_key_arn=KEY,
        ),
    ),
    queue=QueueSettings(delay_seconds=5, receive_wait_seconds=10, message_retention_seconds=86_400),
    inference=InferenceSettings(codec="single", content_type="audio/wav", accept="text/plain"),
    results=ResultsSettings(sink="eventbridge", kms_key_arn=KEY),
    monitoring=WATCHED,
    bucket_key_arns=(KEY,),
)

STEADY = PipelineSettings(
    endpoint=EndpointSettings(
        model=SCORER,
        capacity=AsyncCapacity(
            instance_type="ml.m5.xlarge",
            request_location="s3://company-async/requests/",
            output_location="s3://company-async/answers/",
            min_instances=2,
            max_instances=2,
        ),
    ),
    inference=InferenceSettings(
        codec="single",
        envelope="s3",
        body_encoding="base64",
        input_location="s3://company-inputs/calls/",
        more_input_locations=("s3://partner-inputs/",),
        input_bucket_owners={"partner-inputs": "210987654321"},
    ),
    monitoring=MonitoringSettings(),
)

FIFO = PipelineSettings(
    endpoint=EndpointSettings(model=SCORER, capacity=INSTANCES),
    queue=QueueSettings(
        fifo=True,
        high_throughput=True,
        content_based_deduplication=True,
        visibility_timeout_seconds=200,
        max_receive_count=8,
        max_message_bytes=100_000,
        dead_letter_retention_seconds=1_000_000,
        kms_key_arn=KEY,
        kms_data_key_reuse_seconds=600,
    ),
    function=FunctionSettings(architecture="x86_64", runtime="python3.12", snap_start=True, alias="live"),
    event_source=EventSourceSettings(maximum_concurrency=4, enabled=False),
    inference=InferenceSettings(codec="csv", fifo_dead_letters=True, requests_in_flight=4, target_variant="primary"),
    results=ResultsSettings(sink="sns", message_retention_seconds=86_400),
)

BATCHES = PipelineSettings(
    endpoint=EndpointSettings(
        model=HuggingFaceModel(
            model_id="owner/gated",
            task="text-classification",
            revision="main",
            image_tag="2.3.0-transformers4.48.0-gpu-py311-cu121-ubuntu22.04",
            environment={"HF_TRUST_REMOTE_CODE": "1"},
            token_secret_arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hub-a1B2c3",
            token_key_arn=KEY,
            bundle_location="s3://company-models/bundles/",
        ),
        capacity=replace(
            INSTANCES,
            concurrent_requests_per_instance=8,
            target_utilization_percent=60,
            scale_in_cooldown_seconds=600,
            scale_out_cooldown_seconds=120,
            invocations_per_instance_per_minute=600,
            routing_strategy="RANDOM",
            queue_scaling=QueueScaling(age_seconds=300, backlog_messages=1000, add_instances=2, cooldown_seconds=600),
        ),
        variant_name="blue",
        weight=9,
        more_variants=(Variant(name="green", capacity=replace(INSTANCES, schedule=SCHEDULE), model=SCORER, weight=3),),
        deployment=Deployment(
            strategy="linear",
            step_percent=25,
            step_wait_seconds=240,
            termination_wait_seconds=600,
            maximum_execution_seconds=7200,
            rollback_error_percent=10,
            rollback_latency_ms=5000,
            rollback_alarm_names=("company-alarm",),
        ),
    ),
    function=FunctionSettings(
        memory_mib=1024,
        log_level="DEBUG",
        system_log_level="INFO",
        tracing=False,
        ephemeral_storage_mib=1024,
        alias="live",
        provisioned_concurrency=2,
        layers=(f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:codec:1",),
    ),
    event_source=EventSourceSettings(
        batch_size=500,
        batching_window_seconds=5,
        provisioned_pollers=ProvisionedPollers(minimum=3, maximum=20),
    ),
    inference=InferenceSettings(
        codec="company:codec",
        parameters={"truncation": True},
        max_records_per_request=64,
        max_request_bytes=1_000_000,
        max_response_bytes=2_000_000,
        task="text-classification",
        accept_any_result=True,
        sort_by_length=True,
        metrics_namespace="Company",
    ),
    results=ResultsSettings(max_events_per_message=50),
    monitoring=replace(WATCHED, topic_arn=f"arn:aws:sns:{REGION}:{ACCOUNT}:company-alarms", dashboard=False),
)

PACKAGE = PipelineSettings(
    endpoint=EndpointSettings(
        model=ModelPackage(
            arn=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/company/1",
            repository_arns=(f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/scorer",),
            model_data_urls=("s3://company-models/package/model.tar.gz",),
            environment={"MODEL": "large"},
        ),
        capacity=INSTANCES,
        shadow=Variant(name="candidate", capacity=INSTANCES, model=SCORER),
        data_capture=DataCapture(
            location="s3://company-audit/captured/", sampling_percent=10, requests=False, kms_key_arn=KEY
        ),
        role=ExistingRole(arn=ROLE, attach_policies=True),
    ),
    function=FunctionSettings(role=ExistingRole(arn=ROLE, attach_policies=False)),
    results=ResultsSettings(sink="s3", location="s3://company-results/scored/"),
)

MANY_ARCHIVES = PipelineSettings(
    endpoint=EndpointSettings(
        model=ContainerModel(
            image_uri=f"{IMAGE}:1.2",
            model_data_prefix="s3://company-models/archives/",
            multi_model=True,
            environment={"WORKERS": "2"},
        ),
        capacity=INSTANCES,
        data_capture=DataCapture(location="s3://company-audit/captured/", answers=False),
        deployment=Deployment(strategy="rolling", step_percent=50),
    ),
    queue=QueueSettings(senders=(ServicePrincipal(service="events.amazonaws.com", source_arn="arn:aws:events:*"),)),
    inference=InferenceSettings(codec="csv-row", targets_from_messages=True, target_model="scorer.tar.gz"),
    results=ResultsSettings(sink="none"),
)

WARM = PipelineSettings(
    endpoint=EndpointSettings(
        model=SCORER,
        capacity=ServerlessCapacity(
            memory_mib=2048,
            max_concurrency=40,
            provisioned_concurrency=2,
            max_provisioned_concurrency=8,
            target_utilization_percent=50,
        ),
        log_retention_days=90,
    ),
    function=FunctionSettings(timeout_seconds=90),
    inference=InferenceSettings(codec="csv", csv_header="a,b,c", send_lone_record_twice=True),
    idempotency=IdempotencySettings(retention_seconds=86_400),
    monitoring=MonitoringSettings(),
)

EXISTING = PipelineSettings(
    endpoint=ExistingEndpoint(
        name="company-scorer", concurrent_requests=16, serverless=True, variant_name="company-variant"
    ),
    queue=ExistingQueue(name="company-work", dead_letter_queue_name="company-work-dlq", visibility_timeout_seconds=600),
    inference=InferenceSettings(
        codec="instances",
        request_key="inputs",
        response_key="outputs",
        request_members={"signature_name": "score"},
        inference_component_name="scorer",
        more_inference_components=("other",),
        targets_from_messages=True,
    ),
    monitoring=MonitoringSettings(),
)

# every option of served models
CHATS = PipelineSettings(
    endpoint=EndpointSettings(
        model=LanguageModel(
            model_id="Qwen/Qwen2.5-7B-Instruct",
            server="tgi",
            model_data_prefix="s3://company-models/qwen/",
            million_parameters=7_600,
            image_tag="2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04",
            registry_id=ACCOUNT,
            quantization="fp8",
            max_model_tokens=4096,
            tensor_parallel_degree=1,
            environment={"LOG_LEVEL": "info"},
        ),
        capacity=InstanceCapacity(instance_type="ml.g6e.xlarge"),
    ),
    inference=InferenceSettings(
        codec="chat",
        chat_style="inputs",
        prompt_template="Summarize: {body}",
        parameters={"max_new_tokens": 100},
        session_attribute="customer",
        answer_tokens_per_second=30,
    ),
)
ANSWERS = PipelineSettings(
    endpoint=EndpointSettings(
        model=LanguageModel(model_id="Qwen/Qwen2.5-7B-Instruct", revision="main"),
        capacity=InstanceCapacity(instance_type="ml.g6e.xlarge"),
    ),
    inference=InferenceSettings(codec="chat", system_prompt="Be brief."),
)
VECTORS = PipelineSettings(
    endpoint=EndpointSettings(
        model=TextEmbeddingsModel(
            model_id="BAAI/bge-base-en-v1.5",
            max_batch_tokens=8192,
            max_client_batch_size=64,
            auto_truncate=False,
            pooling="cls",
        ),
        capacity=INSTANCES,
    ),
    inference=InferenceSettings(batch_inside=True, max_padded_tokens=2048),
)

# what an organisation asks for, and everything that takes a key without one of its own
GOVERNED = PipelineSettings(
    endpoint=EndpointSettings(model=SCORER, capacity=INSTANCES),
    queue=QueueSettings(
        senders=(
            ServicePrincipal(
                service="s3.amazonaws.com", source_arn="arn:aws:s3:::other-inputs", account_id="210987654321"
            ),
            AccountPrincipal(arn="arn:aws:iam::210987654321:role/producer"),
        )
    ),
    event_source=EventSourceSettings(filters=({"body": {"kind": ["claim"]}},)),
    inference=InferenceSettings(codec="csv", csv_header="a,b,c", send_lone_record_twice=True),
    idempotency=IdempotencySettings(),
    monitoring=MonitoringSettings(),
    kms_key_arn=KEY,
    acknowledged={"filters-delete": "other kinds have a queue of their own"},
)

# chains by each of the three ways, and whose message it was through all of them
IDENTIFIED = ResultsSettings(
    pass_attributes=("tenant",), correlation="orderId", keep_members=("inputs",), pass_message_group=True
)
LINK = PipelineSettings(
    endpoint=EndpointSettings(model=SCORER, capacity=INSTANCES),
    queue=QueueSettings(max_message_bytes=1_048_576),
    inference=InferenceSettings(envelope="cloudevents"),
    results=IDENTIFIED,
)
FIRST = replace(
    LINK,
    inference=InferenceSettings(),
    idempotency=IdempotencySettings(key="correlation", model_version="2026-11"),
    monitoring=MonitoringSettings(quiet_groups_age_seconds=300, noisy_groups=2),
)

STACKS = {
    "chained": StackSettings(
        region=REGION,
        pipelines={
            "first": replace(FIRST, results=replace(IDENTIFIED, sink="eventbridge")),
            "by-rule": LINK,
            "by-queue": replace(LINK, results=replace(IDENTIFIED, sink="sns")),
            "by-topic": LINK,
            "asynchronous": replace(ASYNCHRONOUS, results=IDENTIFIED),
        },
        feeds={
            "by-rule": ResultsOf(pipeline="first", matching={"data": {"result": {"label": ["de"]}}}),
            "by-queue": ResultsOf(pipeline="by-rule"),
            "by-topic": ResultsOf(pipeline="by-queue"),
        },
    ),
    "every": StackSettings(
        region=REGION,
        pipelines={
            "thing": EVERYTHING,
            "asynchronous": ASYNCHRONOUS,
            "steady": STEADY,
            "fifo": FIFO,
            "batches": BATCHES,
            "package": PACKAGE,
            "many-archives": MANY_ARCHIVES,
            "warm": WARM,
            "existing": EXISTING,
        },
        state=S3StateSettings(bucket="company-state", region="eu-west-1", key="every.tfstate"),
        tags={"team": "ml"},
    ),
    "served": StackSettings(region=REGION, pipelines={"chats": CHATS, "answers": ANSWERS, "vectors": VECTORS}),
    "governed": StackSettings(
        region=REGION,
        pipelines={"claims": GOVERNED},
        kms_key_arn=KEY,
        permissions_boundary_arn=f"arn:aws:iam::{ACCOUNT}:policy/boundary",
        role_path="/inference/",
        allowed_account_ids=(ACCOUNT,),
        assume_role=AssumedRole(
            arn=f"arn:aws:iam::{ACCOUNT}:role/deploy", external_id="inference", session_name="terraform"
        ),
        acknowledged={"few-receives": "as the queue has it"},
    ),
}


if __name__ == "__main__":  # make rehearse APP=tests.addresses.pipelines
    synthesize(STACKS)
