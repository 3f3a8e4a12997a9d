"""A variant's places as discrete events: requests wait for one at instances, and are refused by serverless ones."""

from collections.abc import Callable, Generator
from typing import Any

import simpy

from capacity.deployed import Variant


class Station:
    """The places of a variant. Instances that the router picks at random have a queue each; else one is shared."""

    def __init__(
        self,
        env: simpy.Environment,
        variant: Variant,
        instances: int,
        share: float,
        service: Callable[[float], float],
    ) -> None:
        self._env = env
        self.share = share
        self.service = service
        self.refuses = variant.memory_mib is not None
        each, queues = variant.concurrent_requests, 1
        if variant.instance_type and variant.random_routing:
            queues = instances
        elif variant.instance_type:
            each *= instances
        self._queues = [simpy.Resource(env, each) for _ in range(queues)]

    def has_place(self) -> bool:
        """Whether a request is served at once."""
        return any(queue.count < queue.capacity for queue in self._queues)

    def serve(self, records: float, pick: Callable[[int], int]) -> Generator[simpy.Event, Any, None]:
        """Serve a request of so many records; `pick` chooses among so many queues."""
        queue = self._queues[pick(len(self._queues))]
        with queue.request() as place:
            yield place
            yield self._env.timeout(self.service(records))
