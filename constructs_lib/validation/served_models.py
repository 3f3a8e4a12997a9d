"""Models on AWS's images of model servers: which image, how many GPUs, and whether the weights fit the instance."""

import re
from collections.abc import Iterator
from dataclasses import replace

from constructs_lib.settings import (
    Capacity,
    EndpointSettings,
    LanguageModel,
    Model,
    PipelineSettings,
    ServedModel,
    ServerlessCapacity,
    TextEmbeddingsModel,
)
from constructs_lib.settings.models import LMI_IMAGE_TAG, TEI_CPU_IMAGE_TAG, TEI_GPU_IMAGE_TAG, TGI_IMAGE_TAG
from constructs_lib.validation.accelerators import Gpus, gpus_of, memory_gib
from constructs_lib.validation.instances import accelerator
from constructs_lib.validation.references import is_unresolved
from constructs_lib.validation.relations import Relation

QUANTIZATIONS = {"lmi": ("fp8", "bitsandbytes", "awq", "gptq"), "tgi": ("fp8", "bitsandbytes", "eetq", "awq", "gptq")}
# Bytes of a parameter; four bits need a little more than half a byte, for their scales.
BYTES = {None: 2.0, "fp8": 1.0, "eetq": 1.0, "bitsandbytes": 0.6, "awq": 0.6, "gptq": 0.6}
# vLLM: gpu_memory_utilization; what is left of it beside the weights holds the tokens that are being worked on.
USABLE, COMFORTABLE = 0.9, 0.7
# Names round, mostly down: of those with 7B Qwen2.5 has 7.61 billion, Mistral v0.1 7.24 and Llama 2 6.74 (their cards
# on the Hugging Face Hub). So much more than its name says is reckoned with, but no more than one of the name's last
# digit: 72B is less than 73.
MORE_THAN_NAMED = 0.1
TEI_BYTES = {"cpu": 4.0, "gpu": 2.0}
IN_NAME = re.compile(r"(?i)(?<![\w.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])")
REFERENCE_REASON = "the instance type is a Terraform reference"
# Each server's own form of a request; any of your own may fit too.
CODECS = {TextEmbeddingsModel: ("huggingface", "instances", "single"), LanguageModel: ("chat", "single")}


def served_by(model: Model, capacity: Capacity) -> Model:
    """Return the model with what follows from its capacity filled in: the image, and the GPUs it is spread over."""
    gpus = _gpus(capacity)
    if isinstance(model, TextEmbeddingsModel):
        return replace(
            model, image_tag=model.image_tag or (TEI_GPU_IMAGE_TAG if _has_gpu(capacity) else TEI_CPU_IMAGE_TAG)
        )
    if isinstance(model, LanguageModel):
        tag = LMI_IMAGE_TAG if model.server == "lmi" else TGI_IMAGE_TAG
        degree = model.tensor_parallel_degree or (gpus.number if gpus else None)
        return replace(model, image_tag=model.image_tag or tag, tensor_parallel_degree=degree)
    return model


def million_parameters(model: ServedModel) -> int | None:
    """Return the number of parameters: as set, or as the model's name has it (…-7B-…, …-560m)."""
    if model.million_parameters is not None:
        return model.million_parameters
    named = _named_millions(model)
    return round(named[0]) if named else None


def _named_millions(model: ServedModel) -> tuple[float, float] | None:
    """Return the parameters that the model's name has, and what one of its last digit stands for."""
    sizes = [] if is_unresolved(model.model_id) else IN_NAME.findall(model.model_id.rpartition("/")[2])
    if not sizes:
        return None
    number, unit = sizes[0]
    scale = 1000 if unit in "bB" else 1
    return float(number) * scale, scale / 10 ** len(number.partition(".")[2])


def served_model_relations(settings: EndpointSettings) -> Iterator[Relation]:
    """Yield what does not fit between an endpoint's served models and their capacity."""
    for place, model, capacity in _served(settings):
        if isinstance(model, LanguageModel):
            yield from _language_model_relations(place, model, capacity)
        elif model.image_tag is None and is_unresolved(getattr(capacity, "instance_type", "")):
            yield Relation(f"{place}.image_tag", None, "that of the image for CPUs or for GPUs", REFERENCE_REASON)
        if isinstance(capacity, ServerlessCapacity) and model.model_data_prefix is not None:
            bound = "None on serverless capacity"
            yield Relation(f"{place}.model_data_prefix", model.model_data_prefix, bound, "SageMaker ModelDataSource")
        if settings.network_isolation and model.model_data_prefix is None:
            bound = "with model_data_prefix, with network_isolation"
            yield Relation(place, model.model_id, bound, "its container loads it from the Hub")
        if room := _room_gb(model, capacity):
            weights = _weights_gb(model, capacity)
            if weights and weights > USABLE * room:
                yield Relation(place, model.model_id, *_too_large(weights, room, _where(capacity)))


def _language_model_relations(place: str, model: LanguageModel, capacity: Capacity) -> Iterator[Relation]:
    if isinstance(capacity, ServerlessCapacity):
        yield Relation(place, model.model_id, "no LanguageModel on serverless capacity", "it has no GPU")
        return
    instance_type, gpus, degree = capacity.instance_type, _gpus(capacity), model.tensor_parallel_degree
    if is_unresolved(instance_type):
        if degree is None and model.server == "tgi":  # LMI takes "max"
            yield Relation(f"{place}.tensor_parallel_degree", None, "the number of GPUs", REFERENCE_REASON)
        return
    if accelerator(instance_type) != "a GPU":
        yield Relation(place, model.model_id, f"on an instance type with GPUs, not {instance_type}", "AWS's images")
    elif gpus is None and degree is None:
        reason = f"it is not known how many GPUs {instance_type} has"
        yield Relation(f"{place}.tensor_parallel_degree", None, "the number of GPUs", reason)
    elif gpus is not None and degree is not None and degree > gpus.number:
        bound = f"at most {gpus.number}, the GPUs of {instance_type}"
        yield Relation(f"{place}.tensor_parallel_degree", degree, bound, "each part is on a GPU of its own")


