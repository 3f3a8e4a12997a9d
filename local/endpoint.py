"""A SageMaker endpoint: an HTTP server that speaks InvokeEndpoint as SageMaker Runtime does."""

import json
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote
from uuid import uuid4

from local.asynchronous import AsyncEndpoint, RefusedRequestError
from local.containers import Container
from local.faults import FaultInjector, InjectedFault
from local.loopback import LoopbackServer

PATH = re.compile(r"/endpoints/([^/]+)/(async-)?invocations")
NO_HEADERS: Mapping[str, str] = {}
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html: InferenceId
INFERENCE_ID = re.compile(r"[!-~][ -~]{0,63}")
SERVICE_ERRORS = {
    InjectedFault.RATE_EXCEEDED: (HTTPStatus.TOO_MANY_REQUESTS, "ThrottlingException", '{"message": "Rate exceeded"}'),
    InjectedFault.THROTTLED: (HTTPStatus.BAD_REQUEST, "ThrottlingException", '{"message": null}'),
    InjectedFault.INTERNAL_FAILURE: (HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", "{}"),
    InjectedFault.UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "{}"),
}


@dataclass(frozen=True)
class Account:
    """The account that the server answers for."""

    id: str
    region: str
    endpoints: Collection[str]
    """Names of its endpoints; a request to any other name is answered as SageMaker does."""
    authorize: Callable[[], str | None]
    """Returns the reason if the function may not invoke the endpoint. Called once, on the first request."""


@dataclass(frozen=True)
class Invocation:
    """One request that reached the container."""

    at: float
    """The moment it arrived, on the monotonic clock."""
    seconds: float
    records: int
    refused: bool


