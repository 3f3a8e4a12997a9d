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


Model = HuggingFaceModel | ContainerModel | ModelPackage
