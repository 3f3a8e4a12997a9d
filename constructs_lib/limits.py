"""AWS's bounds as a table of rules, one row a setting. `reason` names where the bound comes from."""

from dataclasses import dataclass

from constructs_lib.settings import (
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    QueueSettings,
    ResultsSettings,
    S3StateSettings,
    ServerlessCapacity,
    StackSettings,
)

from handler.settings import CODECS, KIB, LOCATION, LOG_LEVELS, MIB, OWN_CODEC, RESULT_SINKS


@dataclass(frozen=True)
class Range:
    property: str
    low: int
    high: int
    unit: str
    reason: str
    step: int = 1


@dataclass(frozen=True)
class OneOf:
    property: str
    values: tuple[object, ...]
    reason: str


@dataclass(frozen=True)
class Pattern:
    property: str
    regex: str
    description: str
    reason: str


Rule = Range | OneOf | Pattern

# SQS API: SetQueueAttributes
MAX_MESSAGE_BYTES = MIB
MAX_RETENTION_SECONDS = 1_209_600
# SageMaker: a serverless endpoint's payload; a real-time endpoint's in the InvokeEndpoint API model
SERVERLESS_PAYLOAD_BYTES = 4 * MIB
REAL_TIME_PAYLOAD_BYTES = 6 * MIB
# Lambda quotas: payload of one synchronous invocation, which caps a batch
LAMBDA_PAYLOAD_BYTES = 6 * 1024 * KIB
# Lambda: CreateEventSourceMapping, ScalingConfig
MIN_MAXIMUM_CONCURRENCY, MAX_MAXIMUM_CONCURRENCY = 2, 1000
# IAM: CreateRole
ROLE_NAME_CHARACTERS = 64
# SageMaker: EndpointName and the like, which stack and pipeline names become part of; Terraform: a letter first
NAME_PATTERN = r"[a-zA-Z](-*[a-zA-Z0-9])*"
NAME_DESCRIPTION = "letters, digits and hyphens, a letter first and no hyphen last"

# CloudWatch Logs: PutRetentionPolicy
LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)

