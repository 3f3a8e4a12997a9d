import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from handler.codecs import Payload, codec_for
from handler.endpoint import Endpoint
from handler.faults import Fault, classify
from handler.records import Record
from handler.settings import HandlerSettings
from local.endpoint import Account, EndpointServer
from local.faults import FaultInjector, InjectedFault
from local.model import LanguageModel

if TYPE_CHECKING:
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel()


@pytest.fixture
def endpoint(model: LanguageModel) -> Iterator[EndpointServer]:
    with EndpointServer(model) as server:
        server.account = Account("123456789012", "eu-central-1", {"language"}, authorize=lambda: None)
        yield server


@pytest.fixture
def client(endpoint: EndpointServer) -> "Iterator[SageMakerRuntimeClient]":
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=endpoint.url,
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    yield client
    client.close()


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


def test_instances_are_answered_with_predictions(client: "SageMakerRuntimeClient", endpoint: EndpointServer) -> None:
    answer = invoke(
        client, {"instances": [{"inputs": "Wo bleibt meine Bestellung?"}, {"inputs": "Where is my order?"}]}
    )
    assert [prediction["label"] for prediction in answer["predictions"]] == ["de", "en"]
    assert [(invocation.records, invocation.refused) for invocation in endpoint.invocations] == [(2, False)]


@pytest.mark.parametrize("instance", [{}, "text", {"inputs": ""}, {"inputs": ["a", "b"]}])
def test_an_instance_without_a_text_is_refused(client: "SageMakerRuntimeClient", instance: object) -> None:
    with pytest.raises(ClientError) as error:
        invoke(client, {"instances": [{"inputs": "Where is my order?"}, instance]})
    assert error.value.response["Error"]["Code"] == "ModelError"


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
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch, injected: InjectedFault, fault: Fault
) -> None:
    settings = HandlerSettings(
        endpoint_name="language", dead_letter_queue_url="q", result_target="q", request_timeout_seconds=1
    )
    codec = codec_for(settings)
    items = [codec.parse(Record(str(number), "", "", 1, "arn"), Payload('{"inputs": "text"}')) for number in range(3)]
    with EndpointServer(model, Always(injected)) as server:
        server.account = Account("123456789012", "eu-central-1", {"language"}, authorize=lambda: None)
        for name, value in {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": server.url,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Exception) as error:  # noqa: PT011 - whatever botocore raises: it is classified next
            Endpoint(settings, codec).score(items)
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


def test_a_denial_is_asked_for_once_and_always_given(model: LanguageModel) -> None:
    asked = []

    def authorize() -> str:
        asked.append(1)
        return "User: x is not authorized to perform: sagemaker:InvokeEndpoint"

    with EndpointServer(model) as server:
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
