"""AWS's bounds as a table of rules, one row a setting. `reason` names where the bound comes from."""

from dataclasses import dataclass

from constructs_lib.settings import (
    AccountPrincipal,
    AssumedRole,
    AsyncCapacity,
    CodeSigning,
    ContainerModel,
    DataCapture,
    Deployment,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    ExistingQueue,
    ExistingRole,
    FunctionSettings,
    Hardware,
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
    ServedModel,
    ServerlessCapacity,
    ServicePrincipal,
    StackSettings,
    TextEmbeddingsModel,
    Variant,
    VpcSettings,
)
from constructs_lib.settings.handler import (
    ATTRIBUTE_NAME,
    BODY_ENCODINGS,
    BOUNDS,
    CHAT_STYLES,
    CODECS,
    CORRELATION,
    ENVELOPES,
    IDEMPOTENCY_KEYS,
    KIB,
    LOCATION,
    LOG_LEVELS,
    MEMBER_NAME,
    MIB,
    OWN_CODEC,
    RESULT_SINKS,
)


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
    names: tuple[str, ...] = ()
    """Texts that keep to it and stand for something, one of which is suggested in the place of a like one."""


Rule = Range | OneOf | Pattern

# SQS API: SetQueueAttributes; raised from 256 KiB in August 2025
MAX_MESSAGE_BYTES = MIB
MAX_RETENTION_SECONDS = 1_209_600
# SageMaker: a serverless endpoint's payload; a real-time endpoint's in the InvokeEndpoint API model
SERVERLESS_PAYLOAD_BYTES = 4 * MIB
REAL_TIME_PAYLOAD_BYTES = 6 * MIB
# Lambda quotas: payload of one synchronous invocation, which caps a batch
LAMBDA_PAYLOAD_BYTES = 6 * 1024 * KIB
# Lambda quotas: environment variables, names and values together
MAX_ENVIRONMENT_BYTES = 4 * KIB
# Lambda: CreateEventSourceMapping, ScalingConfig
MIN_MAXIMUM_CONCURRENCY, MAX_MAXIMUM_CONCURRENCY = 2, 1000
# Lambda: concurrent invocations by one provisioned poller
INVOCATIONS_PER_POLLER = 10
# IAM: CreateRole
ROLE_NAME_CHARACTERS = 64
# How a region's name is built, and the longest of them, which the names of roles end in
REGION_PATTERN, LONGEST_REGION = r"[a-z]{2,4}(-[a-z]+)+-\d", "us-isof-south-1"
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


# SageMaker: RoutingStrategy has PREFIX_AWARE too; it wants a PrefixAwareRoutingConfig, for which the bindings of
# Terraform's AWS provider 6.25 have no argument.
ROUTING_REASON = "SageMaker RoutingStrategy; Terraform's AWS provider 6.25 can't set what PREFIX_AWARE needs"
# SageMaker: InvokeEndpoint ContentType and Accept, of 1,024 characters
MEDIA_TYPE = r"(?=.{3,1024}$)[\w.+*-]+/[\w.+*-]+(\s*;[ -~]*)?"
_TASK = Pattern("task", r"[a-z0-9]+([_-][a-z0-9]+)*", "a pipeline task such as text-classification", "transformers")


def _shared(property_: str, unit: str, reason: str) -> Range:
    """Return the bounds of a setting that the handler checks too, under the same name."""
    return Range(property_, *BOUNDS[property_], unit, reason)


def _location(property_: str) -> Pattern:
    return Pattern(property_, LOCATION.pattern, "s3://bucket/ or s3://bucket/prefix/, with a slash last", "Amazon S3")


def _account(property_: str) -> Pattern:
    return Pattern(property_, r"\d{12}", "an account id of 12 digits", "AWS account ids")


def _arn(property_: str, service: str, resource: str, description: str, account: str = r"(\d{12}|aws)?") -> Pattern:
    region = "" if service == "iam" else "[a-z0-9-]+"
    regex = rf"arn:aws[a-z-]*:{service}:{region}:{account}:{resource}"
    return Pattern(property_, regex, f"the ARN of {description}", "AWS ARN formats")


