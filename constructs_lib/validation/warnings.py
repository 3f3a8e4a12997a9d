"""Warnings: settings that work but are not advised, or that AWS may refuse, each under an id of `warning_ids.py`."""

from collections.abc import Iterator

from constructs_lib.settings import (
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    HuggingFaceModel,
    PipelineSettings,
    ServerlessCapacity,
    ServicePrincipal,
)
from constructs_lib.settings.base import did_you_mean
from constructs_lib.settings.handler import MIB, request_timeout_seconds
from constructs_lib.validation.derived import advised_visibility_seconds
from constructs_lib.validation.endpoint_relations import endpoint_models
from constructs_lib.validation.instances import accelerator, has_nvme, is_graviton, not_listed
from constructs_lib.validation.limits import (
    INVOCATIONS_PER_POLLER,
    LAMBDA_PAYLOAD_BYTES,
    MAX_RETENTION_SECONDS,
    REAL_TIME_PAYLOAD_BYTES,
)
from constructs_lib.validation.references import is_unresolved
from constructs_lib.validation.regions import unknown_region
from constructs_lib.validation.relations import DEFAULT_FILTERS
from constructs_lib.validation.served_models import tight_models
from constructs_lib.validation.warning_ids import SettingsWarning

# SageMaker: the time that a container has for an answer
CONTAINER_SECONDS = 60
# Tasks of transformers 4.49 (`pipelines.SUPPORTED_TASKS` and `TASK_ALIASES`), and those that AWS's Hugging Face
# containers add (`sagemaker_huggingface_inference_toolkit`: sentence-transformers and diffusers); read 2026-11-26.
TASKS = (
    *("audio-classification", "automatic-speech-recognition", "depth-estimation", "document-question-answering"),
    *("feature-extraction", "fill-mask", "image-classification", "image-feature-extraction", "image-segmentation"),
    *("image-text-to-text", "image-to-image", "image-to-text", "mask-generation", "ner", "object-detection"),
    *("question-answering", "sentiment-analysis", "summarization", "table-question-answering", "text-classification"),
    *("text-generation", "text-to-audio", "text-to-speech", "text2text-generation", "token-classification"),
    *("translation", "video-classification", "visual-question-answering", "vqa", "zero-shot-audio-classification"),
    *("zero-shot-classification", "zero-shot-image-classification", "zero-shot-object-detection"),
    *("sentence-embeddings", "sentence-ranking", "sentence-similarity", "text-to-image"),
)


def pipeline_warnings(settings: PipelineSettings, region: str) -> Iterator[SettingsWarning]:
    """Yield the warnings of a pipeline that its settings do not acknowledge.

    `settings` have every derived default filled in; of a region that is a Terraform reference nothing is known.
    """
    for warning in (*_region_warnings(region), *chain_warnings(settings), *endpoint_warnings(settings, region)):
        if warning.id not in settings.acknowledged:
            yield warning


def _region_warnings(region: str) -> Iterator[SettingsWarning]:
    if why := unknown_region(region):
        yield SettingsWarning("unknown-region", why)


def chain_warnings(settings: PipelineSettings) -> Iterator[SettingsWarning]:
    """Yield what works but is not advised, across resources."""
    yield from _time_warnings(settings)
    yield from _concurrency_warnings(settings)
    yield from _size_warnings(settings)
    yield from _chat_warnings(settings)
    yield from _filter_warnings(settings.event_source)
    yield from _sender_warnings(settings)
    if settings.queue.max_receive_count < 5:
        text = f"queue.max_receive_count is {settings.queue.max_receive_count}: Lambda advises at least 5"
        yield SettingsWarning("few-receives", text)


def _sender_warnings(settings: PipelineSettings) -> Iterator[SettingsWarning]:
    services = [sender.service for sender in settings.queue.senders if isinstance(sender, ServicePrincipal)]
    envelope = settings.inference.envelope
    if any(service.startswith("s3.") for service in services) and envelope not in ("s3", "auto", "as-is"):
        yield SettingsWarning(
            "bucket-events-refused",
            f"queue.senders has Amazon S3, and inference.envelope is {envelope}: its notifications are dead-lettered; "
            "s3 has their objects scored",
        )


