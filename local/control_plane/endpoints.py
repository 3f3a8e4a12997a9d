"""SageMaker's endpoints, with their states: what is asked for takes its time, and may fail on the way."""

from collections.abc import Callable
from datetime import UTC, datetime

from local.control_plane.deployments import require_deployment
from local.control_plane.rules import Refused, Rule
from local.control_plane.state import (
    Endpoint,
    Fields,
    State,
    deregister,
    existing,
    require_free,
    require_models,
    variants_of,
)

# Of https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
CREATING, UPDATING, ROLLING_BACK, DELETING = "Creating", "Updating", "RollingBack", "Deleting"
IN_SERVICE, FAILED = "InService", "Failed"
IN_PROGRESS = (CREATING, UPDATING, ROLLING_BACK, DELETING)


class Endpoints:
    """The operations on endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.failures: list[str] = []
        """Reasons for which the next creations fail, one each."""
        self.rollbacks: list[str] = []
        """Reasons for which the next updates are rolled back, one each."""
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateEndpoint": self.create,
            "DescribeEndpoint": self.describe,
            "UpdateEndpoint": self.update,
            "DeleteEndpoint": self.delete,
        }

    def settle(self) -> None:
        """Let everything happen that is due."""
        for endpoint in list(self._state.endpoints.values()):
            while endpoint.finish is not None and self._state.clock() >= endpoint.due:
                finish, endpoint.finish = endpoint.finish, None
                finish()

    def create(self, request: Fields) -> Fields:
        state, name = self._state, request["EndpointName"]
        arn = self._arn(name)
        require_free(state.endpoints, name, "endpoint", arn)
        configuration = self._configuration(request["EndpointConfigName"])
        require_deployment(state, request.get("DeploymentConfig"), configuration)
        described = {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": request["EndpointConfigName"],
            "EndpointStatus": CREATING,
            "CreationTime": state.now(),
            "LastModifiedTime": state.now(),
        }
        if "DeploymentConfig" in request:
            described["LastDeploymentConfig"] = request["DeploymentConfig"]
        endpoint = state.endpoints[name] = Endpoint(described)
        state.tags[arn] = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        reason = self.failures.pop(0) if self.failures else ""
        self._later(
            endpoint,
            state.durations.creating,
            lambda: self._fail(endpoint, reason) if reason else self._serve(endpoint, request["EndpointConfigName"]),
        )
        return {"EndpointArn": arn}

    def describe(self, request: Fields) -> Fields:
        return self._endpoint(request["EndpointName"]).described

    def update(self, request: Fields) -> Fields:
        state, name = self._state, request["EndpointName"]
        endpoint = self._endpoint(name)
        self._require_at_rest(endpoint)
        if endpoint.status == FAILED:
            message = f'The endpoint "{self._arn(name)}" has failed: it can only be deleted.'
            raise Refused(Rule.FAILED_IS_FINAL, message)
        new = self._configuration(request["EndpointConfigName"])
        self._require_compatible(name, endpoint.running, new)
        deployment = self._deployment(endpoint, request)
        require_deployment(state, deployment, new, endpoint.running)
        endpoint.next_configuration = request["EndpointConfigName"]
        self._enter(endpoint, UPDATING)
        reason = self.rollbacks.pop(0) if self.rollbacks else ""
        if reason:
            self._later(endpoint, 0, lambda: self._roll_back(endpoint, reason))
        else:
            self._later(endpoint, state.durations.updating, lambda: self._complete(endpoint, request, deployment))
        return {"EndpointArn": self._arn(name)}

    def delete(self, request: Fields) -> Fields:
        state, name = self._state, request["EndpointName"]
        endpoint = self._endpoint(name)
        self._require_at_rest(endpoint)
        # Its variants are deregistered with it, for a caller with the right to do so:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html
        for resource, dimension in list(state.targets):
            if resource.split("/")[1] == name:
                deregister(state, resource, dimension)
        self._enter(endpoint, DELETING)
        self._later(endpoint, state.durations.deleting, lambda: self._remove(name))
        return {}

    def _require_at_rest(self, endpoint: Endpoint) -> None:
        if endpoint.status in IN_PROGRESS:
            arn = endpoint.described["EndpointArn"]
            raise Refused(Rule.IN_PROGRESS, f'Cannot update in-progress endpoint "{arn}".')

    def _require_compatible(self, name: str, old: Fields, new: Fields) -> None:
        before = {variant["VariantName"]: variant for variant in variants_of(old)}
        after = {variant["VariantName"]: variant for variant in variants_of(new)}
        on_instances = any("InstanceType" in variant for variant in before.values())
        if on_instances and any("ServerlessConfig" in variant for variant in after.values()):
            message = f'The endpoint "{self._arn(name)}" runs on instances and can\'t be updated to a serverless one.'
            raise Refused(Rule.SERVERLESS_STAYS_OUT, message)
        for resource, _ in self._state.targets:
            _, endpoint, _, variant = resource.split("/")
            if endpoint != name:
                continue
            scaled = f"the variant {variant} is registered as a scalable target. Deregister it first."
            if variant not in after:
                raise Refused(Rule.SCALED_VARIANT, f"A variant can't be removed: {scaled}")
            if before.get(variant, {}).get("InstanceType") != after[variant].get("InstanceType"):
                raise Refused(Rule.SCALED_TYPE, f"The instance type can't be changed: {scaled}")

    def _deployment(self, endpoint: Endpoint, request: Fields) -> Fields | None:
        """Return the deployment configuration of an update, which may be the last one's again."""
        if request.get("RetainDeploymentConfig"):
            last: Fields | None = endpoint.described.get("LastDeploymentConfig")
            return last
        given: Fields | None = request.get("DeploymentConfig")
        return given

    def _serve(self, endpoint: Endpoint, configuration: str, *, counts: bool = True) -> None:
        described = endpoint.described
        described["EndpointConfigName"] = configuration
        endpoint.next_configuration = ""
        endpoint.running = self._state.configurations.get(configuration, endpoint.running)
        if counts:
            self._count(described, endpoint.running)
        described.pop("FailureReason", None)
        self._come_to(endpoint, IN_SERVICE)

    def _count(self, described: Fields, configuration: Fields) -> None:
        """Start each variant with the configuration's count: an update forgets what scaling had made of it."""
        for kind in ("ProductionVariants", "ShadowProductionVariants"):
            described[kind] = [_summary(variant) for variant in configuration.get(kind, [])]
            if not described[kind]:
                del described[kind]

    def _complete(self, endpoint: Endpoint, request: Fields, deployment: Fields | None) -> None:
        endpoint.described.pop("LastDeploymentConfig", None)
        if deployment is not None:
            endpoint.described["LastDeploymentConfig"] = deployment
        self._serve(endpoint, request["EndpointConfigName"], counts=not request.get("RetainAllVariantProperties"))

    def _roll_back(self, endpoint: Endpoint, reason: str) -> None:
        """Go back: the endpoint is InService with its old configuration in the end, and says why."""
        self._come_to(endpoint, ROLLING_BACK)

        def back() -> None:
            self._serve(endpoint, endpoint.configuration, counts=False)
            endpoint.described["FailureReason"] = reason

        endpoint.due, endpoint.finish = endpoint.due + self._state.durations.rolling_back, back

    def _fail(self, endpoint: Endpoint, reason: str) -> None:
        endpoint.described["FailureReason"] = reason
        self._come_to(endpoint, FAILED)

    def _remove(self, name: str) -> None:
        endpoint = self._state.endpoints.pop(name)
        self._state.tags.pop(endpoint.described["EndpointArn"], None)
        self._state.note("Deleted", name, at=endpoint.due)

    def _come_to(self, endpoint: Endpoint, status: str) -> None:
        """Enter a state at the moment that was due, which nobody may have looked at."""
        moment = datetime.fromtimestamp(endpoint.due, UTC)
        endpoint.described.update(EndpointStatus=status, LastModifiedTime=moment)
        self._state.note(status, endpoint.described["EndpointName"], at=endpoint.due)

    def _enter(self, endpoint: Endpoint, status: str) -> None:
        endpoint.described.update(EndpointStatus=status, LastModifiedTime=self._state.now())

    def _later(self, endpoint: Endpoint, seconds: float, finish: Callable[[], None]) -> None:
        endpoint.due, endpoint.finish = self._state.clock() + seconds, finish

    def _arn(self, name: str) -> str:
        return self._state.sagemaker_arn("endpoint", name)

    def _endpoint(self, name: str) -> Endpoint:
        endpoint: Endpoint = existing(self._state.endpoints, name, "endpoint", self._arn(name))
        return endpoint

    def _configuration(self, name: str) -> Fields:
        """Return a configuration that an endpoint can run on. Raises Refused."""
        arn = self._state.sagemaker_arn("endpoint-config", name)
        configuration: Fields = existing(self._state.configurations, name, "endpoint configuration", arn)
        require_models(self._state, configuration)
        return configuration


def _summary(variant: Fields) -> Fields:
    """Return the variant as DescribeEndpoint shows it."""
    weight = variant.get("InitialVariantWeight", 1.0)
    summary = {"VariantName": variant["VariantName"], "CurrentWeight": weight, "DesiredWeight": weight}
    if serverless := variant.get("ServerlessConfig"):
        return {**summary, "CurrentServerlessConfig": serverless}
    count = variant.get("InitialInstanceCount", 0)
    return {**summary, "CurrentInstanceCount": count, "DesiredInstanceCount": count}
