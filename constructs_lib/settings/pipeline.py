"""A pipeline, and the stack that holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from constructs_lib.settings.base import Settings
from constructs_lib.settings.endpoint import EndpointSettings, ExistingEndpoint
from constructs_lib.settings.function import FunctionSettings
from constructs_lib.settings.handler import MIB
from constructs_lib.settings.messages import (
    EventSourceSettings,
    IdempotencySettings,
    QueueSettings,
    ResultsOf,
    ResultsSettings,
)
from constructs_lib.settings.monitoring import MonitoringSettings


@dataclass(frozen=True, kw_only=True)
class InferenceSettings(Settings):
    """Requests: how records are put into them, and which model they name."""

    codec: str = "huggingface"
    """`huggingface`, `instances`, `jsonlines`, `csv`, `csv-row`, `kserve`, `single` or `chat`: the container's request
    and response format. Or `module:function` of your own, from one of `function.layers`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`huggingface` and `chat` only: `parameters` sent with every request, for instance {"truncation": True} or
    {"max_tokens": 256}; a record's own win."""
    chat_style: str = "openai"
    """`chat` only: the server's form, `openai` (the Chat Completions API, which LMI, TGI and vLLM take) or `inputs`
    ({"inputs": prompt, "parameters": {…}}); by default OpenAI's."""
    prompt_template: str | None = None
    """`chat` only: the prompt of a record, with its members in braces, for instance "Summarize: {body}"; `{body}` is
    the whole text of a message that is no JSON object. By default a message has its own "prompt", or "messages"."""
    system_prompt: str | None = None
    """`chat` in the style `openai` only: a system message before each prompt; by default there is none. A message's own
    "messages" stay as they are."""
    session_attribute: str | None = None
    """With one record a request: the message attribute that names a session. An endpoint with prefix-aware routing
    sends a session's requests to the same instance, which has their beginning in its cache. By default none does."""
    answer_tokens_per_second: int = 20
    """`chat` only: tokens that one answer grows by in a second while the server is busy, for the warning that an answer
    may take longer than a request has; by default 20. Measure yours."""
    max_records_per_request: int = 32
    """Most records in one request; by default 32."""
    max_request_bytes: int = 4 * MIB
    """Largest request body; by default 4 MiB, SageMaker's limit for serverless endpoints. A single record over it
    is dead-lettered."""
    max_response_bytes: int | None = None
    """Longest answer of the endpoint; by default 25 MiB, SageMaker's limit for real-time endpoints, and 1 MiB with
    codec `chat`, of which many are in flight. The request of a longer one counts as failed."""
    request_key: str = "instances"
    """`instances` only: member of a request that holds the records, for instance `inputs` or `dataframe_records`; by
    default `instances`. Empty: the request is a bare list."""
    response_key: str = "predictions"
    """`instances` only: member of an answer that holds the results, for instance `outputs` or `scores`; by default
    `predictions`. Empty: the answer is a bare list."""
    request_members: Mapping[str, Any] = field(default_factory=dict)
    """`instances` and `single` only: further members of every request, for instance {"signature_name": "score"} or
    MLflow's {"params": {…}}; by default none. Of `single`, members of the record's own body win."""
    csv_header: str | None = None
    """`csv` and `csv-row` only: first line of every request, for containers that want one; by default none."""
    content_type: str | None = None
    """Content type of requests; by default the codec's own."""
    accept: str | None = None
    """Content type that answers are asked for in; by default the codec's own."""
    send_lone_record_twice: bool = False
    """Whether a request with one record has it twice, for containers that can't take one row; by default not. The
    record's size then counts twice."""
    task: str | None = None
    """`huggingface` only: the model's pipeline task, for instance `fill-mask`; with it, the result of a record that is
    alone in its request has the shape that it has in a shared one. By default that of a `HuggingFaceModel`, or the
    variable HF_TASK of a `ContainerModel`; else nothing is known, and a list with one element is taken for a list of
    one result."""
    accept_any_result: bool = False
    """Whether results are accepted that look like an error ({"error": …}, null) or like another codec's answer
    ({"predictions": …}, {"outputs": …}); by default they fail their request."""
    envelope: str | None = None
    """Envelopes that other services put around a message: `sns`, `s3`, `eventbridge`, `cloudevents` or
    `extended-client` opens this kind, also within one of SNS; `auto` opens each; `refuse` dead-letters each; `as-is`
    takes each for data. By default `refuse`, and `as-is` for a codec of your own. docs/inputs.md has the details."""
    body_encoding: str = "text"
    """`base64` if the bodies of messages stand for bytes; by default they are text."""
    input_location: str | None = None
    """`s3://bucket/prefix/`, of a bucket that exists, that a message {"s3": "s3://…"} may point into; by default none
    may."""
    more_input_locations: tuple[str, ...] = ()
    """Further places that a message may point into; by default there are none."""
    input_bucket_owners: Mapping[str, str] = field(default_factory=dict)
    """Accounts that own the buckets of inputs, by the bucket's name; by default each is owned by the account that the
    function is in, and one that another account owns is not read."""
    batch_inside: bool | None = None
    """`huggingface` only: whether the records of a request are one batch of the model too (the pipeline's `batch_size`)
    where they are of like length, which is faster, and may change the last digits of results. By default where each
    model is a `HuggingFaceModel` with a task for which padding does not count; a `batch_size` of yours in `parameters`
    wins. A model that refuses it is found out, and gets none any more."""
    max_padded_tokens: int | None = None
    """Most tokens of a request if each of its records were padded to the longest, a token estimated as four bytes; a
    record over it is alone. By default 4,096 with `batch_inside`, else there is no such bound."""
    sort_by_length: bool | None = None
    """Whether records of like length share requests, for models that pad to the longest; not on FIFO queues. By default
    with `batch_inside`, else records are in the order they came in."""
    fifo_dead_letters: bool = False
    """FIFO only: whether a record that can't be scored is dead-lettered and its message group goes on without it; by
    default it holds its group until SQS moves it to the dead-letter queue."""
    target_model: str | None = None
    """Multi-model endpoints: the archive of the model to use; by default none is named."""
    inference_component_name: str | None = None
    """With an `ExistingEndpoint` that has inference components: the one to use; by default none is named."""
    more_inference_components: tuple[str, ...] = ()
    """With `targets_from_messages`: further components that messages may name; by default the function has no right to
    any but `inference_component_name`."""
    target_variant: str | None = None
    """The production variant to use; by default SageMaker picks by weight."""
    targets_from_messages: bool = False
    """Whether the message attributes TargetModel, InferenceComponentName and TargetVariant win over the settings; by
    default they are ignored."""
    requests_in_flight: int | None = None
    """Requests in flight at once in one invocation; by default as many as a full batch needs, 2 to 8. With codec
    `chat`, whose servers batch requests by themselves, up to 64, but no more than the endpoint's
    `concurrent_requests_per_instance` leaves to each invocation."""
    metrics_namespace: str = "SageMakerInference"
    """CloudWatch namespace of the function's metrics."""


