import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from handler.codecs import Payload, codec_for
from handler.endpoint import Endpoint
from handler.faults import Fault, classify
from handler.records import Record
from handler.settings import HandlerSettings
from local.containers import Container, container_for
from local.endpoint import Account, EndpointServer
from local.faults import FaultInjector, InjectedFault
from local.model import RefusedError
from tests.handler.codecs import make_codec
from tests.local.conftest import runtime_client

if TYPE_CHECKING:
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient


def settings_for(codec: str) -> HandlerSettings:
    return HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", codec=codec)


@pytest.fixture(scope="module")
def container() -> Container:
    return container_for(settings_for("huggingface"))


@pytest.fixture
def endpoint(container: Container) -> Iterator[EndpointServer]:
    with EndpointServer(container) as server:
        server.account = Account("123456789012", "eu-central-1", {"language"}, authorize=lambda: None)
        yield server


@pytest.fixture
def client(endpoint: EndpointServer) -> "Iterator[SageMakerRuntimeClient]":
    with runtime_client(endpoint) as client:
        yield client


def invoke(client: "SageMakerRuntimeClient", request: object, name: str = "language") -> Any:
    response = client.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=json.dumps(request))
    with response["Body"] as body:
        return json.loads(body.read())


def test_one_result_per_input_in_order(client: "SageMakerRuntimeClient", endpoint: EndpointServer) -> None:
    texts = ["Wo bleibt meine Bestellung?", "Where is my order?", "注文した商品はどこですか"]
    results = invoke(client, {"inputs": texts, "parameters": {"truncation": True}})
    assert [result["label"] for result in results] == ["de", "en", "ja"]
    assert all(0 < result["score"] <= 1 for result in results)
    assert [(invocation.records, invocation.refused) for invocation in endpoint.invocations] == [(3, False)]


def test_a_single_text_gives_a_list_of_one(client: "SageMakerRuntimeClient") -> None:
    assert [result["label"] for result in invoke(client, {"inputs": "¿Dónde está mi pedido?"})] == ["es"]


def answered(codec: str, body: str) -> str:
    answer, content_type = container_for(settings_for(codec)).answer(body.encode(), "")
    assert content_type == make_codec(codec).accept
    return answer.decode()


DE, EN = "Wo bleibt meine Bestellung?", "Where is my order?"
TENSOR = '{"inputs": [{"name": "x", "shape": %s, "datatype": "%s", "data": %s}]}'


@pytest.mark.parametrize(
    ("codec", "body", "answer"),
    [
        ("instances", f'{{"instances": [{{"inputs": "{DE}"}}, [1, 2]]}}',
         '{"predictions": [{"label": "de", "score": 0.996397}, 0.736367]}'),
        ("jsonlines", f'{{"inputs": "{EN}"}}\n\n{{"features": [1, 2]}}\n',
         '{"label": "en", "score": 0.996355}\n0.736367\n'),
        ("csv", "1,2\n-3,0.5,8\n", "0.736367\n0.441865"),
        ("csv-row", "1,2\n-3,0.5,8", "0.736367,0.441865"),
        ("single", DE, '{"label": "de", "score": 0.996397}'),
        ("single", f'"{DE}"', '{"label": "de", "score": 0.996397}'),
        ("single", "[1, 2]", "0.736367"),
        ("kserve", TENSOR % ("[2]", "BYTES", f'["{DE}", "{EN}"]'),
         '{"model_name": "local", "outputs": [{"name": "label", "datatype": "BYTES", "shape": [2], "data": ["de", "en"]'
         '}, {"name": "score", "datatype": "FP32", "shape": [2], "data": [0.996397, 0.996355]}]}'),
        ("kserve", TENSOR % ("[2, 2]", "FP32", "[1, 2, 1, 2]"),
         '{"model_name": "local", "outputs": [{"name": "score", "datatype": "FP32", "shape": [2], '
         '"data": [0.736367, 0.736367]}]}'),
        ("kserve", TENSOR % ("[1, 2]", "INT64", "[[1, 2]]"),
         '{"model_name": "local", "outputs": [{"name": "score", "datatype": "FP32", "shape": [1], "data": [0.736367]}]}'
        ),
    ],
)  # fmt: skip
def test_each_codecs_requests_are_answered_in_its_format(codec: str, body: str, answer: str) -> None:
    assert answered(codec, body) == answer


@pytest.mark.parametrize(
    ("codec", "body", "detail"),
    [
        ("huggingface", "[]", 'the request must be a JSON object with "inputs"'),
        ("instances", '{"instances": 1}', 'the request must be a JSON object with "instances", a list'),
        *(
            ("instances", f'{{"instances": [{{"inputs": "a text"}}, {instance}]}}', detail)
            for instance, detail in (
                ("{}", 'a record must be {"inputs": "a text"}, {"features": [numbers]}, or a list of numbers'),
                ('{"inputs": ""}', "an input is empty"),
                ('{"inputs": ["a", "b"]}', "each input must be a text, not list"),
                ("[]", "a row is empty"),
                ("[1, null]", "a row must hold numbers, not 'None'"),
            )
        ),
        ("csv", "1,2\n1,two", "a row must hold numbers, not 'two'"),
        ("csv", "1e999", "a row must hold numbers, not '1e999'"),
        ("kserve", '{"inputs": []}', 'the request must have "inputs" with one tensor'),
        ("kserve", '{"inputs": [{}]}', 'a tensor must have "shape" and "data", which are lists'),
        ("kserve", TENSOR % ("[1, 2]", "BYTES", '["a", "b"]'), "a record must be one text"),
    ],
)
def test_what_a_container_does_not_take_it_refuses(codec: str, body: str, detail: str) -> None:
    with pytest.raises(RefusedError) as error:
        container_for(settings_for(codec)).answer(body.encode(), "")
    assert str(error.value) == detail


