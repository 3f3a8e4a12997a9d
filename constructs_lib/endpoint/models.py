"""Sources of models: the container that serves each, and the rights that the execution role needs to start it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from constructs_lib.core.build import build_folder
from constructs_lib.core.iam import Statement, key_statements, object_statement
from constructs_lib.core.naming import DeployTarget
from constructs_lib.endpoint.model_archive import package_bundle
from constructs_lib.endpoint.servers import environment_of, registry_of, repository_of
from constructs_lib.settings import (
    ContainerModel,
    EndpointSettings,
    HuggingFaceModel,
    Model,
    ModelPackage,
    ServedModel,
)
from constructs_lib.validation.served_models import served_by

from cdktf import AssetType, ITerraformDependable, TerraformAsset, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.data_aws_sagemaker_prebuilt_ecr_image import DataAwsSagemakerPrebuiltEcrImage
from cdktf_cdktf_provider_aws.s3_object import (
    S3Object,
    S3ObjectOverrideProvider,
    S3ObjectOverrideProviderDefaultTags,
)
from cdktf_cdktf_provider_aws.sagemaker_model import (
    SagemakerModelPrimaryContainer,
    SagemakerModelPrimaryContainerModelDataSourceS3DataSource,
)
from constructs import Construct

HUGGING_FACE_REPOSITORY = "huggingface-pytorch-inference"


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model as SageMaker takes it."""

    id: str
    """What its constructs' ids end in: nothing for the endpoint's own, else the variant that first serves it."""
    container: Mapping[str, Any]
    """Arguments of the container."""
    identity: Mapping[str, Any]
    """The same, with the content that a reference stands for in its place: it is hashed into names."""
    repository_arns: Sequence[str] = ()
    """Where the image is pulled from."""
    reads: Sequence[Statement] = ()
    """Rights to the model's data."""
    secrets: Sequence[Statement] = ()
    """Rights to the secret that its data is guarded by."""
    dependencies: Sequence[ITerraformDependable] = ()
    """Resources that must exist before the model."""

    def render(self) -> SagemakerModelPrimaryContainer:
        arguments = dict(self.container)
        if data := arguments.pop("model_data_source", None):
            # cdktf takes plain mappings, but for those in lists.
            data = [
                SagemakerModelPrimaryContainerModelDataSourceS3DataSource(**item) for item in data["s3_data_source"]
            ]
            arguments["model_data_source"] = {"s3_data_source": data}
        return SagemakerModelPrimaryContainer(**arguments)


def make_sources(scope: Construct, name: str, settings: EndpointSettings) -> dict[str, ModelSource]:
    """Return the source of each variant's model by the variant's name; equal models share one. `name` is the
    endpoint's.
    """
    models = variant_models(settings)
    sources: dict[str, ModelSource] = {}
    for variant, model in models.items():
        shared = next((source for other, source in sources.items() if models[other] == model), None)
        sources[variant] = shared or _make_source(scope, name, model, f"-{variant}" if sources else "")
    return sources


def variant_models(settings: EndpointSettings) -> dict[str, Model]:
    """Return the model that each variant serves, by the variant's name, the endpoint's own first; what follows from
    the variant's capacity is filled in.
    """
    further = (*settings.more_variants, *((settings.shadow,) if settings.shadow else ()))
    return {settings.variant_name: served_by(settings.model, settings.capacity)} | {
        variant.name: served_by(variant.model or settings.model, variant.capacity) for variant in further
    }


def _make_source(scope: Construct, name: str, model: Model, id_: str) -> ModelSource:
    match model:
        case HuggingFaceModel():
            return _hub_source(scope, name, model, id_)
        case ServedModel():
            return _served_source(scope, model, id_)
        case ContainerModel():
            return _container_source(scope, model, id_)
        case ModelPackage():
            return _package_source(scope, model, id_)


def _hub_source(scope: Construct, name: str, model: HuggingFaceModel, id_: str) -> ModelSource:
    prebuilt = DataAwsSagemakerPrebuiltEcrImage(
        scope, f"image{id_}", repository_name=HUGGING_FACE_REPOSITORY, image_tag=model.image_tag
    )
    deploy_target, registry = DeployTarget.of(scope), prebuilt.registry_id
    deploy_target.fixed.append(registry)  # a region's own
    repository_arn = _repository_arn(deploy_target, registry, deploy_target.region, HUGGING_FACE_REPOSITORY)
    container: dict[str, Any] = {"image": prebuilt.registry_path}
    reads: list[Statement] = []
    dependencies: list[ITerraformDependable] = []
    if model.token_secret_arn is None or model.bundle_location is None:
        names = ("HF_MODEL_ID", "HF_MODEL_REVISION")
        variables = {}
    else:
        # Not HF_MODEL_ID: AWS's toolkit would download it by itself, before the bundle could give it the token.
        names = ("HUB_MODEL_ID", "HUB_MODEL_REVISION")
        variables = {"HUB_TOKEN_SECRET_ARN": model.token_secret_arn}
        bundle, container["model_data_url"] = _put_bundle(scope, name, model.bundle_location, id_)
        dependencies = [bundle]
        reads = [Statement(actions=["s3:GetObject"], resources=[_s3_arn(deploy_target, container["model_data_url"])])]
    variables |= {names[0]: model.model_id, "HF_TASK": model.task}
    if model.revision is not None:
        variables[names[1]] = model.revision
    container["environment"] = {**variables, **model.environment}
    return ModelSource(
        id=id_,
        container=container,
        # The reference to a prebuilt image looks the same whatever the tag is.
        identity={**container, "image": [HUGGING_FACE_REPOSITORY, model.image_tag]},
        repository_arns=[repository_arn],
        reads=reads,
        secrets=list(_read_token(deploy_target, model)),
        dependencies=dependencies,
    )