@dataclass(frozen=True, kw_only=True)
class PipelineSettings(Settings):
    """A pipeline from a queue to results. Only the model has no default."""

    endpoint: EndpointSettings | ExistingEndpoint
    """The endpoint that scores: created, or one that exists."""
    queue: QueueSettings = QueueSettings()
    """The work queue; by default one is created, `ExistingQueue` takes one of yours."""
    function: FunctionSettings = FunctionSettings()
    """The Lambda function."""
    event_source: EventSourceSettings = EventSourceSettings()
    """How the queue feeds the function."""
    inference: InferenceSettings = InferenceSettings()
    """How records become requests."""
    results: ResultsSettings = ResultsSettings()
    """Where results leave to."""
    idempotency: IdempotencySettings | None = None
    """By default no table is created: a record delivered twice is scored twice, and its results have the same id."""
    monitoring: MonitoringSettings | None = None
    """Alarms and dashboard, which are paid for; by default none are created."""
    bucket_key_arns: tuple[str, ...] = ()
    """Customer keys of the buckets that the function reads inputs from or puts results to; by default their buckets use
    S3's own."""
    kms_key_arn: str | None = None
    """Customer key of everything in the pipeline that takes one and has none of its own set; by default AWS's own keys.
    docs/keys.md has the policy that it needs."""
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    """Warnings that are known and right as they are: the id of each, and the reason. They are not printed. By default
    all are."""


@dataclass(frozen=True, kw_only=True)
class S3StateSettings(Settings):
    """Terraform state in an S3 bucket, locked by a lock file next to it (Terraform 1.10 or newer)."""

    bucket: str
    """The bucket's name; it must exist."""
    region: str
    """The bucket's region."""
    key: str | None = None
    """Object key; by default `STACK/terraform.tfstate`."""


@dataclass(frozen=True, kw_only=True)
class AssumedRole(Settings):
    """A role that Terraform takes on before it does anything in the account."""

    arn: str
    """Its ARN."""
    external_id: str | None = None
    """What the role's trust policy asks for, where it does; by default nothing is sent."""
    session_name: str | None = None
    """Name of the session in CloudTrail; by default one that the provider makes up."""


@dataclass(frozen=True, kw_only=True)
class StackSettings(Settings):
    """One deployment: a region, its state, and one or more pipelines."""

    region: str
    """AWS region of everything in the stack."""
    pipelines: Mapping[str, PipelineSettings]
    """Pipelines by name; the name is part of every resource's name, so it must not change later."""
    feeds: Mapping[str, ResultsOf] = field(default_factory=dict)
    """Chains: by the name of a pipeline, the results of another one that its queue gets. By the other one's
    `results.sink` that is a subscription (`sns`), a rule (`eventbridge`), or, of all results alone, the queue itself in
    the place of a results queue (`sqs`). By default there are none."""
    state: S3StateSettings | None = None
    """Where Terraform keeps its state; by default a local file, which suits one person trying things out."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every resource that takes them, at most 48; where code is signed, or a model is gated, at most 8, since
    an S3 object takes ten. `stack` and `managed-by` are always there."""
    kms_key_arn: str | None = None
    """Customer key of every pipeline that sets no `kms_key_arn` itself; by default AWS's own keys."""
    permissions_boundary_arn: str | None = None
    """Policy that bounds what any role created here may do, however much is granted to it; by default there is none."""
    role_path: str = "/"
    """IAM path of the roles created here, for instance `/inference/`; by default `/`. A change replaces the roles."""
    allowed_account_ids: tuple[str, ...] = ()
    """Accounts that Terraform may deploy to; with credentials of another one it stops. By default any."""
    assume_role: AssumedRole | None = None
    """Role that Terraform deploys as; by default it has the rights of whoever runs it."""
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    """Warnings that are known and right as they are, in every pipeline: the id of each, and the reason. By default none
    are."""
