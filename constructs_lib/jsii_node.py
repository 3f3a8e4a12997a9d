"""A Node process that starts, and loads jsii's assemblies, while Python goes on importing.

jsii waits for Node four times before the first construct: until it has started, and until it has loaded constructs,
cdktf and the provider. The answers say nothing but "done", so here they are read when one that matters is asked for.
By then they are there.
"""

import json
from typing import Any

from jsii._kernel.providers.process import ProcessProvider, _NodeProcess, jdefault
from jsii._kernel.types import LoadRequest
from jsii._runtime import kernel


class _UnhurriedNode(_NodeProcess):
    def __init__(self) -> None:
        super().__init__()
        self._greeted = False
        self._loading: list[str] = []

    def handshake(self) -> None:
        """Leave Node's greeting for later."""

    def send(self, request: Any, response_type: Any) -> Any:
        if isinstance(request, LoadRequest):
            self._begin(request)
            return None
        self._catch_up()
        return super().send(request, response_type)

    def _begin(self, request: LoadRequest) -> None:
        line = json.dumps(self._serializer.unstructure(request), default=jdefault)
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        self._loading.append(request.name)

    def _catch_up(self) -> None:
        if not self._greeted:
            self._greeted = True
            super().handshake()
        while self._loading:
            name, answer = self._loading.pop(0), self._next_message()
            if "error" in answer:
                raise RuntimeError(f"jsii can't load {name}: {answer['error']}")


class _UnhurriedProvider(ProcessProvider):
    def __init__(self) -> None:
        self._node = _UnhurriedNode()
        self._node.start()

    @property
    def _process(self) -> _NodeProcess:
        return self._node


def start() -> None:
    """Start Node for jsii, which must not have started it already."""
    kernel.provider = _UnhurriedProvider()
