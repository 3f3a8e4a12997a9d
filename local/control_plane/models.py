"""SageMaker's models and endpoint configurations."""

from collections.abc import Callable, Iterator

from constructs_lib.validation.instances import has_nvme

from local.control_plane.rules import Refused, Rule
from local.control_plane.state import Fields, State, existing, require_free, require_models, variants_of


class Models:
    """The operations on models and configurations."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateModel": self.create_model,
            "DescribeModel": self.describe_model,
            "DeleteModel": self.delete_model,
            "CreateEndpointConfig": self.create_configuration,
            "DescribeEndpointConfig": self.describe_configuration,
            "DeleteEndpointConfig": self.delete_configuration,
        }

    def create_model(self, request: Fields) -> Fields:
        state, name = self._state, request["ModelName"]
        arn = state.sagemaker_arn("model", name)
        require_free(state.models, name, "model", arn)
        if role := request.get("ExecutionRoleArn"):
            self._require_role(role)
        described = {key: value for key, value in request.items() if key != "Tags"}
        for container in [described.get("PrimaryContainer"), *described.get("Containers", [])]:
            if container is not None:
                container.setdefault("Mode", "SingleModel")
        described.setdefault("EnableNetworkIsolation", False)
        state.models[name] = {**described, "ModelArn": arn, "CreationTime": state.now()}
        _tag(state, arn, request)
        return {"ModelArn": arn}

    def describe_model(self, request: Fields) -> Fields:
        model: Fields = self._model(request["ModelName"])
        return model

    def delete_model(self, request: Fields) -> Fields:
        state, name = self._state, request["ModelName"]
        model = self._model(name)
        for endpoint, configuration in _in_use(state):
            if name in {
                variant.get("ModelName") for variant in variants_of(state.configurations.get(configuration, {}))
            }:
                state.violate(Rule.MODEL_IN_USE, f"the model {name} was deleted while the endpoint {endpoint} uses it")
        del state.models[name]
        state.tags.pop(model["ModelArn"], None)
        return {}

    def create_configuration(self, request: Fields) -> Fields:
        state, name = self._state, request["EndpointConfigName"]
        arn = state.sagemaker_arn("endpoint-config", name)
        require_free(state.configurations, name, "endpoint configuration", arn)
        self._require_sound(request)
        described = {key: value for key, value in request.items() if key != "Tags"}
        state.configurations[name] = {**described, "EndpointConfigArn": arn, "CreationTime": state.now()}
        _tag(state, arn, request)
        return {"EndpointConfigArn": arn}

    def describe_configuration(self, request: Fields) -> Fields:
        configuration: Fields = self._configuration(request["EndpointConfigName"])
        return configuration

    def delete_configuration(self, request: Fields) -> Fields:
        state, name = self._state, request["EndpointConfigName"]
        configuration = self._configuration(name)
        for endpoint, used in _in_use(state):
            if used == name:
                detail = f"the endpoint configuration {name} was deleted while the endpoint {endpoint} uses it"
                state.violate(Rule.CONFIGURATION_IN_USE, detail)
        del state.configurations[name]
        state.tags.pop(configuration["EndpointConfigArn"], None)
        return {}

    def _model(self, name: str) -> Fields:
        arn = self._state.sagemaker_arn("model", name)
        model: Fields = existing(self._state.models, name, "model", arn)
        return model

    def _configuration(self, name: str) -> Fields:
        arn = self._state.sagemaker_arn("endpoint-config", name)
        configuration: Fields = existing(self._state.configurations, name, "endpoint configuration", arn)
        return configuration

    def _require_role(self, role: str) -> None:
        if self._state.role_age is None:
            return
        age = self._state.role_age(role)
        if age is None or age < self._state.durations.role_known:
            raise Refused(
                Rule.ROLE_KNOWN,
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role.",
            )

    def _require_sound(self, request: Fields) -> None:
        """Raise Refused unless the variants go together, and with the rest of the configuration."""
        variants = variants_of(request)
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise Refused(Rule.ONE_VARIANT_EACH, f"The names of variants must differ: {', '.join(names)}.")
        if shadows := request.get("ShadowProductionVariants"):
            production = len(request["ProductionVariants"])
            if (len(shadows), production) != (1, 1):
                counted = f"{len(shadows)} shadow and {production} production variants"
                raise Refused(Rule.SHADOW, f"One shadow variant stands beside one production variant, not {counted}.")
        require_models(self._state, request)
        for variant in variants:
            if variant.get("ModelName"):
                _require_hardware(variant)
            if request.get("KmsKeyId"):
                _require_no_local_storage(variant)
        if any("ServerlessConfig" in variant for variant in variants):
            self._require_serverless(request, variants)

    def _require_serverless(self, request: Fields, variants: list[Fields]) -> None:
        if excluded := list(self._excluded(request, variants)):
            raise Refused(Rule.SERVERLESS_ALONE, f"Serverless inference does not support {', '.join(excluded)}.")

    def _excluded(self, request: Fields, variants: list[Fields]) -> Iterator[str]:
        if len(variants) > 1:
            yield "multiple variants"
        if "DataCaptureConfig" in request:
            yield "data capture"
        if "AsyncInferenceConfig" in request:
            yield "asynchronous inference"
        for variant in variants:
            model = self._state.models.get(variant.get("ModelName", ""), {})
            if "VpcConfig" in model:
                yield "a model with a VPC configuration"
            if model.get("EnableNetworkIsolation"):
                yield "network isolation"


def _require_hardware(variant: Fields) -> None:
    name, serverless = variant["VariantName"], variant.get("ServerlessConfig")
    if variant.get("ManagedInstanceScaling"):
        message = "ManagedInstanceScaling is only supported for inference component endpoints."
        raise Refused(Rule.MANAGED_SCALING, message)
    if serverless is None:
        if missing := [key for key in ("InstanceType", "InitialInstanceCount") if not variant.get(key)]:
            raise Refused(Rule.HARDWARE, f"The variant {name} has no {' and no '.join(missing)}.")
        return
    if both := [key for key in ("InstanceType", "InitialInstanceCount") if variant.get(key)]:
        raise Refused(Rule.HARDWARE, f"The variant {name} is serverless, and can't have {' and '.join(both)}.")
    memory, most = serverless["MemorySizeInMB"], serverless["MaxConcurrency"]
    if memory % 1024:
        raise Refused(
            Rule.SERVERLESS_SIZE, f"The memory of the variant {name}, {memory} MB, is no multiple of 1024 MB."
        )
    if (provisioned := serverless.get("ProvisionedConcurrency", 0)) > most:
        over = f"{provisioned}, is over its maximum concurrency of {most}"
        raise Refused(Rule.SERVERLESS_SIZE, f"The provisioned concurrency of the variant {name}, {over}.")


def _require_no_local_storage(variant: Fields) -> None:
    type_ = variant.get("InstanceType", "")
    if has_nvme(type_):
        raise Refused(Rule.LOCAL_STORAGE, f"KmsKeyId is not supported for the instance type {type_}.")


def _in_use(state: State) -> Iterator[tuple[str, str]]:
    """Yield endpoints with each configuration that they run on, or are on their way to."""
    for name, endpoint in state.endpoints.items():
        if endpoint.status not in ("Deleting", "Failed"):
            for configuration in {endpoint.configuration, endpoint.next_configuration} - {""}:
                yield name, configuration


def _tag(state: State, arn: str, request: Fields) -> None:
    state.tags[arn] = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
