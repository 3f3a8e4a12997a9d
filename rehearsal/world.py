"""The world of a rehearsal: an embedded AWS, the control plane of SageMaker, scaling and alarms, and a model."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from local.control_plane import ControlPlane, Durations
from local.emulator import ACCOUNT, Emulator
from local.endpoint import EndpointServer
from rehearsal.fences import SERVED
from rehearsal.wall import Wall

# Long enough that a change which comes too early, or at the same time as another, is noticed.
DURATIONS = Durations(role_known=3.0, scaling_call=0.3)
# The control plane answers for these, MiniStack for all others.
OF_CONTROL_PLANE = {"appautoscaling": "application-autoscaling", "cloudwatch": "cloudwatch", "sagemaker": "sagemaker"}


class World:
    """Servers on 127.0.0.1 for one stack's life; a context manager."""

    emulator: Emulator
    plane: ControlPlane
    endpoint: EndpointServer
    wall: Wall

    def __init__(self, region: str, folder: Path) -> None:
        self.region = region
        self._folder = folder
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as cleanup:
            self.wall = cleanup.enter_context(Wall())
            self.endpoint = cleanup.enter_context(EndpointServer(_NoContainer()))
            plane = ControlPlane(region=self.region, account=ACCOUNT, durations=DURATIONS, role_age=self._role_age)
            self.plane = cleanup.enter_context(plane)
            emulator = Emulator(
                region=self.region,
                log_file=self._folder / "ministack.log",
                function_environment={"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self.endpoint.url},
                control_url=self.plane.url,
            )
            self.emulator = cleanup.enter_context(emulator)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def addresses(self) -> Mapping[str, str]:
        """Address of each service, by its name in the provider's `endpoints` block."""
        return {name: self.plane.url if name in OF_CONTROL_PLANE else self.emulator.url for name in SERVED}

    @property
    def credentials(self) -> Mapping[str, str]:
        return {"access_key": self.emulator.credentials.access_key, "secret": self.emulator.credentials.secret}

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service, by boto3's name."""
        aws = self.emulator.aws
        return aws.control_client(service) if service in OF_CONTROL_PLANE.values() else aws.client(service)

    def inventory(self) -> set[str]:
        """Return everything that is there, as "kind name"."""
        of_emulator = {f"{kind} {name}" for kind, names in _LISTED.items() for name in names(self.client)}
        return of_emulator.union(self.plane.resources)

    def endpoints(self) -> dict[str, str]:
        """Return the status of each endpoint, by its name."""
        names = [resource.removeprefix("endpoint ") for resource in self.plane.resources]
        return {name: status for name in names if (status := self.plane.endpoint_status(name))}

    def _role_age(self, arn: str) -> float | None:
        return self.emulator.role_age(arn)  # which starts later, since it is told of the control plane


class _NoContainer:
    """Stands at the endpoint until there is a model."""

    name = "none"

    def count(self, body: bytes) -> int:
        return 1

    def answer(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        raise ValueError("no model is deployed")


def _listing(service: str, operation: str, member: str, name: str, **arguments: Any) -> Callable[[Any], list[str]]:
    def listed(client: Callable[[str], Any]) -> list[str]:
        of_service = client(service)
        if of_service.can_paginate(operation):
            pages = of_service.get_paginator(operation).paginate(**arguments)
        else:
            pages = [getattr(of_service, operation)(**arguments)]
        found = [item for page in pages for item in page.get(member, [])]
        return [item[name] if name else item for item in found]

    return listed


_LISTED: Mapping[str, Callable[[Any], list[str]]] = {
    "queue": _listing("sqs", "list_queues", "QueueUrls", ""),
    "topic": _listing("sns", "list_topics", "Topics", "TopicArn"),
    "subscription": _listing("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    "role": _listing("iam", "list_roles", "Roles", "RoleName"),
    "log group": _listing("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "function": _listing("lambda", "list_functions", "Functions", "FunctionName"),
    "event source mapping": _listing("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    "table": _listing("dynamodb", "list_tables", "TableNames", ""),
    "event bus": _listing("events", "list_event_buses", "EventBuses", "Name"),
}
