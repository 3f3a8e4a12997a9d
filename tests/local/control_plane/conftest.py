"""A control plane whose clock stands still, and boto3 clients of it."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.control_plane import ControlPlane, Durations

SERVICES = "sagemaker", "application-autoscaling", "cloudwatch"
ROLE = "arn:aws:iam::123456789012:role/endpoint"
HOUR = 3600.0
DURATIONS = Durations(role_known=10, creating=100, updating=200, rolling_back=50, deleting=30)


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Account:
    """The clients, and short words for what most tests need first."""

    def __init__(self, plane: ControlPlane, clock: Clock, clients: dict[str, Any]) -> None:
        self.plane = plane
        self.clock = clock
        self.sagemaker, self.autoscaling, self.cloudwatch = (clients[service] for service in SERVICES)

    def model(self, name: str = "m", **more: Any) -> None:
        container = {"Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/scorer:1"}
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE, **more)

    def configuration(self, name: str = "c", *variants: dict[str, Any], **more: Any) -> None:
        """Create a configuration with these variants; without one, with one on an instance."""
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=list(variants) or [on_instances()], **more
        )

    def endpoint(self, name: str = "e", configuration: str = "c", **more: Any) -> None:
        """Create an endpoint and let it come InService."""
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=configuration, **more)
        self.clock.advance(DURATIONS.creating)

    def serving(self, *variants: dict[str, Any], **more: Any) -> None:
        """Have the model m, the configuration c and the endpoint e, InService."""
        self.model()
        self.configuration("c", *variants, **more)
        self.endpoint()

    def update(self, configuration: str, **more: Any) -> None:
        self.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName=configuration, **more)

    def status(self, name: str = "e") -> str:
        return str(self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])

    def register(self, variant: str = "primary", least: int = 1, most: int = 4) -> None:
        self.autoscaling.register_scalable_target(**target(variant), MinCapacity=least, MaxCapacity=most)

    def alarm(self, name: str = "a", **other: Any) -> None:
        alarm = {
            "MetricName": "ModelLatency", "Namespace": "AWS/SageMaker", "Statistic": "Average", "Period": 60,
            "EvaluationPeriods": 3, "Threshold": 0.5, "ComparisonOperator": "GreaterThanThreshold",
        }  # fmt: skip
        asked = {**alarm, **other}
        self.cloudwatch.put_metric_alarm(AlarmName=name, **{key: value for key, value in asked.items() if value})


def on_instances(name: str = "primary", **other: Any) -> dict[str, Any]:
    variant = {"VariantName": name, "ModelName": "m", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
    return {**variant, **other}


def serverless(name: str = "primary", **other: Any) -> dict[str, Any]:
    settings = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, **other}
    return {"VariantName": name, "ModelName": "m", "ServerlessConfig": settings}


def target(variant: str = "primary") -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/e/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


@pytest.fixture(scope="session")
def clients() -> Iterator[tuple[dict[str, Any], Callable[[str], None]]]:
    """Yield clients, which take half a second to make, and a function that points them at a control plane."""
    urls = ["http://127.0.0.1:9"]
    session: Any = boto3.Session(region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    # What boto3 would find wrong before it asks is the control plane's to refuse.
    config = Config(proxies={}, retries={"total_max_attempts": 1}, parameter_validation=False)
    made = {name: session.client(name, endpoint_url=urls[0], config=config) for name in SERVICES}

    def redirect(params: dict[str, Any], **_: Any) -> None:
        params["url"] = urls[0] + params["url_path"]

    for client in made.values():
        client.meta.events.register("before-call", redirect)
    yield made, lambda url: urls.__setitem__(0, url)
    for client in made.values():
        client.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def role_ages() -> dict[str, float]:
    """Ages of roles by ARN, in seconds."""
    return {ROLE: HOUR}


@pytest.fixture
def account(
    clients: tuple[dict[str, Any], Callable[[str], None]], clock: Clock, role_ages: dict[str, float]
) -> Iterator[Account]:
    made, point_at = clients
    with ControlPlane(durations=DURATIONS, clock=clock, role_age=role_ages.get) as plane:
        point_at(plane.url)
        yield Account(plane, clock, made)
