"""Several models behind one endpoint: records for different ones never share a request."""

import pytest

from handler.settings import ConfigurationError
from tests.handler.aws import Answer, LocalAws, Request, scored, service_error
from tests.handler.conftest import Build, Event, FakeContext, make_event, returned, texts

HEADERS = {
    "TargetModel": "target-model",
    "InferenceComponentName": "inference-component",
    "TargetVariant": "target-variant",
}


def _name(event: Event, number: int, attribute: str, value: str) -> None:
    event["Records"][number]["messageAttributes"][attribute] = {"dataType": "String", "stringValue": value}


def _targets(request: Request) -> dict[str, str]:
    wanted = {header: name for name, header in HEADERS.items()}
    return {wanted[name]: value for name, value in request.sagemaker_headers.items() if name in wanted}


def test_the_configured_target_is_named_in_every_request(aws: LocalAws, inference: Build) -> None:
    handler = inference(target_model="a.tar.gz", inference_component_name="ic", target_variant="v")
    event = make_event(texts(1))
    _name(event, 0, "TargetModel", "b.tar.gz")
    handler.process(event, FakeContext())
    (request,) = aws.requests
    assert _targets(request) == {"TargetModel": "a.tar.gz", "InferenceComponentName": "ic", "TargetVariant": "v"}


@pytest.mark.parametrize("attribute", HEADERS)
def test_records_choose_their_target_and_never_share_a_request_with_another_s(
    aws: LocalAws, inference: Build, attribute: str
) -> None:
    event = make_event(texts(5))
    for number, value in enumerate(["x", "y", "x", "y"]):
        _name(event, number, attribute, value)
    assert returned(inference(targets_from_messages=True).process(event, FakeContext())) == []
    assert sorted((_targets(request).get(attribute, ""), request.inputs) for request in aws.requests) == [
        ("", ["text 4"]),
        ("x", ["text 0", "text 2"]),
        ("y", ["text 1", "text 3"]),
    ]


def test_a_target_that_is_no_name_is_malformed(aws: LocalAws, inference: Build) -> None:
    event = make_event(texts(2))
    _name(event, 1, "TargetVariant", "not/a name")
    assert returned(inference(targets_from_messages=True).process(event, FakeContext())) == []
    letter = aws.dead_letters()["m1"]
    assert (letter["reason"], letter["detail"]) == (
        "malformed",
        "the message attribute TargetVariant='not/a name' is no name of SageMaker's",
    )


def test_a_target_the_endpoint_does_not_know_is_the_record_s_fault(aws: LocalAws, inference: Build) -> None:
    unknown = service_error(400, "ValidationError", "Variant nope does not exist")

    def endpoint(request: Request) -> Answer:
        return unknown if _targets(request).get("TargetVariant") == "nope" else scored(request)

    aws.endpoint = endpoint
    event = make_event(texts(4))
    _name(event, 1, "TargetVariant", "nope")
    _name(event, 2, "TargetVariant", "nope")
    assert returned(inference(targets_from_messages=True).process(event, FakeContext())) == []
    assert set(aws.results()) == {"m0", "m3"}
    assert {letter["reason"] for letter in aws.dead_letters().values()} == {"target-refused"}
    assert set(aws.dead_letters()) == {"m1", "m2"}


def test_alone_it_is_returned_until_its_last_receive(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: service_error(400, "ValidationError", "Variant nope does not exist")
    event = make_event(texts(1))
    _name(event, 0, "TargetVariant", "nope")
    handler = inference(targets_from_messages=True, max_receive_count=2)
    assert returned(handler.process(event, FakeContext())) == ["m0"]
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    assert returned(handler.process(event, FakeContext())) == []
    assert aws.dead_letters()["m0"]["reason"] == "target-refused"


def test_a_configured_target_the_endpoint_does_not_know_is_the_deployment_s_fault(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = lambda request: service_error(400, "ValidationError", "Variant nope does not exist")
    with pytest.raises(ConfigurationError, match="Variant nope does not exist"):
        inference(target_variant="nope", targets_from_messages=True).process(make_event(texts(2)), FakeContext())


NO_CAPACITY = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress"


@pytest.mark.parametrize(
    ("code", "message", "waits"),
    [
        ("ValidationError", NO_CAPACITY, True),
        ("ValidationError", "Variant cold not found for Request", False),
    ],
)
def test_a_component_without_copies_is_waited_for_and_one_that_is_not_there_is_refused(
    aws: LocalAws, inference: Build, code: str, message: str, waits: bool
) -> None:
    def endpoint(request: Request) -> Answer:
        cold = request.sagemaker_headers.get("inference-component") == "cold"
        return service_error(400, code, message) if cold else scored(request)

    aws.endpoint = endpoint
    event = make_event(texts(2))
    _name(event, 0, "InferenceComponentName", "warm")
    _name(event, 1, "InferenceComponentName", "cold")
    assert returned(inference(targets_from_messages=True).process(event, FakeContext())) == (["m1"] if waits else [])
    assert {id_: letter["reason"] for id_, letter in aws.dead_letters().items()} == (
        {} if waits else {"m1": "target-refused"}
    )


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "ExpiredTokenException", "The security token included in the request is expired"),
        (400, "ValidationError", "Endpoint dev-language of account 123456789012 not found."),
    ],
)
def test_what_can_not_be_the_target_s_fault_blames_no_record(
    aws: LocalAws, inference: Build, status: int, code: str, message: str
) -> None:
    def endpoint(request: Request) -> Answer:
        return service_error(status, code, message) if request.inputs == ["text 1"] else scored(request)

    aws.endpoint = endpoint
    event = make_event(texts(2), receive_count=5)
    for number in range(2):
        _name(event, number, "TargetModel", f"{number}.tar.gz")
    with pytest.raises(ConfigurationError):
        inference(targets_from_messages=True).process(event, FakeContext())
    assert aws.dead_letters() == {}
