"""The three protocols that clients speak to these services, read and written by the services' API models.

SageMaker and Application Auto Scaling speak JSON. CloudWatch speaks JSON to boto3, CBOR to newer SDKs for Go, and the
query protocol to older ones, as the Terraform provider 5 has one:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-protocols-faq.html
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import OperationModel

from local.control_plane import cbor
from local.control_plane.rules import Refused, Rule
from local.control_plane.state import Fields

JSON, CBOR, QUERY = "json", "cbor", "query"
# By the part of X-Amz-Target before the dot, which CBOR has in its path.
SERVICES = {
    "SageMaker": "sagemaker",
    "AnyScaleFrontendService": "application-autoscaling",
    "GraniteServiceVersion20100801": "cloudwatch",
}
# By the service in the credential's scope.
SIGNED_FOR = {"monitoring": "cloudwatch"}
CBOR_HEADERS = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}

Answer = tuple[dict[str, str], bytes]
"""Headers and body."""


@dataclass(frozen=True)
class Call:
    """One request, whichever way it was spoken."""

    protocol: str
    service: str
    operation: OperationModel
    request: Fields


def read(path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return the call. Raises Refused for an operation or a body that no service here has."""
    target = headers.get("X-Amz-Target", "")
    if headers.get("Smithy-Protocol") == "rpc-v2-cbor":
        _, _, target_service, _, operation = [*path.split("/"), "", "", "", "", ""][:5]
        call = _model(SERVICES.get(target_service, ""), operation)
        return Call(CBOR, SERVICES[target_service], call, cbor.decode(body) if body else {})
    if target:
        target_service, _, operation = target.rpartition(".")
        call = _model(SERVICES.get(target_service, ""), operation)
        return Call(JSON, SERVICES[target_service], call, json.loads(body or b"{}"))
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    signed_for = [*headers.get("Authorization", "").split("/"), "", "", "", ""][3]
    call = _model(SIGNED_FOR.get(signed_for, ""), fields.get("Action", ""))
    return Call(QUERY, SIGNED_FOR[signed_for], call, _structure(fields, call.input_shape, ""))


def write(call: Call, answer: Fields) -> Answer:
    """Return headers and body of an answer."""
    if call.protocol == CBOR:
        return CBOR_HEADERS, cbor.encode(answer)
    if call.protocol == JSON:
        return _json_headers(call), json.dumps(answer, default=datetime.timestamp).encode()
    name, shape = call.operation.name, call.operation.output_shape
    result = f"<{name}Result>{_xml(answer, shape)}</{name}Result>" if shape is not None else ""
    return _in_xml(f'<{name}Response xmlns="{_namespace(call)}">{result}{_metadata()}</{name}Response>')


def write_refusal(call: Call | None, refused: Refused) -> Answer:
    """Return headers and body of a refusal; without a call, of one that could not be read."""
    fields = {"__type": refused.code, "message": refused.message}
    if call is not None and call.protocol == CBOR:
        return CBOR_HEADERS, cbor.encode(fields)
    if call is None or call.protocol == JSON:
        headers = {"Content-Type": "application/x-amz-json-1.1"} if call is None else _json_headers(call)
        return {**headers, "x-amzn-ErrorType": refused.code}, json.dumps(fields).encode()
    side = "Sender" if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR else "Receiver"
    error = f"<Type>{side}</Type><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message>"
    content = f"<Error>{error}</Error><RequestId>{uuid4()}</RequestId>"
    return _in_xml(f'<ErrorResponse xmlns="{_namespace(call)}">{content}</ErrorResponse>')


@functools.cache
def _service(name: str) -> Any:
    return botocore.session.Session().get_service_model(name)


def _model(service: str, operation: str) -> OperationModel:
    if service and operation in _service(service).operation_names:
        model: OperationModel = _service(service).operation_model(operation)
        return model
    message = f"The control plane has no service with the operation {operation or 'that was asked for'}."
    raise Refused(Rule.KNOWN_OPERATION, message, code="UnknownOperationException")


def _json_headers(call: Call) -> dict[str, str]:
    return {"Content-Type": f"application/x-amz-json-{call.operation.metadata['jsonVersion']}"}


def _in_xml(text: str) -> Answer:
    return {"Content-Type": "text/xml"}, text.encode()


def _namespace(call: Call) -> str:
    return str(call.operation.metadata["xmlNamespace"])


def _metadata() -> str:
    return f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"


def _structure(fields: Mapping[str, str], shape: Any, prefix: str) -> Fields:
    """Return a structure of the query protocol, in which each leaf has its path as name."""
    read = {}
    for name, member in shape.members.items() if shape is not None else ():
        value = _value(fields, member, prefix + name)
        if value is not None:
            read[name] = value
    return read


def _value(fields: Mapping[str, str], shape: Any, path: str) -> Any:
    """Return the value at the path, None if there is none."""
    if shape.type_name == "structure":
        return _structure(fields, shape, f"{path}.") or None
    if shape.type_name == "list":
        numbers = {int(rest.split(".")[0]) for rest in _below(fields, f"{path}.member.")}
        items = [_value(fields, shape.member, f"{path}.member.{number}") for number in sorted(numbers)]
        return items if items or path in fields else None
    text = fields.get(path)
    if text is None:
        return None
    return _leaf(text, shape.type_name)


def _below(fields: Mapping[str, str], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in fields if name.startswith(prefix)]


def _leaf(text: str, kind: str) -> Any:
    match kind:
        case "integer" | "long":
            return int(text)
        case "double" | "float":
            return float(text)
        case "boolean":
            return text == "true"
        case "timestamp":
            return datetime.fromisoformat(text).astimezone(UTC)
        case _:
            return text


def _xml(value: Any, shape: Any) -> str:
    """Return the inside of the element that holds the value."""
    match shape.type_name:
        case "structure":
            members = (
                (name, shape.members[name], value[name]) for name in shape.members if value.get(name) is not None
            )
            return "".join(f"<{name}>{_xml(item, member)}</{name}>" for name, member, item in members)
        case "list":
            return "".join(f"<member>{_xml(item, shape.member)}</member>" for item in value)
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            return str(value.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        case _:
            return escape(str(value))
