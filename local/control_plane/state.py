"""State of the control plane: the resources of one account in one region, and what was done to them."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.control_plane.rules import Refused, Rule

Fields = dict[str, Any]
"""A request, an answer or a resource, with the names of the service's API."""


@dataclass(frozen=True)
class Durations:
    """Durations in seconds of what takes minutes in AWS; here long enough to be seen on the way."""

    role_known: float = 0.0
    """From a role's creation until SageMaker can assume it."""
    creating: float = 1.0
    updating: float = 2.0
    rolling_back: float = 1.0
    """From the start of an update that fails until the endpoint is InService with its old configuration."""
    deleting: float = 1.0
    scaling_call: float = 0.0
    """Each change of a scalable target, while which no other of the same target may arrive."""


@dataclass(frozen=True)
class Violation:
    """Something that AWS lets pass, and that breaks what runs."""

    rule: Rule
    detail: str

    def __str__(self) -> str:
        return f"{self.detail} ({self.rule.value.says}: {self.rule.value.source})"


@dataclass(frozen=True)
class Event:
    """A change that was asked for, or that came about by itself."""

    at: float
    """Seconds of the control plane's clock: of the epoch, by default."""
    what: str
    """An operation, or the state that an endpoint came into."""
    name: str
    refused: str = ""
    """AWS's answer, if the change was refused."""
    rule: Rule | None = None
    """The rule that it would have broken."""


@dataclass
class State:
    """Resources by name; those of scaling by resource id, dimension and name."""

    account: str
    region: str
    durations: Durations
    clock: Callable[[], float]
    role_age: Callable[[str], float | None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    models: dict[str, Fields] = field(default_factory=dict)
    configurations: dict[str, Fields] = field(default_factory=dict)
    endpoints: dict[str, "Endpoint"] = field(default_factory=dict)
    targets: dict[tuple[str, str], Fields] = field(default_factory=dict)
    policies: dict[tuple[str, str, str], Fields] = field(default_factory=dict)
    scheduled_actions: dict[tuple[str, str, str], Fields] = field(default_factory=dict)
    alarms: dict[str, Fields] = field(default_factory=dict)
    dashboards: dict[str, Fields] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """By ARN."""
    violations: list[Violation] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def sagemaker_arn(self, kind: str, name: str) -> str:
        """Return the ARN of a model, configuration or endpoint: SageMaker writes the name in small letters."""
        return self.arn("sagemaker", f"{kind}/{name.lower()}")

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def note(self, what: str, name: str, refused: Refused | None = None, *, at: float | None = None) -> None:
        """Note a change; it is of now, unless `at` says when."""
        answer = f"{refused.code}: {refused.message}" if refused else ""
        self.events.append(
            Event(self.clock() if at is None else at, what, name, answer, refused.rule if refused else None)
        )

    def violate(self, rule: Rule, detail: str) -> None:
        self.violations.append(Violation(rule, detail))


@dataclass
class Endpoint:
    """An endpoint, and the change that it is in."""

    described: Fields
    """Its answer to DescribeEndpoint."""
    running: Fields = field(default_factory=dict)
    """The configuration that it runs on, which may have been deleted since."""
    next_configuration: str = ""
    """The configuration that it is on its way to."""
    due: float = 0.0
    finish: Callable[[], None] | None = None
    """The change that comes at the time `due`."""

    @property
    def status(self) -> str:
        return str(self.described["EndpointStatus"])

    @property
    def configuration(self) -> str:
        return str(self.described["EndpointConfigName"])


def variants_of(configuration: Mapping[str, Any]) -> list[Fields]:
    """Return the production and the shadow variants."""
    return [*configuration.get("ProductionVariants", []), *configuration.get("ShadowProductionVariants", [])]


def existing(table: Mapping[str, Any], name: str, what: str, arn: str) -> Any:
    """Return the resource. Raises Refused if there is none of this name."""
    if name not in table:
        raise Refused(Rule.EXISTS, f'Could not find {what} "{arn}".')
    return table[name]


def require_models(state: State, configuration: Mapping[str, Any]) -> None:
    """Raise Refused unless the models of the configuration's variants exist."""
    for variant in variants_of(configuration):
        if name := variant.get("ModelName"):
            existing(state.models, name, "model", state.sagemaker_arn("model", name))


def require_free(table: Mapping[str, Any], name: str, what: str, arn: str) -> None:
    """Raise Refused if there is such a resource."""
    if name in table:
        raise Refused(Rule.NAME_FREE, f'Cannot create already existing {what} "{arn}".')


def deregister(state: State, resource: str, dimension: str) -> None:
    """Remove a scalable target with its policies and scheduled actions, which go with it.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html
    """
    state.tags.pop(state.targets.pop((resource, dimension))["ScalableTargetARN"], None)
    for table in (state.policies, state.scheduled_actions):
        for key in [key for key in table if key[:2] == (resource, dimension)]:
            del table[key]