class EndpointServer(LoopbackServer):
    """Serves a container. Without an account it knows no endpoint."""

    def __init__(self, container: Container, faults: FaultInjector | None = None) -> None:
        """`faults` decides which requests get a fault instead of the container's answer; by default none does."""
        super().__init__(_RequestHandler)
        self.container = container
        self.containers: Mapping[tuple[str, str], Container] = {}
        """By name of endpoint and inference component, empty for none; `container` answers for all others."""
        self.faults = faults or FaultInjector()
        self.account: Account | None = None
        self.asynchronous: AsyncEndpoint | None = None
        """Takes the requests, if the endpoint is asynchronous."""
        self.invocations: list[Invocation] = []
        self._denials: list[str | None] = []
        self._authorizing = threading.Lock()

    @property
    def unfinished(self) -> int:
        """Number of requests that were accepted and not answered yet."""
        return self.asynchronous.unfinished if self.asynchronous else 0

    def container_of(self, endpoint: str, component: str) -> Container:
        """Return what answers for an endpoint, or for an inference component of it."""
        return self.containers.get((endpoint, component), self.container)

    def ask(self, body: bytes, content_type: str, container: Container | None = None) -> tuple[HTTPStatus, bytes, str]:
        """Have a container answer a request, and count it; return status, answer and content type."""
        container = container or self.container
        started, status, answer_type = time.monotonic(), HTTPStatus.OK, "application/json"
        try:
            answer, answer_type = container.answer(body, content_type)
        except ValueError as error:
            status, answer = HTTPStatus.BAD_REQUEST, json.dumps({"error": str(error)}).encode()
        except Exception as error:  # noqa: BLE001 - the container may be the user's own
            detail = f"{type(error).__name__}: {error}"
            status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, json.dumps({"error": detail}).encode()
        seconds, refused = time.monotonic() - started, status is not HTTPStatus.OK
        self.invocations.append(Invocation(started, seconds, container.count(body), refused))
        return status, answer, answer_type

    def server_close(self) -> None:
        """Begin no request that is still queued, either."""
        if self.asynchronous:
            self.asynchronous.close()
        super().server_close()

    def denial(self, account: Account) -> str | None:
        """Return the access-denied message, if the function may not invoke the endpoint."""
        with self._authorizing:
            if not self._denials:
                self._denials.append(account.authorize())
            return self._denials[0]


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: EndpointServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        account, found = self.server.account, PATH.fullmatch(self.path)
        if found is None or account is None:
            self._fail(HTTPStatus.NOT_FOUND, "UnknownOperationException", "")
        elif not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            self._fail(HTTPStatus.FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token")
        elif denial := self.server.denial(account):
            self._fail(HTTPStatus.FORBIDDEN, "AccessDeniedException", denial)
        elif (name := unquote(found[1])) not in account.endpoints:
            message = f"Endpoint {name} of account {account.id} not found."
            self._fail(HTTPStatus.BAD_REQUEST, "ValidationError", message)
        elif not INFERENCE_ID.fullmatch(self.headers.get("X-Amzn-SageMaker-Inference-Id", "none")):
            message = "1 validation error detected: Value at 'inferenceId' failed to satisfy constraint"
            self._fail(HTTPStatus.BAD_REQUEST, "ValidationError", message)
        elif bool(found[2]) != (self.server.asynchronous is not None):
            # https://github.com/strands-agents/harness-sdk/issues/1969
            message = f"Endpoint {name} of account {account.id} does not support this inference type."
            self._fail(HTTPStatus.BAD_REQUEST, "ValidationError", message)
        elif self.server.asynchronous:
            self._queue(name, body)
        elif fault := self.server.faults.draw():
            self._fail_on_purpose(fault, account, name, body)
        else:
            self._predict(account, name, body)

    def _predict(self, account: Account, name: str, body: bytes) -> None:
        container, content_type = self._container(name), self.headers.get("Content-Type", "")
        status, answer, content_type = self.server.ask(body, content_type, container)
        if status is HTTPStatus.OK:
            self._answer(HTTPStatus.OK, answer, content_type=content_type)
        else:
            self._model_error(account, name, status, answer.decode())

    def _container(self, name: str) -> Container:
        return self.server.container_of(name, self.headers.get("X-Amzn-SageMaker-Inference-Component", ""))

    def _queue(self, name: str, body: bytes) -> None:
        """Accept a request to an asynchronous endpoint."""
        assert self.server.asynchronous is not None
        try:
            request = self.server.asynchronous.accept(name, dict(self.headers), body)
        except RefusedRequestError as error:
            self._fail(HTTPStatus.BAD_REQUEST, "ValidationError", str(error))
            return
        places = {"OutputLocation": request.output_location, "FailureLocation": request.failure_location}
        headers = {f"X-Amzn-SageMaker-{place}": location for place, location in places.items() if location}
        content = json.dumps({"InferenceId": request.inference_id}).encode()
        self._answer(HTTPStatus.ACCEPTED, content, headers=headers)

    def _fail_on_purpose(self, fault: InjectedFault, account: Account, name: str, body: bytes) -> None:
        # A label that is no language: such results would be noticed.
        results = [{"label": "none", "score": 0.0}] * self._container(name).count(body)
        match fault:
            case InjectedFault.MODEL_FAILED:
                self._model_error(account, name, HTTPStatus.INTERNAL_SERVER_ERROR, '{"error": "worker died"}')
            case InjectedFault.DROPPED:
                self.close_connection = True
            case InjectedFault.CUT_OFF:
                self._answer(HTTPStatus.OK, json.dumps(results).encode(), cut_off=True)
            case InjectedFault.NOT_JSON:
                self._answer(HTTPStatus.OK, b"<html>the worker is starting</html>")
            case InjectedFault.WRONG_COUNT:
                self._answer(HTTPStatus.OK, json.dumps(results[1:]).encode())
            case InjectedFault.NO_ANSWER:
                self.rfile.read(1)  # returns when the client, which sends no more, has given up
                self.close_connection = True
            case _:
                status, error_type, content = SERVICE_ERRORS[fault]
                self._answer(status, content.encode(), error_type)

    def _model_error(self, account: Account, name: str, status: HTTPStatus, original_message: str) -> None:
        """Answer as SageMaker does when the container answers with this status, 400 or above."""
        log_group = f"/aws/sagemaker/Endpoints/{name}"
        side = "server" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "client"
        console = f"https://{account.region}.console.aws.amazon.com/cloudwatch/home?region={account.region}"
        message = (
            f'Received {side} error ({status:d}) from primary with message "{original_message}". '
            f"See {console}#logEventViewer:group={log_group} in account {account.id} for more information."
        )
        self._fail(
            HTTPStatus.FAILED_DEPENDENCY,
            "ModelError",
            message,
            OriginalStatusCode=status,
            OriginalMessage=original_message,
            LogStreamArn=f"arn:aws:logs:{account.region}:{account.id}:log-group:{log_group}",
        )

    def _fail(self, status: HTTPStatus, error_type: str, message: str, **more: object) -> None:
        self._answer(status, json.dumps({"Message": message, **more}).encode(), error_type)

    def _answer(
        self,
        status: HTTPStatus,
        content: bytes,
        error_type: str = "",
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] = NO_HEADERS,
        cut_off: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amzn-RequestId", str(uuid4()))
        for header, value in headers.items():
            self.send_header(header, value)
        if error_type:
            self.send_header("x-amzn-errortype", error_type)
        self.end_headers()
        if cut_off:
            content, self.close_connection = content[: len(content) // 2], True
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: requests are counted."""