def language_model_relations(settings: LanguageModel) -> Iterator[Relation]:
    known = QUANTIZATIONS.get(settings.server, ())
    if settings.quantization is not None and known and settings.quantization not in known:
        bound = f"None or one of {', '.join(known)} with server {settings.server}"
        yield Relation("quantization", settings.quantization, bound, "what the server can load")


def tight_models(settings: EndpointSettings) -> Iterator[tuple[str, str]]:
    """Yield the place of each model whose weights leave little memory for the texts, or may not fit, and why.

    What does not fit even by its name is not among them: it is refused.
    """
    for place, model, capacity in _served(settings):
        room, weights = _room_gb(model, capacity), _weights_gb(model, capacity)
        if not room or not weights or weights > USABLE * room:
            continue
        most = weights * (1 + _more_than_named(model))
        if most > USABLE * room:
            text = (
                f"weights of {weights:.1f} GB by its name, and names round: up to {most:.1f} GB would be over 90 % of "
                f"the {room:.0f} GB of {_where(capacity)}, and it would not start; million_parameters says how many it "
                "has"
            )
            yield place, text
        elif weights > COMFORTABLE * room:
            text = (
                f"weights of about {weights:.0f} GB leave little of the {room:.0f} GB of {_where(capacity)} for texts"
            )
            yield place, text


def _more_than_named(model: ServedModel) -> float:
    """Return the share by which the parameters may be more than those that are reckoned with."""
    named = _named_millions(model)
    if model.million_parameters is not None or named is None:
        return 0.0
    return min(MORE_THAN_NAMED, named[1] / named[0])


def codec_relations(settings: PipelineSettings) -> Iterator[Relation]:
    """Yield a codec, or a size of requests, that the model's server does not take."""
    endpoint, inference = settings.endpoint, settings.inference
    for model in {type(one): one for one in getattr(endpoint, "models", ())}.values():
        codecs = CODECS.get(type(model), ())
        one_each = isinstance(model, LanguageModel) and inference.max_records_per_request == 1
        fits = inference.codec in codecs or ":" in inference.codec or (one_each and inference.codec == "huggingface")
        if codecs and not fits:
            bound = f"{', '.join(codecs)} or one of your own with a {type(model).__name__}"
            yield Relation("inference.codec", inference.codec, bound, "the form that the model's server takes")
        if isinstance(model, TextEmbeddingsModel) and inference.codec in ("huggingface", "instances"):
            most, records = model.max_client_batch_size, inference.max_records_per_request
            if records > most and settings.endpoint.async_capacity is None:
                bound = f"at most endpoint.model.max_client_batch_size, {most}"
                yield Relation("inference.max_records_per_request", records, bound, "the server refuses more texts")


def _served(settings: EndpointSettings) -> Iterator[tuple[str, ServedModel, Capacity]]:
    """Yield each served model and a capacity that it runs on, with the model's place in the settings."""
    further = [(f"more_variants[{position}].model", variant) for position, variant in enumerate(settings.more_variants)]
    further += [("shadow.model", settings.shadow)] if settings.shadow is not None else []
    if isinstance(settings.model, ServedModel):
        yield "model", settings.model, settings.capacity
    for place, variant in further:
        own = variant.model or settings.model
        if isinstance(own, ServedModel):
            yield "model" if variant.model is None else place, own, variant.capacity


def _gpus(capacity: Capacity) -> Gpus | None:
    return None if isinstance(capacity, ServerlessCapacity) else gpus_of(capacity.instance_type)


def _has_gpu(capacity: Capacity) -> bool:
    return not isinstance(capacity, ServerlessCapacity) and accelerator(capacity.instance_type) == "a GPU"


def _room_gb(model: ServedModel, capacity: Capacity) -> float | None:
    """Return the memory that the model's weights may be in; None if it is not known."""
    gpus = _gpus(capacity)
    if gpus is not None:
        degree = getattr(model, "tensor_parallel_degree", 1 if isinstance(model, TextEmbeddingsModel) else None)
        return gpus.gb * min(degree or gpus.number, gpus.number)
    if isinstance(model, LanguageModel):
        return None  # which runs on GPUs alone
    if isinstance(capacity, ServerlessCapacity):
        return capacity.memory_mib / 1000
    return memory_gib(capacity.instance_type)


def _weights_gb(model: ServedModel, capacity: Capacity) -> float | None:
    count = million_parameters(model)
    if isinstance(model, LanguageModel):
        size = BYTES.get(model.quantization, 2.0)
    else:
        size = TEI_BYTES["gpu" if _has_gpu(capacity) else "cpu"]
    return count * size / 1000 if count else None


def _too_large(weights: float, room: float, where: str) -> tuple[str, str]:
    bound = f"a model with at most {USABLE * room:.0f} GB of weights, 90 % of the memory of {where}"
    return bound, f"it has about {weights:.0f} GB; quantization, a smaller model or a larger instance type fits"


def _where(capacity: Capacity) -> str:
    if isinstance(capacity, ServerlessCapacity):
        return "the serverless capacity"
    return f"{'the GPUs of ' if _gpus(capacity) else ''}{capacity.instance_type}"
