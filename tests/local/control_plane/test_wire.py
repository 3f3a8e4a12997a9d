"""CloudWatch is spoken to in three protocols, and says the same in each."""

import json
import math
import struct
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from local.control_plane import ControlPlane, cbor
from tests.local.control_plane.conftest import Account

MODEL: Any = botocore.session.Session().get_service_model("cloudwatch")
NAMESPACE = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/monitoring/aws4_request, Signature=b"}
ALARM: dict[str, Any] = {
    "AlarmName": "a & b",
    "Namespace": "N",
    "Threshold": 0.5,
    "EvaluationPeriods": 3,
    "ComparisonOperator": "GreaterThanThreshold",
    "MetricName": "M",
    "Statistic": "Sum",
    "Period": 60,
    "Dimensions": [{"Name": "x", "Value": "1"}, {"Name": "y", "Value": "2"}],
    "AlarmActions": ["arn:aws:sns:eu-central-1:123456789012:t"],
    "ActionsEnabled": False,
}
Speak = Callable[[ControlPlane, str, dict[str, Any]], dict[str, Any]]


def spoken(plane: ControlPlane, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(plane.url + path, body, {**SIGNED, **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def in_protocol(protocol: str) -> Speak:
    """Return a function that speaks as botocore does in this protocol, whichever it would choose itself."""

    def speak(plane: ControlPlane, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        model = MODEL.operation_model(operation)
        request = create_serializer(protocol, include_validation=False).serialize_to_request(parameters, model)
        body = request["body"]
        encoded = urllib.parse.urlencode(body).encode() if isinstance(body, dict) else body
        status, headers, content = spoken(plane, request["url_path"], encoded, dict(request["headers"]))
        response = {"status_code": status, "headers": headers, "body": content}
        parsed: dict[str, Any] = create_parser(protocol).parse(response, model.output_shape)
        return parsed

    return speak


PROTOCOLS = pytest.mark.parametrize(
    "speak", [in_protocol(protocol) for protocol in ("json", "query", "smithy-rpc-v2-cbor")]
)


@PROTOCOLS
def test_an_alarm_is_put_and_read_back_in_each_protocol(account: Account, speak: Speak) -> None:
    speak(account.plane, "PutMetricAlarm", {**ALARM, "Tags": [{"Key": "k", "Value": "v"}]})
    answer = speak(account.plane, "DescribeAlarms", {"AlarmNames": ["a & b"], "AlarmTypes": ["MetricAlarm"]})
    (alarm,) = answer["MetricAlarms"]
    assert {name: alarm[name] for name in ALARM} == ALARM
    assert alarm["StateUpdatedTimestamp"] == datetime.fromtimestamp(account.clock.now, UTC)
    tags = speak(account.plane, "ListTagsForResource", {"ResourceARN": alarm["AlarmArn"]})
    assert tags["Tags"] == [{"Key": "k", "Value": "v"}]


@PROTOCOLS
def test_a_refusal_has_code_and_text_in_each_protocol(account: Account, speak: Speak) -> None:
    answer = speak(account.plane, "DeleteAlarms", {"AlarmNames": ["<gone>"]})
    assert answer["Error"]["Code"] == "ResourceNotFound"
    assert answer["Error"]["Message"] == "Alarms do not exist: <gone>"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_empty_list_of_the_query_protocol_is_none(account: Account) -> None:
    fields = b"Action=DescribeAlarms&Version=2010-08-01&AlarmNames="
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, content = spoken(account.plane, "/", fields, form)
    assert (status, headers["Content-Type"]) == (200, "text/xml")
    root = ElementTree.fromstring(content)
    assert root.tag == f"{NAMESPACE}DescribeAlarmsResponse"
    assert root.findtext(f"{NAMESPACE}ResponseMetadata/{NAMESPACE}RequestId")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"X-Amz-Target": "SageMaker.MakeCoffee"}),
        ("/", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}),
        ("/", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("/service/GraniteServiceVersion20100801", {"Smithy-Protocol": "rpc-v2-cbor"}),
        ("/service/Other/operation/DescribeAlarms", {"Smithy-Protocol": "rpc-v2-cbor"}),
    ],
)
def test_what_no_service_here_has_is_refused(account: Account, path: str, headers: dict[str, str]) -> None:
    status, answered, content = spoken(account.plane, path, b"", headers)
    assert (status, answered["x-amzn-ErrorType"]) == (400, "UnknownOperationException")
    assert json.loads(content)["message"].startswith("The control plane has no service with the operation ")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"ModelName": 5}', b'{"Containers": "x"}'])
def test_a_body_that_can_not_be_read_is_refused(account: Account, body: bytes) -> None:
    status, answered, _ = spoken(account.plane, "/", body, {"X-Amz-Target": "SageMaker.CreateModel"})
    assert (status, answered["x-amzn-ErrorType"]) == (400, "SerializationException")


def test_an_invocation_that_is_sent_again_gets_its_first_answer(account: Account) -> None:
    headers = {"X-Amz-Target": "SageMaker.CreateModel", "amz-sdk-invocation-id": "1"}
    body = json.dumps({"ModelName": "m", "PrimaryContainer": {"Image": "scorer:1"}}).encode()
    first = spoken(account.plane, "/", body, headers)
    again = spoken(account.plane, "/", body, headers)
    another = spoken(account.plane, "/", body, {**headers, "amz-sdk-invocation-id": "2"})
    assert (first[0], again[0], again[2]) == (200, 200, first[2])
    assert another[0] == 400


VALUES: list[Any] = [
    None, True, False, 0, 23, 24, 255, 256, 65_536, 2**32, 2**63, -1, -500, 0.5, -1e300, "", "ä" * 300, b"\0\1",
    [], [1, [2]], {}, {"a": {"b": [None]}}, datetime.fromtimestamp(1_700_000_000.5, UTC),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_cbor_says_each_value(value: Any) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\x9f\x01\x02\xff", [1, 2]),
        (b"\xbf\x61a\x01\xff", {"a": 1}),
        (b"\x7f\x61a\x61b\xff", "ab"),
        (b"\xf9\x3c\x00", 1.0),
        (b"\xfa" + struct.pack(">f", 0.5), 0.5),
        (b"\xf9\x7c\x00", math.inf),
        (b"\xf7", None),
    ],
)
def test_cbor_reads_what_others_write(content: bytes, value: Any) -> None:
    assert cbor.decode(content) == value


@pytest.mark.parametrize("content", [b"", b"\x62a", b"\x9f\x01", b"\x1f", b"\xff", b"\xfc", b"\x81" * 5000])
def test_cbor_that_is_cut_off_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="not CBOR"):
        cbor.decode(content)
