"""A wall: an address on 127.0.0.1 that refuses every request, and remembers it."""

import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from local.loopback import LoopbackServer

SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]*/([\w-]+)/")


class Wall(LoopbackServer):
    """Stands where a service has no address of its own; a context manager."""

    def __init__(self) -> None:
        super().__init__(_RequestHandler)
        self.refused: list[str] = []
        """The services that were called, with the path."""


class _RequestHandler(BaseHTTPRequestHandler):
    server: Wall

    def _refuse(self) -> None:
        service = SERVICE.search(self.headers.get("Authorization", ""))
        self.server.refused.append(f"{service[1] if service else 'an unsigned request'} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(HTTPStatus.FORBIDDEN)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _refuse  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: what was refused is kept."""