def _put_bundle(scope: Construct, name: str, location: str, id_: str) -> tuple[S3Object, str]:
    """Put the lines that read the secret where the container finds them; return them with their URL."""
    archive, content_hash = package_bundle(build_folder())
    code = TerraformAsset(
        scope, f"bundle-code{id_}", path=str(archive), type=AssetType.FILE, asset_hash=content_hash[:32]
    )
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    # Named after its content: a container that starts while an update is under way finds the bundle of its own model.
    # And after whose it is: the bucket may hold other endpoints' and variants', which are deleted with them.
    key = f"{prefix}{name}/model{id_}/{content_hash[:16]}/{archive.name}"
    bundle = S3Object(
        scope,
        f"bundle{id_}",
        bucket=bucket,
        key=key,
        source=code.path,
        source_hash=content_hash,
        # An object takes ten tags only, and the bucket is not of this stack.
        override_provider=S3ObjectOverrideProvider(default_tags=S3ObjectOverrideProviderDefaultTags(tags={})),
        # The old model starts containers with the old one until the endpoint has moved.
        lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
    )
    return bundle, f"s3://{bucket}/{key}"


def _served_source(scope: Construct, model: ServedModel, id_: str) -> ModelSource:
    deploy_target, repository = DeployTarget.of(scope), repository_of(model)
    registry = registry_of(model, deploy_target.region)
    if registry is not None:
        image = f"{registry}.dkr.ecr.{deploy_target.region}.{deploy_target.dns_suffix}/{repository}:{model.image_tag}"
    else:
        prebuilt = DataAwsSagemakerPrebuiltEcrImage(
            scope, f"image{id_}", repository_name=repository, image_tag=model.image_tag
        )
        registry, image = prebuilt.registry_id, prebuilt.registry_path
        deploy_target.fixed.append(registry)  # a region's own
    container: dict[str, Any] = {"image": image, "environment": environment_of(model)}
    reads: list[Statement] = []
    if model.model_data_prefix:
        container["model_data_source"] = {"s3_data_source": [_prefix_source(model.model_data_prefix)]}
        reads = list(_read_prefix(deploy_target, model.model_data_prefix))
    return ModelSource(
        id=id_,
        container=container,
        # The reference to a prebuilt image looks the same whatever the tag is.
        identity={**container, "image": [registry_of(model, deploy_target.region), repository, model.image_tag]},
        repository_arns=[_repository_arn(deploy_target, registry, deploy_target.region, repository)],
        reads=reads,
    )


def _prefix_source(location: str) -> dict[str, str]:
    return {"s3_uri": location, "s3_data_type": "S3Prefix", "compression_type": "None"}


def _read_token(deploy_target: DeployTarget, model: HuggingFaceModel) -> Iterator[Statement]:
    if model.token_secret_arn is not None:
        yield Statement(actions=["secretsmanager:GetSecretValue"], resources=[model.token_secret_arn])
    yield from key_statements([model.token_key_arn], "secretsmanager", deploy_target, "Decrypt")


def _container_source(scope: Construct, model: ContainerModel, id_: str) -> ModelSource:
    deploy_target = DeployTarget.of(scope)
    parts = re.fullmatch(r"(\d+)\.dkr\.ecr\.([^.]+)\.[^/]+/([^:@]+)[:@].+", model.image_uri)
    # A Terraform reference instead of text: the repository is not known, so all of the account are granted.
    account, region, repository = parts.groups() if parts else (deploy_target.account, deploy_target.region, "*")
    container: dict[str, Any] = {"image": model.image_uri, "environment": dict(model.environment) or None}
    reads: list[Statement] = []
    if model.model_data_url:
        container["model_data_url"] = model.model_data_url
        reads = [Statement(actions=["s3:GetObject"], resources=[_s3_arn(deploy_target, model.model_data_url)])]
    elif model.model_data_prefix:
        if model.multi_model:
            container |= {"mode": "MultiModel", "model_data_url": model.model_data_prefix}
        else:
            container["model_data_source"] = {"s3_data_source": [_prefix_source(model.model_data_prefix)]}
        reads = list(_read_prefix(deploy_target, model.model_data_prefix))
    container = {name: value for name, value in container.items() if value is not None}
    return ModelSource(
        id=id_,
        container=container,
        identity=container,
        repository_arns=[_repository_arn(deploy_target, account, region, repository)],
        reads=reads,
    )


def _read_prefix(deploy_target: DeployTarget, location: str) -> Iterator[Statement]:
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    yield object_statement(deploy_target, "s3:GetObject", location)
    yield Statement(
        actions=["s3:ListBucket"],
        resources=[f"arn:{deploy_target.partition}:s3:::{bucket}"],
        conditions={"StringLike": {"s3:prefix": f"{prefix}*"}} if prefix else {},
    )


def _package_source(scope: Construct, model: ModelPackage, id_: str) -> ModelSource:
    container: dict[str, Any] = {"model_package_name": model.arn}
    if model.environment:
        container["environment"] = dict(model.environment)
    archives = [_s3_arn(DeployTarget.of(scope), url) for url in model.model_data_urls]
    return ModelSource(
        id=id_,
        container=container,
        identity=container,
        repository_arns=model.repository_arns,
        reads=[Statement(actions=["s3:GetObject"], resources=archives)] if archives else [],
    )


def _repository_arn(deploy_target: DeployTarget, account: str, region: str, repository: str) -> str:
    return f"arn:{deploy_target.partition}:ecr:{region}:{account}:repository/{repository}"


def _s3_arn(deploy_target: DeployTarget, url: str) -> str:
    return f"arn:{deploy_target.partition}:s3:::{url.removeprefix('s3://')}"
