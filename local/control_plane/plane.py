"""The control plane: an HTTP server with SageMaker, Application Auto Scaling and CloudWatch at one address."""

import contextlib
import copy
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from uuid import uuid4

from local.control_plane import wire
from local.control_plane.cloudwatch import CloudWatch
from local.control_plane.constraints import require_api_model
from local.control_plane.endpoints import Endpoints
from local.control_plane.models import Models
from local.control_plane.rules import Refused, Rule
from local.control_plane.scaling import CHANGES, Scaling
from local.control_plane.state import Durations, Event, Fields, State, Violation
from local.control_plane.tags import Tags
from local.loopback import LoopbackServer

INVALID = {"cloudwatch": "ValidationError"}
"""The code of a parameter outside of its bounds, where it is not ValidationException."""
REMEMBERED = 200
READING = ("Describe", "Get", "List")


class ControlPlane(LoopbackServer):
    """Answers as the services of one account in one region do, and refuses what they refuse; a context manager.

    Point clients of `sagemaker`, `application-autoscaling` and `cloudwatch` at `url`, with any credentials: it asks for
    no signature and no rights. Nothing serves requests, measures or scales behind it. Times are `Durations`.
    """

    def __init__(
        self,
        *,
        account: str = "123456789012",
        region: str = "eu-central-1",
        durations: Durations | None = None,
        role_age: Callable[[str], float | None] | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`role_age` returns how many seconds ago the role with this ARN was created, None if there is none; without
        it every role is known at once. `clock` counts seconds; `wait` lets some pass while a scalable target changes.
        """
        super().__init__(_RequestHandler)
        self._state = State(account, region, durations or Durations(), clock, role_age)
        self._wait = wait
        self.answers: dict[str, wire.Answer] = {}
        self._endpoints, self._scaling = Endpoints(self._state), Scaling(self._state)
        self._operations: dict[str, dict[str, Callable[[Fields], Fields]]] = {
            "sagemaker": {
                **Models(self._state).operations,
                **self._endpoints.operations,
                **Tags(self._state).operations,
            },
            "application-autoscaling": self._scaling.operations,
            "cloudwatch": CloudWatch(self._state).operations,
        }

    @property
    def violations(self) -> list[Violation]:
        """Things that were done, that AWS lets pass, and that break what runs; in order."""
        with self._state.lock:
            return list(self._state.violations)

    @property
    def events(self) -> list[Event]:
        """Changes that were asked for or came about, in order; readings are none."""
        with self._state.lock:
            self._endpoints.settle()
            return list(self._state.events)

    @property
    def resources(self) -> list[str]:
        """Everything that exists, as "kind name"; an endpoint that is being deleted exists."""
        state = self._state
        with state.lock:
            self._endpoints.settle()
            tables: dict[str, Iterable[str]] = {
                "model": state.models,
                "endpoint configuration": state.configurations,
                "endpoint": state.endpoints,
                "scalable target": {resource for resource, _ in state.targets},
                "scaling policy": {name for _, _, name in state.policies},
                "scheduled action": {name for _, _, name in state.scheduled_actions},
                "alarm": state.alarms,
                "dashboard": state.dashboards,
            }
            return [f"{kind} {name}" for kind, names in tables.items() for name in sorted(names)]

    def endpoint_status(self, name: str) -> str:
        """Return the endpoint's status, empty if there is none of this name."""
        with self._state.lock:
            self._endpoints.settle()
            endpoint = self._state.endpoints.get(name)
            return endpoint.status if endpoint else ""

    def fail_next_creation(self, reason: str = "The primary container for production variant did not pass the ping "
                           "health check. Please check CloudWatch logs for this endpoint.") -> None:  # fmt: skip
        """Have the next endpoint that is created come out Failed, for this reason."""
        with self._state.lock:
            self._endpoints.failures.append(reason)

    def roll_back_next_update(self, reason: str = "An alarm went off during the deployment.") -> None:
        """Have the next update of an endpoint go back to the configuration of before, for this reason."""
        with self._state.lock:
            self._endpoints.rollbacks.append(reason)

    @contextlib.contextmanager
    def scaling_under_way(self, resource: str) -> Iterator[None]:
        """Have the scalable target be changed by somebody else, for as long as the block lasts."""
        with self._state.lock:
            self._scaling.begin(resource)
        try:
            yield
        finally:
            with self._state.lock:
                self._scaling.end(resource)

    def remember(self, invocation: str, answer: wire.Answer) -> None:
        """Keep the answer for an SDK that loses it and sends the same invocation again.

        On a busy machine SDKs for Go did so with 5 of 1,500 calls, although each was answered; a creation would then
        find its own name taken. That is of the loopback, and no rule of AWS.
        """
        if invocation:
            with self._state.lock:
                self.answers[invocation] = answer
                if len(self.answers) > REMEMBERED:
                    del self.answers[next(iter(self.answers))]

    def answer(self, call: wire.Call) -> Fields:
        """Return the answer of the service. Raises Refused."""
        changes = not call.operation.name.startswith(READING)
        try:
            answer = self._carried_out(call)
        except Refused as refused:
            if changes:
                self._state.note(call.operation.name, _subject(call.request), refused)
            raise
        if changes:
            self._state.note(call.operation.name, _subject(call.request))
        return answer

    def _carried_out(self, call: wire.Call) -> Fields:
        operation = self._operations[call.service].get(call.operation.name)
        if operation is None:
            message = f"The control plane does not know {call.service} {call.operation.name}."
            raise Refused(Rule.KNOWN_OPERATION, message, code="UnknownOperationException")
        if (shape := call.operation.input_shape) is not None:
            require_api_model(call.request, shape, INVALID.get(call.service, "ValidationException"))
        with self._one_at_a_time(call), self._state.lock:
            self._endpoints.settle()
            return copy.deepcopy(operation(call.request))  # others may change it while it is written

    @contextlib.contextmanager
    def _one_at_a_time(self, call: wire.Call) -> Iterator[None]:
        """Take the time that a change of a scalable target takes, and refuse another one meanwhile."""
        if call.service != "application-autoscaling" or call.operation.name not in CHANGES:
            yield
            return
        with self.scaling_under_way(call.request["ResourceId"]):
            if seconds := self._state.durations.scaling_call:
                self._wait(seconds)
            yield


def _subject(request: Fields) -> str:
    """Return the name of what a request is about: its first parameter that names something."""
    for key in ("PolicyName", "ScheduledActionName", "EndpointName", "EndpointConfigName", "ResourceId", "ModelName",
                "AlarmName", "DashboardName", "ResourceArn", "ResourceARN"):  # fmt: skip
        if key in request:
            return str(request[key])
    return ", ".join(map(str, request.get("AlarmNames") or request.get("DashboardNames") or []))


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ControlPlane

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        invocation, call = self.headers.get("amz-sdk-invocation-id", ""), None
        if known := self.server.answers.get(invocation):
            self._send(HTTPStatus.OK, *known)
            return
        try:
            call = wire.read(self.path, self.headers, body)  # type: ignore[arg-type]
            answer = wire.write(call, self.server.answer(call))
            self.server.remember(invocation, answer)
            self._send(HTTPStatus.OK, *answer)
        except Refused as refused:
            self._send(refused.status, *wire.write_refusal(call, refused))
        except ValueError as error:
            unread = Refused(Rule.API_MODEL, f"The request can't be read: {error}", code="SerializationException")
            self._send(unread.status, *wire.write_refusal(call, unread))

    def _send(self, status: HTTPStatus, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content)), "x-amzn-RequestId": str(uuid4())}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: changes are noted."""
