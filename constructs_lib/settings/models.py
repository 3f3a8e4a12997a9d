"""Models that an endpoint can serve."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from constructs_lib.settings.base import Settings

# PyTorch 2.6, transformers 4.49: AWS's Hugging Face inference image for CPUs.
HUGGING_FACE_CPU_IMAGE_TAG = "2.6.0-transformers4.49.0-cpu-py312-ubuntu22.04"


@dataclass(frozen=True, kw_only=True)
class HuggingFaceModel(Settings):
    """A model of the Hugging Face Hub on AWS's prebuilt image; the container downloads it when it starts."""

    model_id: str
    """The Hub's name of it, for instance `papluca/xlm-roberta-base-language-detection`."""
    task: str
    """The transformers pipeline task, for instance `text-classification`."""
    revision: str | None = None
    """Branch, tag or commit; by default the head of the main branch at the time a container starts."""
    image_tag: str = HUGGING_FACE_CPU_IMAGE_TAG
    """Tag in AWS's `huggingface-pytorch-inference` repository; by default a CPU image."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for the container; they win over those that the fields above give. No token: it would be
    readable in plan and state."""
    token_secret_arn: str | None = None
    """Secret of AWS Secrets Manager that holds the Hub's token as plain text, for gated and private models. The
    container reads it when it starts; the token is in no environment variable. By default the model is public."""
    token_key_arn: str | None = None
    """Customer key that the secret is encrypted with; by default Secrets Manager's own."""
    bundle_location: str | None = None
    """With `token_secret_arn`: `s3://bucket/prefix/` of a bucket that exists, where the few lines that read the secret
    are put for the container."""


# AWS's images of Text Embeddings Inference 1.8.2, of Large Model Inference 16 (vLLM 0.10) and of Text Generation
# Inference 3.3.6 (aws.github.io/deep-learning-containers; sagemaker-python-sdk, image_uri_config; read 2026-11-26).
TEI_CPU_IMAGE_TAG = "2.0.1-tei1.8.2-cpu-py310-ubuntu22.04"
TEI_GPU_IMAGE_TAG = "2.0.1-tei1.8.2-gpu-py310-cu122-ubuntu22.04"
LMI_IMAGE_TAG = "0.34.0-lmi16.0.0-cu128"
TGI_IMAGE_TAG = "2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04"


@dataclass(frozen=True, kw_only=True)
class ServedModel(Settings):
    """A model of the Hugging Face Hub, or its files in S3, on one of AWS's images of a model server."""

    model_id: str
    """The Hub's name of it, for instance `BAAI/bge-base-en-v1.5`."""
    revision: str | None = None
    """Branch, tag or commit; by default the head of the main branch at the time a container starts."""
    model_data_prefix: str | None = None
    """`s3://bucket/prefix/` of the model's uncompressed files, for private and gated models, and for containers without
    a way to the Hub; by default the container downloads `model_id` from the Hub when it starts."""
    million_parameters: int | None = None
    """Number of the model's parameters in millions, to check that they fit the instance; by default it is read from
    the model's name (`…-7B-…`), which rounds: a warning says where up to a tenth more would not fit. Nothing is
    checked if it is not there."""
    image_tag: str | None = None
    """Tag in AWS's repository of the server; by default one that was current when this library was released."""
    registry_id: str | None = None
    """AWS account that the image is pulled from, for regions where Terraform's AWS provider does not know it; by
    default the provider's."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for the container; they win over those that the fields above give. No token: it would be
    readable in plan and state."""


@dataclass(frozen=True, kw_only=True)
class TextEmbeddingsModel(ServedModel):
    """Embeddings, rerankers and classifiers on Text Embeddings Inference (TEI), which batches by itself.

    Records {"inputs": "a text"} with codec `huggingface` give a vector each; a reranker takes
    {"query": …, "texts": […]} with codec `single`. The image is for CPUs, or for GPUs where the instance type has one.
    """

    max_batch_tokens: int = 16_384
    """Most tokens that the server puts into one batch of the model; by default 16,384."""
    max_client_batch_size: int = 32
    """Most texts that the server takes in one request; by default 32. `inference.max_records_per_request` is at most
    that."""
    auto_truncate: bool = True
    """Whether texts over the model's length are cut; by default they are. Else the server refuses them."""
    pooling: str | None = None
    """`cls`, `mean`, `splade` or `last-token`; by default what the model's own configuration says."""


@dataclass(frozen=True, kw_only=True)
class LanguageModel(ServedModel):
    """A language model on LMI (vLLM) or TGI, which batch requests by themselves; the codec is `chat`."""

    server: str = "lmi"
    """`lmi` (Large Model Inference, with vLLM) or `tgi` (Text Generation Inference); by default LMI."""
    quantization: str | None = None
    """How weights are made smaller when they are loaded: `fp8` or `bitsandbytes`, with TGI `eetq` too; or, of a model
    that was quantized before, `awq` or `gptq`. By default they are 16 bits each, or as the model's configuration
    says."""
    max_model_tokens: int = 8192
    """Most tokens of prompt and answer together; by default 8,192. The longer, the more memory is kept for them."""
    tensor_parallel_degree: int | None = None
    """GPUs that the model is spread over; by default all of the instance."""


@dataclass(frozen=True, kw_only=True)
class ContainerModel(Settings):
    """A container image that answers /ping and /invocations, with model data from S3."""

    image_uri: str
    """Full image URI in Amazon ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG` (or `@sha256:…`). Of one that
    is a Terraform reference the repository is not known: the role may then pull from every one of the account."""
    model_data_url: str | None = None
    """`s3://bucket/key.tar.gz`; by default the image brings its own model."""
    model_data_prefix: str | None = None
    """`s3://bucket/prefix/` of uncompressed files, in place of `model_data_url`, not on serverless capacity; with
    `multi_model`, of the archives that requests choose from."""
    multi_model: bool = False
    """Whether the container loads the archives below `model_data_prefix` as requests name them (TargetModel); by
    default it serves one model."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the container."""


@dataclass(frozen=True, kw_only=True)
class ModelPackage(Settings):
    """A model package: of your registry, of JumpStart, or subscribed to on AWS Marketplace.

    Those of AWS Marketplace want `network_isolation`, and run neither serverless nor as a shadow.
    """

    arn: str
    """ARN of the package's version."""
    repository_arns: tuple[str, ...] = ()
    """ECR repositories of its images, for a package of your registry; by default none: AWS itself pulls the others'."""
    model_data_urls: tuple[str, ...] = ()
    """`s3://bucket/key` of its archives, for a package of your registry; by default none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the container."""


Model = HuggingFaceModel | TextEmbeddingsModel | LanguageModel | ContainerModel | ModelPackage