RULES: dict[type, tuple[Rule, ...]] = {
    QueueSettings: (
        Range("delay_seconds", 0, 900, "seconds", "SQS DelaySeconds"),
        Range("message_retention_seconds", 60, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        Range("receive_wait_seconds", 0, 20, "seconds", "SQS ReceiveMessageWaitTimeSeconds"),
        Range("max_message_bytes", KIB, MAX_MESSAGE_BYTES, "bytes", "SQS MaximumMessageSize"),
        Range("visibility_timeout_seconds", 0, 43_200, "seconds", "SQS VisibilityTimeout"),
        Range("max_receive_count", 1, 1000, "receives", "SQS RedrivePolicy maxReceiveCount"),
        Range("dead_letter_retention_seconds", 60, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
    ),
    ResultsSettings: (
        OneOf("sink", RESULT_SINKS, "the handler's sinks"),
        Pattern("location", LOCATION.pattern, "s3://bucket/ or s3://bucket/prefix/, with a slash last", "Amazon S3"),
        Pattern(
            "overflow_location",
            LOCATION.pattern,
            "s3://bucket/ or s3://bucket/prefix/, with a slash last",
            "Amazon S3",
        ),
        Range("message_retention_seconds", 60, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
    ),
    IdempotencySettings: (Range("retention_seconds", 60, 31_622_400, "seconds", "a year"),),
    FunctionSettings: (
        Range("memory_mib", 128, 10_240, "MB", "Lambda MemorySize"),
        Range("timeout_seconds", 1, 900, "seconds", "Lambda Timeout"),
        Range("reserved_concurrency", 0, 100_000, "invocations", "Lambda ReservedConcurrentExecutions"),
        OneOf("architecture", ("arm64", "x86_64"), "Lambda Architectures"),
        Pattern(
            "runtime", r"python3\.(1[1-9]|[2-9]\d)", "a Python runtime, python3.11 or newer", "the handler's language"
        ),
        OneOf("log_level", LOG_LEVELS, "Python's log levels"),
        OneOf("log_retention_days", LOG_RETENTION_DAYS, "CloudWatch Logs RetentionInDays"),
    ),
    EventSourceSettings: (
        Range("batch_size", 1, 10_000, "messages", "Lambda BatchSize for standard queues"),
        Range("batching_window_seconds", 0, 300, "seconds", "Lambda MaximumBatchingWindowInSeconds"),
        Range(
            "maximum_concurrency",
            MIN_MAXIMUM_CONCURRENCY,
            MAX_MAXIMUM_CONCURRENCY,
            "invocations",
            "Lambda ScalingConfig MaximumConcurrency",
        ),
    ),
    InferenceSettings: (
        Pattern(
            "codec",
            f"{'|'.join(CODECS)}|{OWN_CODEC.pattern}",
            f"one of {', '.join(CODECS)}, or module:function",
            "the handler's codecs",
        ),
        Pattern(
            "input_location", LOCATION.pattern, "s3://bucket/ or s3://bucket/prefix/, with a slash last", "Amazon S3"
        ),
        Pattern("target_model", r"[!-~][ -~]{0,1023}", "1 to 1024 printable characters", "SageMaker TargetModel"),
        Pattern(
            "inference_component_name",
            r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
            "1 to 63 letters, digits and hyphens",
            "SageMaker InferenceComponentName",
        ),
        Pattern(
            "target_variant",
            r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
            "1 to 63 letters, digits and hyphens",
            "SageMaker TargetVariant",
        ),
        Range("max_records_per_request", 1, 10_000, "records", "no batch is larger"),
        Range("max_request_bytes", 1, 25 * MIB, "bytes", "SageMaker InvokeEndpoint Body"),
        Range("max_concurrency", 1, 1000, "requests", "threads in one function"),
        Pattern(
            "metrics_namespace",
            r"(?!AWS/)[\w./#:-]{1,255}",
            "1 to 255 of A-Z a-z 0-9 . - _ / # :, not AWS/…",
            "CloudWatch Namespace",
        ),
    ),
    EndpointSettings: (
        Pattern(
            "variant_name", f"(?=.{{1,63}}$){NAME_PATTERN}", f"1 to 63 {NAME_DESCRIPTION}", "SageMaker VariantName"
        ),
        OneOf("log_retention_days", LOG_RETENTION_DAYS, "CloudWatch Logs RetentionInDays"),
    ),
    HuggingFaceModel: (
        Pattern("model_id", r"[\w.-]+(/[\w.-]+)?", "a Hub model id, `name` or `owner/name`", "Hugging Face Hub"),
        Pattern("task", r"[a-z0-9]+(-[a-z0-9]+)*", "a pipeline task such as text-classification", "transformers"),
        Pattern("image_tag", r"[\w][\w.-]{0,127}", "an image tag", "Amazon ECR"),
        Pattern("revision", r"[\w./-]+", "a branch, tag or commit", "Hugging Face Hub"),
    ),
    ContainerModel: (
        Pattern(
            "image_uri",
            r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9._/-]+(?=[:@])(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?",
            "an Amazon ECR image URI with a tag or digest",
            "SageMaker pulls from ECR; the role's rights are made for its repository",
        ),
        Pattern(
            "model_data_url",
            r"s3://[a-z0-9.-]{3,63}/[^*?\s]+\.tar\.gz",
            "s3://bucket/key.tar.gz",
            "SageMaker ModelDataUrl",
        ),
    ),
    ServerlessCapacity: (
        Range("memory_mib", 1024, 6144, "MB", "SageMaker ServerlessConfig MemorySizeInMB", step=1024),
        Range("max_concurrency", 1, 200, "requests", "SageMaker ServerlessConfig MaxConcurrency"),
    ),
    InstanceCapacity: (
        Pattern("instance_type", r"ml\.[a-z0-9-]+\.[a-z0-9]+", "an ml.* instance type", "SageMaker InstanceType"),
        Range("min_instances", 1, 1000, "instances", "Application Auto Scaling MinCapacity"),
        Range("max_instances", 1, 1000, "instances", "Application Auto Scaling MaxCapacity"),
        Range("concurrent_requests_per_instance", 1, 1000, "requests", "scaling target"),
        Range("target_utilization_percent", 10, 100, "%", "scaling target"),
        Range("scale_in_cooldown_seconds", 0, 3600, "seconds", "Application Auto Scaling ScaleInCooldown"),
        Range("scale_out_cooldown_seconds", 0, 3600, "seconds", "Application Auto Scaling ScaleOutCooldown"),
    ),
    StackSettings: (Pattern("region", r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as eu-central-1", "AWS regions"),),
    S3StateSettings: (
        Pattern("bucket", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "an S3 bucket name", "Amazon S3"),
        Pattern("region", r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as eu-central-1", "AWS regions"),
    ),
}
