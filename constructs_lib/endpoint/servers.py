"""AWS's images of model servers: the repository and the environment of each.

Environments: TEI `sagemaker-entrypoint.sh` and `cli_arguments.md`; TGI `sagemaker-entrypoint.sh` and
`launcher.md`; LMI `lmi/user_guides/vllm_user_guide.md` (each option is a variable `OPTION_…`). Read 2026-11-26.
"""

from collections.abc import Mapping

from constructs_lib.settings import LanguageModel, ServedModel, TextEmbeddingsModel

# Where the model's files are in the container if they come from S3 (SageMaker ModelDataSource).
FILES = "/opt/ml/model"
# AWS accounts of images in regions that Terraform's AWS provider 6.25 does not know (sagemaker-python-sdk,
# image_uri_config/djl-lmi.json and huggingface-llm.json, read 2026-11-26). Those of TEI it knows wherever they are.
REGISTRIES_BESIDE_PROVIDER: Mapping[str, str] = {
    "ap-east-2": "975050140332",
    "ap-southeast-5": "550225433462",
    "ap-southeast-6": "633930458069",
    "ap-southeast-7": "590183813437",
    "mx-central-1": "637423239942",
}


def repository_of(model: ServedModel) -> str:
    """Return the name of AWS's repository; the model has its image's tag."""
    if isinstance(model, LanguageModel):
        return "djl-inference" if model.server == "lmi" else "huggingface-pytorch-tgi-inference"
    return "tei-cpu" if "-cpu-" in (model.image_tag or "") else "tei"


def registry_of(model: ServedModel, region: str) -> str | None:
    """Return the account that the image is pulled from, if it is set or the provider does not know it."""
    beside = REGISTRIES_BESIDE_PROVIDER.get(region) if isinstance(model, LanguageModel) else None
    return model.registry_id or beside


def environment_of(model: ServedModel) -> dict[str, str]:
    """Return the container's variables; the model has the number of its GPUs."""
    variables = {"HF_MODEL_ID": FILES if model.model_data_prefix else model.model_id}
    match model:
        case TextEmbeddingsModel():
            variables |= _tei(model)
        case LanguageModel(server="lmi"):
            variables |= _lmi(model)
        case LanguageModel():
            variables |= _tgi(model)
    return {**variables, **model.environment}


def _tei(model: TextEmbeddingsModel) -> dict[str, str]:
    given = {
        "HF_MODEL_REVISION": model.revision,
        "POOLING": model.pooling,
        "MAX_BATCH_TOKENS": str(model.max_batch_tokens),
        "MAX_CLIENT_BATCH_SIZE": str(model.max_client_batch_size),
        "AUTO_TRUNCATE": "true" if model.auto_truncate else "false",
    }
    return {name: value for name, value in given.items() if value is not None}


def _lmi(model: LanguageModel) -> dict[str, str]:
    given = {
        "OPTION_REVISION": model.revision,
        "OPTION_ENTRYPOINT": "djl_python.lmi_vllm.vllm_async_service",
        "OPTION_ASYNC_MODE": "true",
        "OPTION_ROLLING_BATCH": "disable",
        "OPTION_TENSOR_PARALLEL_DEGREE": str(model.tensor_parallel_degree or "max"),
        "OPTION_MAX_MODEL_LEN": str(model.max_model_tokens),
        # Of a model that was quantized before, vLLM reads it in the model's configuration, and is faster then.
        "OPTION_QUANTIZE": model.quantization if model.quantization not in ("awq", "gptq") else None,
        "SERVING_FAIL_FAST": "true",
    }
    return {name: value for name, value in given.items() if value is not None}


def _tgi(model: LanguageModel) -> dict[str, str]:
    given = {
        "HF_MODEL_REVISION": model.revision,
        "SM_NUM_GPUS": str(model.tensor_parallel_degree or 1),
        "HF_MODEL_QUANTIZE": model.quantization,
        "MAX_TOTAL_TOKENS": str(model.max_model_tokens),
        "MAX_INPUT_TOKENS": str(model.max_model_tokens - 1),
    }
    return {name: value for name, value in given.items() if value is not None}
