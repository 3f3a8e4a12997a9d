"""SageMaker's and Application Auto Scaling's answers to what the desk asks, on 127.0.0.1; MiniStack has neither.

A request is held to botocore's own description of the operation: what the API does not know is refused. An endpoint
that does not exist is refused in SageMaker's words.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

Answer = Mapping[str, Any]
ENDPOINT_ARN = "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/"
SERVICES = {"SageMaker": "sagemaker", "AnyScaleFrontendService": "application-autoscaling"}


class RefusedError(Exception):
    """The service refuses a request, with this error code and text."""


@dataclass
class ControlPlane:
    """What the services know."""

    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    configurations: list[str] = field(default_factory=list)
    """Names of endpoint configurations, the newest first."""
    targets: list[dict[str, Any]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    denies: Callable[[str, str], bool] = lambda action, resource: False
    """Called with the action and the resource that it is asked for; whether it is denied."""

    def forget(self) -> None:
        """Know nothing, as at the beginning."""
        vars(self).update(vars(ControlPlane(url=self.url)))

    def serve_endpoint(self, name: str, **more: Any) -> None:
        """Have an endpoint of two instances, in service."""
        variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": 2, "DesiredInstanceCount": 2}
        self.endpoints[name] = {
            "EndpointName": name,
            "EndpointArn": f"{ENDPOINT_ARN}{name}",
            "EndpointConfigName": f"{name}-0123abcd",
            "EndpointStatus": "InService",
            "ProductionVariants": [variant],
            "CreationTime": 1.0,
            "LastModifiedTime": 2.0,
            **more,
        }

    def answer(self, service: str, operation: str, request: Mapping[str, Any]) -> Answer:
        """Return the answer. Raises RefusedError."""
        model = botocore.session.get_session().get_service_model(service)
        if operation not in model.operation_names:
            raise RefusedError("UnknownOperationException", operation)
        shape: Any = model.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            raise RefusedError("ValidationException", report.generate_report())
        action = f"{service}:{operation}"
        if self.denies(action, f"{ENDPOINT_ARN}{request['EndpointName']}" if operation == "DescribeEndpoint" else "*"):
            raise RefusedError("AccessDeniedException", f"not authorized to perform: {action}")
        match operation:
            case "DescribeEndpoint":
                name = request["EndpointName"]
                if name not in self.endpoints:
                    raise RefusedError("ValidationException", f'Could not find endpoint "{name}".')
                return self.endpoints[name]
            case "ListEndpointConfigs":
                names = [name for name in self.configurations if request.get("NameContains", "") in name]
                if (request.get("SortBy"), request.get("SortOrder")) != ("CreationTime", "Descending"):
                    names.reverse()
                arn = "arn:aws:sagemaker:eu-central-1:123456789012:endpoint-config/"
                made = [{"EndpointConfigName": n, "EndpointConfigArn": arn + n, "CreationTime": 1.0} for n in names]
                return {"EndpointConfigs": made}
            case "DescribeScalableTargets":
                asked = request.get("ResourceIds", [])
                return {"ScalableTargets": [one for one in self.targets if one["ResourceId"] in asked]}
            case "DescribeScalingActivities":
                return {"ScalingActivities": [a for a in self.activities if a["ResourceId"] == request["ResourceId"]]}
        raise RefusedError("UnknownOperationException", f"{operation} is nothing that the desk asks")


def activity(endpoint: str, status: str, message: str, at: datetime | None = None) -> dict[str, Any]:
    """Return an activity of a variant's scaling."""
    return {
        "ActivityId": "a",
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "Description": "Setting desired instance count to 4.",
        "Cause": "monitor alarm",
        "StartTime": (at or datetime.now(UTC)).timestamp(),
        "StatusCode": status,
        "StatusMessage": message,
    }


@contextmanager
def serve() -> Iterator[ControlPlane]:
    """Serve until the end of the context."""
    plane = ControlPlane()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prefix, _, operation = self.headers["X-Amz-Target"].partition(".")
            try:
                status, answer = 200, dict(plane.answer(SERVICES[prefix], operation, body))
            except RefusedError as error:
                status, answer = 400, {"__type": error.args[0], "message": error.args[1]}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    plane.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield plane
    finally:
        server.shutdown()
        server.server_close()