def _time_warnings(settings: PipelineSettings) -> Iterator[SettingsWarning]:
    queue, function = settings.queue, settings.function
    advised, visibility = advised_visibility_seconds(settings), queue.visibility_timeout_seconds
    if visibility is not None and visibility < advised:
        yield SettingsWarning(
            "visibility-below-advice",
            f"queue.visibility_timeout_seconds is {visibility}: Lambda advises {advised} (6 x function timeout + "
            "batching window), or throttled batches are delivered twice",
        )
    request_timeout = request_timeout_seconds(function.timeout_seconds)
    if settings.endpoint.is_serverless and request_timeout < CONTAINER_SECONDS:
        yield SettingsWarning(
            "timeout-below-cold-start",
            f"function.timeout_seconds is {function.timeout_seconds}: it leaves a request {request_timeout} "
            f"s, a cold serverless container may take {CONTAINER_SECONDS}; 75 or more lets it answer",
        )
    if queue.dead_letter_retention_seconds == queue.message_retention_seconds < MAX_RETENTION_SECONDS:
        yield SettingsWarning(
            "dead-letters-expire",
            "queue.dead_letter_retention_seconds equals the queue's own: old messages leave no time to look at them",
        )


def _concurrency_warnings(settings: PipelineSettings) -> Iterator[SettingsWarning]:
    source, capacity = settings.event_source, settings.endpoint.most_requests
    invocations, origin = source.maximum_concurrency or 0, "event_source.maximum_concurrency"
    if source.provisioned_pollers is not None:
        invocations = source.provisioned_pollers.maximum * INVOCATIONS_PER_POLLER
        origin = f"event_source.provisioned_pollers.maximum x {INVOCATIONS_PER_POLLER}"
    in_flight = invocations * (settings.inference.requests_in_flight or 1)
    if capacity is not None and in_flight > capacity:
        yield SettingsWarning(
            "requests-over-capacity",
            f"{origin} x inference.requests_in_flight is {in_flight}: the endpoint takes "
            f"{capacity} requests at its largest and throttles the rest",
        )


def _size_warnings(settings: PipelineSettings) -> Iterator[SettingsWarning]:
    queue, source, inference = settings.queue, settings.event_source, settings.inference
    if source.batch_size * queue.max_message_bytes > LAMBDA_PAYLOAD_BYTES:
        yield SettingsWarning(
            "batch-over-payload",
            f"event_source.batch_size x queue.max_message_bytes is {source.batch_size * queue.max_message_bytes} "
            f"bytes: Lambda cuts batches at {LAMBDA_PAYLOAD_BYTES}",
        )
    if inference.max_request_bytes > REAL_TIME_PAYLOAD_BYTES and settings.endpoint.async_capacity is None:
        yield SettingsWarning(
            "request-over-api-model",
            f"inference.max_request_bytes is {inference.max_request_bytes}: the InvokeEndpoint API model admits "
            f"{REAL_TIME_PAYLOAD_BYTES}",
        )
    held = source.batch_size * inference.max_request_bytes
    reads = inference.input_location is not None and settings.endpoint.async_capacity is None
    if reads and held > settings.function.memory_mib * MIB // 2:
        yield SettingsWarning(
            "batch-over-memory",
            f"event_source.batch_size x inference.max_request_bytes is {held} bytes: the function holds the inputs of "
            f"a batch at once, in function.memory_mib {settings.function.memory_mib}",
        )


def _chat_warnings(settings: PipelineSettings) -> Iterator[SettingsWarning]:
    """Yield what concerns language models; nothing switches to asynchronous inference by itself."""
    inference, function = settings.inference, settings.function
    if inference.session_attribute is not None and isinstance(settings.endpoint, EndpointSettings):
        yield SettingsWarning(
            "session-without-routing",
            "inference.session_attribute is set, and the endpoint that is created here does not route by prefix: "
            "Terraform's AWS provider 6.25 can't set that up; an ExistingEndpoint may have it",
        )
    if inference.codec != "chat":
        return
    held = (inference.requests_in_flight or 1) * (inference.max_response_bytes or 0)
    if held > function.memory_mib * MIB // 2 and settings.endpoint.async_capacity is None:
        yield SettingsWarning(
            "answers-over-memory",
            f"inference.requests_in_flight x inference.max_response_bytes is {held} bytes: the function holds as many "
            f"answers at once, in function.memory_mib {function.memory_mib}",
        )
    names = ("max_new_tokens",) if inference.chat_style == "inputs" else ("max_tokens", "max_completion_tokens")
    name = next((one for one in names if one in inference.parameters), names[0])
    most = inference.parameters.get(name)
    capacity = settings.endpoint.async_capacity
    seconds = capacity.invocation_timeout_seconds if capacity else request_seconds(settings)
    instead = "; endpoint.capacity AsyncCapacity gives an answer up to an hour" if capacity is None else ""
    if most is None and inference.chat_style == "openai":
        yield SettingsWarning(
            "answer-over-time",
            f"inference.parameters has no {name}: an answer may go on to the model's limit, and a request has "
            f"{seconds} s{instead}",
        )
    elif isinstance(most, int) and most > seconds * inference.answer_tokens_per_second:
        took = most // inference.answer_tokens_per_second
        yield SettingsWarning(
            "answer-over-time",
            f"inference.parameters has {name} {most}: at {inference.answer_tokens_per_second} tokens a second "
            f"(inference.answer_tokens_per_second) an answer takes up to {took} s, and a request has {seconds} "
            f"s{instead}",
        )


