"""What must fit within one settings object, by its class: the endpoint's in `endpoint_relations.py`.

What must fit across several is in `chains.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from constructs_lib.settings import (
    FunctionSettings,
    InstanceCapacity,
    QueueSettings,
    ResultsSettings,
)

# Lambda quotas: layers of one function
MAX_LAYERS = 5


@dataclass(frozen=True)
class Relation:
    """A setting that does not fit another one of the same object."""

    property: str
    value: object
    bound: str
    reason: str


def queue_relations(settings: QueueSettings) -> Iterator[Relation]:
    if settings.high_throughput and not settings.fifo:
        yield Relation("high_throughput", True, "False, or fifo True", "SQS: FIFO queues only")
    if settings.content_based_deduplication and not settings.fifo:
        yield Relation("content_based_deduplication", True, "False, or fifo True", "SQS: FIFO queues only")


def function_relations(settings: FunctionSettings) -> Iterator[Relation]:
    if len(settings.layers) > MAX_LAYERS:
        yield Relation("layers", settings.layers, f"at most {MAX_LAYERS} layers", "Lambda Layers")


def results_relations(settings: ResultsSettings) -> Iterator[Relation]:
    if settings.sink == "s3" and not settings.location:
        yield Relation("location", None, "s3://bucket/prefix/", "sink is s3")


def instance_capacity_relations(settings: InstanceCapacity) -> Iterator[Relation]:
    scaled = settings.max_instances != settings.min_instances
    if scaled and settings.instance_type.startswith("ml.t"):
        reason = "Application Auto Scaling does not support burstable instances"
        yield Relation("instance_type", settings.instance_type, "another than ml.t*", reason)
    if settings.max_instances < settings.min_instances:
        bound = f"at least min_instances, {settings.min_instances}"
        yield Relation("max_instances", settings.max_instances, bound, "scaling range")


RELATIONS: dict[type, Callable[[Any], Iterator[Relation]]] = {
    QueueSettings: queue_relations,
    FunctionSettings: function_relations,
    ResultsSettings: results_relations,
    InstanceCapacity: instance_capacity_relations,
}
