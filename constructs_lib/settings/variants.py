"""The variants of an endpoint and what they run on, as the settings have them: read here by all who go through them."""

from typing import NamedTuple

from constructs_lib.settings import (
    AsyncCapacity,
    EndpointSettings,
    ExistingEndpoint,
    InstanceCapacity,
    ServerlessCapacity,
)

Capacity = ServerlessCapacity | InstanceCapacity | AsyncCapacity


class ServingVariant(NamedTuple):
    """A variant, the endpoint's own or a further one."""

    name: str
    capacity: Capacity
    weight: int
    place: str
    """Where its capacity is set, within the endpoint's settings."""


def production_variants(settings: EndpointSettings) -> list[ServingVariant]:
    """Return the variants whose answers are sent, the endpoint's own first."""
    further = [
        ServingVariant(variant.name, variant.capacity, variant.weight, f"more_variants[{position}].capacity")
        for position, variant in enumerate(settings.more_variants)
    ]
    return [ServingVariant(settings.variant_name, settings.capacity, settings.weight, "capacity"), *further]


def shadow_variants(settings: EndpointSettings) -> list[ServingVariant]:
    shadow = settings.shadow
    return [ServingVariant(shadow.name, shadow.capacity, shadow.weight, "shadow.capacity")] if shadow else []


def is_serverless(endpoint: EndpointSettings | ExistingEndpoint) -> bool:
    """Whether requests have the limits of serverless endpoints."""
    if isinstance(endpoint, ExistingEndpoint):
        return endpoint.serverless
    return isinstance(endpoint.capacity, ServerlessCapacity)


def async_capacity(endpoint: EndpointSettings | ExistingEndpoint) -> AsyncCapacity | None:
    """Return what an asynchronous endpoint runs on; None of any other endpoint."""
    capacity = None if isinstance(endpoint, ExistingEndpoint) else endpoint.capacity
    return capacity if isinstance(capacity, AsyncCapacity) else None


def most_instances(capacity: InstanceCapacity | AsyncCapacity) -> int:
    """Return how many instances there may be at any time of the schedule."""
    return max(capacity.max_instances, *(entry.max_instances for entry in capacity.schedule), 0)


def fewest_instances(capacity: InstanceCapacity | AsyncCapacity) -> int:
    """Return how few instances there may be at any time of the schedule."""
    return min([capacity.min_instances, *(entry.min_instances for entry in capacity.schedule)])