def test_what_the_model_refuses_is_a_model_error(client: "SageMakerRuntimeClient", endpoint: EndpointServer) -> None:
    with pytest.raises(ClientError) as error:
        invoke(client, {"inputs": ["text", {"text": "object"}]})
    response: Any = error.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 400
    assert json.loads(response["OriginalMessage"]) == {"error": "each input must be a text, not dict"}
    assert response["LogStreamArn"].startswith("arn:aws:logs:eu-central-1:123456789012:log-group:/aws/sagemaker/")
    assert [(invocation.records, invocation.refused) for invocation in endpoint.invocations] == [(2, True)]


class Always(FaultInjector):
    def __init__(self, fault: InjectedFault) -> None:
        super().__init__()
        self.fault = fault

    def draw(self) -> InjectedFault:
        return self.fault


@pytest.mark.parametrize(
    ("injected", "fault"),
    [
        (InjectedFault.RATE_EXCEEDED, Fault.THROTTLED),
        (InjectedFault.THROTTLED, Fault.THROTTLED),
        (InjectedFault.INTERNAL_FAILURE, Fault.UNAVAILABLE),
        (InjectedFault.UNAVAILABLE, Fault.UNAVAILABLE),
        (InjectedFault.MODEL_FAILED, Fault.MODEL_FAILED),
        (InjectedFault.DROPPED, Fault.CONNECTION),
        (InjectedFault.CUT_OFF, Fault.CONNECTION),
        (InjectedFault.NOT_JSON, Fault.UNEXPECTED_RESPONSE),
        (InjectedFault.WRONG_COUNT, Fault.UNEXPECTED_RESPONSE),
        (InjectedFault.NO_ANSWER, Fault.READ_TIMEOUT),
    ],
)
def test_an_injected_fault_is_what_the_handler_takes_it_for(
    container: Container, monkeypatch: pytest.MonkeyPatch, injected: InjectedFault, fault: Fault
) -> None:
    settings = HandlerSettings(
        endpoint_name="language", dead_letter_queue_url="q", result_target="q", request_timeout_seconds=1
    )
    codec = codec_for(settings)
    items = [codec.parse(Record(str(number), "", "", 1, "arn"), Payload('{"inputs": "text"}')) for number in range(3)]
    with EndpointServer(container, Always(injected)) as server:
        server.account = Account("123456789012", "eu-central-1", {"language"}, authorize=lambda: None)
        for name, value in {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": server.url,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Exception) as error:  # noqa: PT011 - whatever botocore raises: it is classified next
            Endpoint(settings, codec).score(items, "a-request")
    assert isinstance(error.value, Exception)
    assert classify(error.value) is fault
    assert server.invocations == []


def test_an_unknown_endpoint_is_answered_as_sagemaker_does(client: "SageMakerRuntimeClient") -> None:
    with pytest.raises(ClientError) as error:
        invoke(client, {"inputs": "text"}, name="other")
    assert str(error.value) == (
        "An error occurred (ValidationError) when calling the InvokeEndpoint operation: "
        "Endpoint other of account 123456789012 not found."
    )


def test_a_denial_is_asked_for_once_and_always_given(container: Container) -> None:
    asked = []

    def authorize() -> str:
        asked.append(1)
        return "User: x is not authorized to perform: sagemaker:InvokeEndpoint"

    with EndpointServer(container) as server:
        server.account = Account("123456789012", "eu-central-1", {"language"}, authorize)
        request = urllib.request.Request(
            f"{server.url}/endpoints/language/invocations",
            data=b"{}",
            headers={"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/eu-central-1/sagemaker/aws4_request"},
        )
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request)
            with error.value:
                assert error.value.code == 403
                assert error.value.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert len(asked) == 1
    assert server.invocations == []


def test_an_unsigned_request_is_refused(endpoint: EndpointServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{endpoint.url}/endpoints/language/invocations", data=b'{"inputs": "text"}')
    with error.value:
        assert error.value.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    ("codec", "changes", "body", "answer"),
    [
        ("instances", {"request_key": "inputs", "response_key": ""}, b'{"inputs": [[1, 2, 3, 4]]}', b"["),
        ("instances", {"request_key": "", "response_key": "scores"}, b"[[1, 2, 3, 4]]", b'{"scores": ['),
        ("csv", {"csv_header": "a,b,c,d"}, b"a,b,c,d\n1,2,3,4", b"0."),
    ],
)
def test_the_container_keeps_to_the_settings_of_the_codec(
    codec: str, changes: dict[str, str], body: bytes, answer: bytes
) -> None:
    written, _ = container_for(replace(settings_for(codec), **changes)).answer(body, "")  # type: ignore[arg-type]
    assert written.startswith(answer)
    assert written.count(b"\n") == 0


def test_an_inference_id_is_bounded_as_sagemakers_is(client: "SageMakerRuntimeClient") -> None:
    call: Any = {"EndpointName": "language", "ContentType": "application/json", "Body": b'{"inputs": "a"}'}
    client.invoke_endpoint(**call, InferenceId="a" * 64)["Body"].close()
    with pytest.raises(ClientError, match=r"^An error occurred \(ValidationError\) .*'inferenceId' failed"):
        client.invoke_endpoint(**call, InferenceId="a" * 65)
