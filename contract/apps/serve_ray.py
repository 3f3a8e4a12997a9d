"""Serves a model with Ray Serve."""

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse


@serve.deployment(ray_actor_options={"num_cpus": 0})
class Texts:
    """Takes {"inputs": […]} and answers a bare list, or {"predictions": […]} to {"instances": […]}."""

    async def __call__(self, request: Request) -> Any:
        if request.url.path == "/ping":
            return {}
        body = await request.json()
        if "instances" in body:
            return JSONResponse({"predictions": [sum(row) + row[0] / row[3] for row in body["instances"]]})
        return JSONResponse([text.upper() for text in body["inputs"]])


def main(_: str, port: str) -> None:
    """Run until a signal comes; all of Ray's processes end with this one."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "HOME": str(Path.cwd())}  # Ray keeps a token in the home folder
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:  # a short path: Ray has sockets in it
        ray.init(
            num_cpus=1, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False, _temp_dir=folder
        )
        serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
        serve.run(Texts.bind(), route_prefix="/", blocking=False)  # type: ignore[attr-defined]  # Ray is not here
        ended.wait()
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