def request_seconds(settings: PipelineSettings) -> int:
    """Return the seconds that a real-time container has for an answer: SageMaker's, or what the function leaves it."""
    return min(CONTAINER_SECONDS, request_timeout_seconds(settings.function.timeout_seconds))


def _filter_warnings(source: EventSourceSettings) -> Iterator[SettingsWarning]:
    if source.filters:
        text = "event_source.filters: Lambda deletes the messages that fit none of them from the queue"
        yield SettingsWarning("filters-delete", text)
    if len(source.filters) > DEFAULT_FILTERS:
        yield SettingsWarning(
            "filters-over-quota",
            f"event_source.filters has {len(source.filters)} patterns: Lambda admits {DEFAULT_FILTERS} before the "
            "account's quota is raised",
        )


def endpoint_warnings(settings: PipelineSettings, region: str) -> Iterator[SettingsWarning]:
    """Yield what may not be there, or not fit, of the instances and the models that are set."""
    endpoint = settings.endpoint
    if isinstance(endpoint, ExistingEndpoint):
        return
    for place, instance_type in _instance_types(endpoint).items():
        if why := not_listed(instance_type, region):
            yield SettingsWarning("instance-not-listed", f"{place} is {instance_type}: {why}")
    yield from _volume_key_warnings(endpoint)
    yield from _image_warnings(endpoint)
    for place, why in tight_models(endpoint):
        yield SettingsWarning("model-fills-memory", f"endpoint.{place}: {why}")
    tasks = {
        f"endpoint.{place}.task": model.task
        for place, model in endpoint_models(endpoint)
        if isinstance(model, HuggingFaceModel)
    }
    if settings.inference.task != endpoint.task:  # else it is derived from the model's
        tasks["inference.task"] = settings.inference.task or ""
    for place, task in tasks.items():
        if not _is_task(task):
            meant = did_you_mean(task, TASKS) or "; the container may not start"
            yield SettingsWarning("unknown-task", f"{place} is {task}: transformers has none{meant}")


def _instance_types(endpoint: EndpointSettings) -> dict[str, str]:
    """Return each instance type that is known, by its place."""
    return {
        f"endpoint.{variant.place}.instance_type": variant.capacity.instance_type
        for variant in (*endpoint.production_variants, *endpoint.shadow_variants)
        if not isinstance(variant.capacity, ServerlessCapacity) and not is_unresolved(variant.capacity.instance_type)
    }


def _volume_key_warnings(endpoint: EndpointSettings) -> Iterator[SettingsWarning]:
    """Yield volumes that a customer key is set for and does not reach.

    Not a violation, since sources differ: the SageMaker guide and SDK (its issue 3677) say that CreateEndpointConfig
    fails, the API model of botocore 1.43.106 that the key is merely not used; and policies of organisations may demand
    a key in every call. Read 2026-11-26.
    """
    if endpoint.volume_key_arn is None:
        return
    for place, instance_type in _instance_types(endpoint).items():
        if has_nvme(instance_type):
            yield SettingsWarning(
                "volume-key-unused",
                f"endpoint.volume_key_arn is set, and {place} is {instance_type}: its local storage is encrypted by "
                "the hardware, and SageMaker may refuse the key",
            )


def _image_warnings(endpoint: EndpointSettings) -> Iterator[SettingsWarning]:
    """Yield images of the Hugging Face container that instances of a variant can't run, or can't make use of."""
    models = dict(endpoint_models(endpoint))
    for place, instance_type in _instance_types(endpoint).items():
        own = place.removeprefix("endpoint.").removesuffix("capacity.instance_type") + "model"
        model = models.get(own, endpoint.model)
        if not isinstance(model, HuggingFaceModel) or is_unresolved(model.image_tag):
            continue
        where = f"endpoint.{own if own in models else 'model'}.image_tag is {model.image_tag}"
        machine, gpu = accelerator(instance_type), "-gpu-" in model.image_tag
        why = None
        if is_graviton(instance_type):
            why = "has a Graviton processor, and AWS has this image for x86 alone"
        elif "-cpu-" in model.image_tag and machine:
            why = f"has {machine}, which an image for CPUs leaves idle"
        elif gpu and machine != "a GPU":
            why = "has no GPU, which the image is for"
        if why:
            yield SettingsWarning("image-on-other-hardware", f"{where}: {place}, {instance_type}, {why}")


def _is_task(task: str) -> bool:
    """Whether the task is known; `translation_en_to_fr` and the like name their languages."""
    return is_unresolved(task) or task in TASKS or task.startswith("translation_")