def _key(property_: str) -> Pattern:
    # Not an alias: policies must name the key itself.
    return _arn(property_, "kms", r"key/[\w-]+", "a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID")


def _queue_name(property_: str) -> Pattern:
    regex = r"(?=.{1,80}$)[\w-]+(\.fifo)?"
    return Pattern(property_, regex, "1 to 80 of A-Z a-z 0-9 - _, `.fifo` last on FIFO queues", "SQS QueueName")


QUEUE_NAME = _queue_name("name")
FUNCTION_NAME = Pattern("name", r"[\w-]{1,64}", "1 to 64 letters, digits, - and _", "Lambda FunctionName")
FUNCTION_NAME_WITH_ROLE = Pattern(
    "name", r"[\w-]{1,48}", "1 to 48 letters, digits, - and _", "IAM RoleName, with the region"
)
TABLE_NAME = Pattern("name", r"[\w.-]{3,255}", "3 to 255 letters, digits, - _ and .", "DynamoDB TableName")


def _sagemaker_name(property_: str, field: str) -> Pattern:
    regex = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    return Pattern(property_, regex, "1 to 63 letters, digits and hyphens", f"SageMaker {field}")


RULES: dict[type, tuple[Rule, ...]] = {
    QueueSettings: (
        Range("delay_seconds", 0, 900, "seconds", "SQS DelaySeconds"),
        Range("message_retention_seconds", 60, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        Range("receive_wait_seconds", 0, 20, "seconds", "SQS ReceiveMessageWaitTimeSeconds"),
        Range("max_message_bytes", KIB, MAX_MESSAGE_BYTES, "bytes", "SQS MaximumMessageSize"),
        Range("visibility_timeout_seconds", 0, 43_200, "seconds", "SQS VisibilityTimeout"),
        _shared("max_receive_count", "receives", "SQS RedrivePolicy maxReceiveCount"),
        Range("dead_letter_retention_seconds", 60, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        _key("kms_key_arn"),
        Range("kms_data_key_reuse_seconds", 60, 86_400, "seconds", "SQS KmsDataKeyReusePeriodSeconds"),
    ),
    ResultsSettings: (
        OneOf("sink", RESULT_SINKS, "the handler's sinks"),
        _shared("max_events_per_message", "events", "no batch is larger"),
        _location("location"),
        Pattern(
            "pass_attributes",
            ATTRIBUTE_NAME,
            "1 to 256 of A-Z a-z 0-9 - _ and single dots, not AWS.… nor Amazon.…",
            "SQS MessageAttributes",
        ),
        Pattern(
            "correlation",
            CORRELATION,
            "the name of a message attribute, or a JSON Pointer of at most 512 characters such as /order/id",
            "SQS MessageAttributes, RFC 6901",
        ),
        Pattern("keep_members", MEMBER_NAME, "1 to 128 characters, none of them a control character", "names in JSON"),
        _location("overflow_location"),
        Range("message_retention_seconds", 60, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        _key("kms_key_arn"),
    ),
    ResultsOf: (Pattern("pipeline", NAME_PATTERN, NAME_DESCRIPTION, "a pipeline's name"),),
    IdempotencySettings: (
        OneOf("key", IDEMPOTENCY_KEYS, "the handler's keys"),
        Pattern("model_version", r"[ -~]{1,64}", "1 to 64 printable characters", "part of a key"),
        Range("retention_seconds", *BOUNDS["idempotency_seconds"], "seconds", "a year"),
        _key("kms_key_arn"),
    ),
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
        OneOf("system_log_level", ("DEBUG", "INFO", "WARN"), "Lambda SystemLogLevel"),
        _key("log_key_arn"),
        Range("ephemeral_storage_mib", 512, 10_240, "MB", "Lambda EphemeralStorage"),
        Pattern("alias", r"(?!\d+$)[\w-]{1,128}", "1 to 128 of A-Z a-z 0-9 - _, not digits alone", "Lambda alias Name"),
        Range("provisioned_concurrency", 1, 100_000, "sandboxes", "Lambda ProvisionedConcurrentExecutions"),
        _key("environment_key_arn"),
        _arn("layers", "lambda", r"layer:[\w-]+:\d+", "a layer's version"),
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
        _key("filter_key_arn"),
    ),
    InferenceSettings: (
        Pattern(
            "codec",
            f"{'|'.join(CODECS)}|{OWN_CODEC.pattern}",
            f"one of {', '.join(CODECS)}, or module:function",
            "the handler's codecs",
            CODECS,
        ),
        OneOf("envelope", ENVELOPES, "the handler's envelopes"),
        OneOf("chat_style", CHAT_STYLES, "the handler's styles"),
        Pattern("session_attribute", r"[\w.-]{1,256}", "1 to 256 of A-Z a-z 0-9 _ - .", "SQS message attribute names"),
        Range("answer_tokens_per_second", 1, 100_000, "tokens a second", "an estimate"),
        OneOf("body_encoding", BODY_ENCODINGS, "the handler's encodings"),
        _location("input_location"),
        _location("more_input_locations"),
        Pattern("target_model", r"[!-~][ -~]{0,1023}", "1 to 1024 printable characters", "SageMaker TargetModel"),
        _sagemaker_name("inference_component_name", "InferenceComponentName"),
        _sagemaker_name("more_inference_components", "InferenceComponentName"),
        _sagemaker_name("target_variant", "TargetVariant"),
        _shared("max_records_per_request", "records", "no batch is larger"),
        _shared("max_request_bytes", "bytes", "SageMaker InvokeEndpoint Body"),
        _shared("max_response_bytes", "bytes", "the function holds a few answers at once"),
        _shared("requests_in_flight", "requests", "threads in one function"),
        Range("max_padded_tokens", 1, BOUNDS["max_padded_tokens"][1], "tokens", "an estimate"),
        _TASK,
        Pattern("content_type", MEDIA_TYPE, "a content type such as application/json", "SageMaker ContentType"),
        Pattern("accept", MEDIA_TYPE, "a content type such as application/json", "SageMaker Accept"),
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
        _key("log_key_arn"),
        Range("weight", 0, 1_000_000, "", "SageMaker InitialVariantWeight"),
        _key("volume_key_arn"),
        _key("bucket_key_arns"),
    ),
    HuggingFaceModel: (
        Pattern("model_id", r"[\w.-]+(/[\w.-]+)?", "a Hub model id, `name` or `owner/name`", "Hugging Face Hub"),
        _TASK,
        Pattern("image_tag", r"[\w][\w.-]{0,127}", "an image tag", "Amazon ECR"),
        Pattern("revision", r"[\w./-]+", "a branch, tag or commit", "Hugging Face Hub"),
        _arn(
            "token_secret_arn",
            "secretsmanager",
            r"secret:[\w/+=.@-]+-[a-zA-Z0-9]{6}",
            "a secret of AWS Secrets Manager, with the six characters that it adds",
        ),
        _key("token_key_arn"),
        _location("bundle_location"),
    ),
    ServedModel: (
        Pattern("model_id", r"[\w.-]+(/[\w.-]+)?", "a Hub model id, `name` or `owner/name`", "Hugging Face Hub"),
        Pattern("revision", r"[\w./-]+", "a branch, tag or commit", "Hugging Face Hub"),
        Pattern("image_tag", r"[\w][\w.-]{0,127}", "an image tag", "Amazon ECR"),
        _account("registry_id"),
        _location("model_data_prefix"),
        Range("million_parameters", 1, 10_000_000, "million", "the model's size"),
    ),
    TextEmbeddingsModel: (
        Range("max_batch_tokens", 1, 10_000_000, "tokens", "TEI MAX_BATCH_TOKENS"),
        Range("max_client_batch_size", 1, 10_000, "texts", "TEI MAX_CLIENT_BATCH_SIZE"),
        OneOf("pooling", ("cls", "mean", "splade", "last-token"), "TEI POOLING"),
    ),
    LanguageModel: (
        OneOf("server", ("lmi", "tgi"), "AWS's images of language model servers"),
        OneOf("quantization", ("fp8", "bitsandbytes", "eetq", "awq", "gptq"), "what the servers can load"),
        Range("max_model_tokens", 2, 10_000_000, "tokens", "vLLM max_model_len, TGI MAX_TOTAL_TOKENS"),
        Range("tensor_parallel_degree", 1, 16, "GPUs", "the GPUs of an instance"),
    ),
    ContainerModel: (
        Pattern(
            "image_uri",
            r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.(com(\.cn)?|eu)/[a-z0-9._/-]+(?=[:@])(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?",
            "an Amazon ECR image URI with a tag or digest",
            "SageMaker pulls from ECR; the role's rights are for its repository",
        ),
        Pattern(
            "model_data_url",
            r"s3://[a-z0-9.-]{3,63}/[^*?\s]+\.tar\.gz",
            "s3://bucket/key.tar.gz",
            "SageMaker ModelDataUrl",
        ),
        _location("model_data_prefix"),
    ),
    ServerlessCapacity: (
        Range("memory_mib", 1024, 6144, "MB", "SageMaker ServerlessConfig MemorySizeInMB", step=1024),
        Range("max_concurrency", 1, 200, "requests", "SageMaker ServerlessConfig MaxConcurrency"),
        Range("provisioned_concurrency", 1, 200, "requests", "SageMaker ServerlessConfig ProvisionedConcurrency"),
        Range("max_provisioned_concurrency", 1, 200, "requests", "SageMaker ServerlessConfig ProvisionedConcurrency"),
        Range("target_utilization_percent", 10, 100, "%", "scaling target"),
    ),
    InstanceCapacity: (
        Range("min_instances", 1, 1000, "instances", "Application Auto Scaling MinCapacity"),
        Range("max_instances", 1, 1000, "instances", "Application Auto Scaling MaxCapacity"),
        Range("concurrent_requests_per_instance", 1, 1000, "requests", "scaling target"),
        Range("target_utilization_percent", 10, 100, "%", "scaling target"),
        Range("scale_in_cooldown_seconds", 0, 3600, "seconds", "Application Auto Scaling ScaleInCooldown"),
        Range("scale_out_cooldown_seconds", 0, 3600, "seconds", "Application Auto Scaling ScaleOutCooldown"),
        Range("invocations_per_instance_per_minute", 1, 1_000_000, "requests", "scaling target"),
        OneOf("routing_strategy", ("LEAST_OUTSTANDING_REQUESTS", "RANDOM"), ROUTING_REASON),
    ),
    ExistingQueue: (_queue_name("name"), _queue_name("dead_letter_queue_name")),
    ServicePrincipal: (
        Pattern("service", r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", "SERVICE.amazonaws.com", "IAM service principals"),
        Pattern("source_arn", r"arn:aws[a-z-]*:.+", "an ARN", "AWS ARN formats"),
        _account("account_id"),
    ),
    AccountPrincipal: (
        _arn(
            "arn", "iam", r"(root|(role|user)/[\w+=,.@/-]+)", "an account's root, a role or a user", account=r"\d{12}"
        ),
    ),
    ProvisionedPollers: (
        Range("minimum", 2, 200, "pollers", "Lambda ProvisionedPollerConfig MinimumPollers"),
        # The API model of botocore 1.43.106, read 2026-11-26; guides of 2025 say 2,000.
        Range("maximum", 2, 10_000, "pollers", "Lambda ProvisionedPollerConfig MaximumPollers"),
    ),
    VpcSettings: (
        Pattern("subnet_ids", r"subnet-[0-9a-f]+", "ids of subnets", "Amazon EC2"),
        Pattern("security_group_ids", r"sg-[0-9a-f]+", "ids of security groups", "Amazon EC2"),
    ),
    CodeSigning: (
        _arn("config_arn", "lambda", r"code-signing-config:csc-[a-z0-9]{17}", "a code signing configuration"),
        Pattern("profile_name", r"\w{2,64}", "2 to 64 letters, digits and underscores", "AWS Signer ProfileName"),
        _location("location"),
    ),
    ExistingRole: (_arn("arn", "iam", r"role/[\w+=,.@/-]+", "an IAM role"),),
    ModelPackage: (
        _arn("arn", "sagemaker", r"model-package/[\w/-]+", "a model package's version"),
        _arn("repository_arns", "ecr", r"repository/[a-z0-9._/-]+", "an Amazon ECR repository"),
        Pattern("model_data_urls", r"s3://[a-z0-9.-]{3,63}/[^*?\s]+", "s3://bucket/key", "SageMaker ModelDataUrl"),
    ),
    Hardware: (
        Pattern("instance_type", r"ml\.[a-z0-9-]+\.[a-z0-9]+", "an ml.* instance type", "SageMaker InstanceType"),
        Range("volume_gib", 1, 512, "GiB", "SageMaker VolumeSizeInGB"),
        Range("model_download_timeout_seconds", 60, 3600, "seconds", "SageMaker ModelDataDownloadTimeoutInSeconds"),
        Range("startup_timeout_seconds", 60, 3600, "seconds", "SageMaker ContainerStartupHealthCheckTimeoutInSeconds"),
        Pattern(
            "inference_ami_version", r"[a-zA-Z0-9.-]{1,63}", "the name of an image", "SageMaker InferenceAmiVersion"
        ),
    ),
    QueueScaling: (
        Range("age_seconds", 1, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        Range("backlog_messages", 1, 1_000_000_000, "messages", "alarm threshold"),
        Range("add_instances", 1, 100, "instances", "step adjustment"),
        Range("cooldown_seconds", 0, 3600, "seconds", "Application Auto Scaling Cooldown"),
    ),
    ScheduledCapacity: (
        Pattern("name", r"[\w-]{1,64}", "1 to 64 letters, digits, - and _", "part of ScheduledActionName"),
        Pattern(
            "schedule",
            r"cron\([^\s()]+( [^\s()]+){5}\)|rate\([1-9]\d* (minute|hour|day)s?\)"
            r"|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)",
            "cron(MINUTES HOURS DAY MONTH WEEKDAY YEAR), rate(5 minutes) or at(yyyy-mm-ddThh:mm:ss)",
            "Application Auto Scaling Schedule",
        ),
        Pattern("timezone", r"[A-Za-z]+([/_+-][A-Za-z0-9]+)*", "a time zone such as Europe/Berlin", "IANA time zones"),
        Range("min_instances", 0, 1000, "instances", "Application Auto Scaling MinCapacity"),
        Range("max_instances", 0, 1000, "instances", "Application Auto Scaling MaxCapacity"),
    ),
    AsyncCapacity: (
        _location("request_location"),
        _location("output_location"),
        _location("failure_location"),
        Range("min_instances", 0, 1000, "instances", "Application Auto Scaling MinCapacity"),
        Range("max_instances", 1, 1000, "instances", "Application Auto Scaling MaxCapacity"),
        Range("concurrent_requests_per_instance", 1, 1000, "requests", "SageMaker MaxConcurrentInvocationsPerInstance"),
        Range(
            "invocation_timeout_seconds",
            *BOUNDS["async_invocation_seconds"],
            "seconds",
            "SageMaker InvocationTimeoutSeconds",
        ),
        Range("backlog_per_instance", 1, 1_000_000, "requests", "scaling target"),
        Range("scale_in_cooldown_seconds", 0, 3600, "seconds", "Application Auto Scaling ScaleInCooldown"),
        Range("scale_out_cooldown_seconds", 0, 3600, "seconds", "Application Auto Scaling ScaleOutCooldown"),
        _key("output_key_arn"),
    ),
    Variant: (
        Pattern("name", f"(?=.{{1,63}}$){NAME_PATTERN}", f"1 to 63 {NAME_DESCRIPTION}", "SageMaker VariantName"),
        Range("weight", 0, 1_000_000, "", "SageMaker InitialVariantWeight"),
    ),
    DataCapture: (
        _location("location"),
        Range("sampling_percent", 0, 100, "%", "SageMaker InitialSamplingPercentage"),
        _key("kms_key_arn"),
    ),
    Deployment: (
        OneOf("strategy", ("all-at-once", "canary", "linear", "rolling"), "SageMaker DeploymentConfig"),
        Range("step_percent", 5, 50, "%", "SageMaker CapacitySize"),
        Range("step_wait_seconds", 0, 3600, "seconds", "SageMaker WaitIntervalInSeconds"),
        Range("termination_wait_seconds", 0, 3600, "seconds", "SageMaker TerminationWaitInSeconds"),
        # SageMaker admits twice as much.
        Range("maximum_execution_seconds", 600, 14_400, "seconds", "Terraform's AWS provider"),
        Range("rollback_error_percent", 0, 100, "%", "alarm threshold"),
        Range("rollback_latency_ms", 1, 3_600_000, "ms", "alarm threshold"),
        Pattern(
            "rollback_alarm_names",
            r"(?!arn:)[\x20-\x7e]{1,255}",
            "names of alarms, 1 to 255 characters, not ARNs",
            "SageMaker AlarmName",
        ),
    ),
    ExistingEndpoint: (
        _sagemaker_name("name", "EndpointName"),
        Range("concurrent_requests", 1, 1_000_000, "requests", "the event source's concurrency derives from it"),
        _sagemaker_name("variant_name", "VariantName"),
    ),
    MonitoringSettings: (
        _arn("topic_arn", "sns", r"[\w-]{1,256}", "an SNS topic"),
        Pattern("subscribers", r"[^@\s]+@[^@\s]+", "e-mail addresses", "SNS Subscribe"),
        _key("topic_key_arn"),
        Range("queue_age_seconds", 1, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        Range("drain_seconds", 1, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        Range("arrivals_within_minutes", 5, 1440, "minutes", "alarm threshold"),
        Range("quiet_groups_age_seconds", 1, MAX_RETENTION_SECONDS, "seconds", "SQS MessageRetentionPeriod"),
        Range("noisy_groups", 0, 1000, "message groups", "alarm threshold"),
        Range("dead_letters", 0, 1_000_000_000, "messages", "alarm threshold"),
        Range("function_errors", 0, 1_000_000_000, "invocations", "alarm threshold"),
        Range("function_throttles", 0, 1_000_000_000, "invocations", "alarm threshold"),
        # Nothing is more than 100 %: the alarm would never ring.
        Range("duration_percent", 1, 99, "%", "alarm threshold"),
        Range("unscored_percent", 0, 99, "%", "alarm threshold"),
        Range("endpoint_client_error_percent", 0, 99, "%", "alarm threshold"),
        Range("endpoint_server_error_percent", 0, 99, "%", "alarm threshold"),
        Range("model_latency_ms", 1, 3_600_000, "ms", "alarm threshold"),
        Range("at_maximum_minutes", 1, 1440, "minutes", "CloudWatch: an alarm looks back a day"),
        Range("idle_endpoint_hours", 1, 168, "hours", "CloudWatch: by the hour, an alarm looks back seven days"),
    ),
    PipelineSettings: (_key("bucket_key_arns"), _key("kms_key_arn")),
    StackSettings: (
        Pattern("region", REGION_PATTERN, "an AWS region such as eu-central-1", "AWS regions"),
        _key("kms_key_arn"),
        _arn("permissions_boundary_arn", "iam", r"policy/[\w+=,.@/-]+", "an IAM policy"),
        Pattern("role_path", r"/|/[!-~]{1,510}/", "1 to 512 characters, a slash first and last", "IAM Path"),
        _account("allowed_account_ids"),
    ),
    AssumedRole: (
        _arn("arn", "iam", r"role/[\w+=,.@/-]+", "an IAM role"),
        Pattern("external_id", r"[\w+=,.@:/-]{2,1224}", "2 to 1224 of A-Z a-z 0-9 + = , . @ : / - _", "STS ExternalId"),
        Pattern("session_name", r"[\w+=,.@-]{2,64}", "2 to 64 of A-Z a-z 0-9 + = , . @ - _", "STS RoleSessionName"),
    ),
    S3StateSettings: (
        Pattern("bucket", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "an S3 bucket name", "Amazon S3"),
        Pattern("region", REGION_PATTERN, "an AWS region such as eu-central-1", "AWS regions"),
    ),
}

# Text that can't be a Terraform reference: constructs are named after it, or settings derive from it. Terraform itself
# takes none where its state is.
KNOWN: dict[type, tuple[str, ...]] = {
    InferenceSettings: ("codec",),
    EndpointSettings: ("variant_name",),
    Variant: ("name",),
    ExistingEndpoint: ("variant_name",),
    ScheduledCapacity: ("name",),
    StackSettings: ("region",),
    S3StateSettings: ("bucket", "region", "key"),
}
