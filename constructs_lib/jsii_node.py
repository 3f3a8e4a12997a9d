"""jsii's Node, started so that nobody waits for it.

jsii starts one Node process to start another, which does the work, and passes each call and answer through both. Here
the second is started at once. jsii also waits four times before the first construct: until Node is up, and until it
has loaded constructs, cdktf and the provider. The answers say nothing but "done", so here they are read when one that
matters is asked for, and Node loads while Python goes on importing.
"""

import atexit
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from jsii._kernel.providers.process import ProcessProvider, _NodeProcess, jdefault
from jsii._kernel.types import LoadRequest
from jsii._runtime import kernel
from jsii.errors import JavaScriptError

# The program talks through file descriptor 3, in both directions.
CHANNEL = "readFD:3,writeFD:3"
# As jsii has them.
OPTIONS = ("--max-old-space-size=4069", "--preserve-symlinks")
SHELL = "/bin/sh"
ON_CHANNEL = 'exec "$@" 3<&0 </dev/null'


class PipelinedNode(_NodeProcess):
    """The process behind jsii's kernel."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._is_greeted = False
        self._loading: list[str] = []

    def start(self) -> None:
        """Start Node; jsii's way where its program is another than this knows, or there is no `sh` to start it with."""
        node = shutil.which(os.environ.get("JSII_NODE", "node"))
        program = Path(self._jsii_runtime()).parents[1] / "lib" / "program.js"
        is_known = "JSII_RUNTIME" not in os.environ and CHANNEL in _text_of(program)
        if node is None or not is_known or not os.access(SHELL, os.X_OK):
            super().start()  # type: ignore[no-untyped-call]
            return
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(True)  # whatever socket.setdefaulttimeout says
        with ours, theirs:
            self._process = subprocess.Popen(  # noqa: S603 - the Node that jsii would start
                [SHELL, "-c", ON_CHANNEL, "sh", node, *OPTIONS, program],
                stdin=theirs.fileno(),
                stderr=subprocess.PIPE,
                env={**os.environ, "JSII_AGENT": f"Python/{platform.python_version()}"},
            )
            self._process.stdin, self._process.stdout = ours.makefile("wb"), ours.makefile("rb")
        self.sink_thread = threading.Thread(target=self._pass_on_errors, daemon=True)
        self.sink_thread.start()
        atexit.register(self.stop)

    def _pass_on_errors(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            sys.stderr.write(line.decode(errors="replace"))

    def handshake(self) -> None:
        """Leave Node's greeting for later."""

    def send(self, request: Any, response_type: Any) -> Any:
        """Send a request and return its answer; of one to load an assembly, none yet."""
        if isinstance(request, LoadRequest):
            self._begin(request)
            return None
        self._catch_up()
        return super().send(request, response_type)

    def _begin(self, request: LoadRequest) -> None:
        line = json.dumps(self._serializer.unstructure(request), default=jdefault)
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        self._loading.append(request.name)

    def _catch_up(self) -> None:
        if not self._is_greeted:
            super().handshake()
            self._is_greeted = True
        while self._loading:
            name, answer = self._loading.pop(0), self._next_message()
            if "error" in answer:
                cause = JavaScriptError(answer.get("stack", ""))  # type: ignore[no-untyped-call]
                raise RuntimeError(f"jsii can't load {name}: {answer['error']}") from cause


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


class PipelinedProvider(ProcessProvider):
    """What jsii's kernel calls instead of its own provider."""

    def __init__(self) -> None:
        self._node = PipelinedNode()
        self._node.start()

    @property
    def _process(self) -> _NodeProcess:
        return self._node


def start() -> None:
    """Start Node for jsii, which must not have started it already."""
    kernel.provider = PipelinedProvider()
