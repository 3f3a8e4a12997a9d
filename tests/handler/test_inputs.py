"""Messages that point to their body in S3."""

import json
import threading
import time

import pytest

from handler.settings import ConfigurationError
from tests.handler.aws import Answer, LocalAws, Request, scored, service_error
from tests.handler.conftest import Build, FakeContext, make_event, make_fifo_event, returned, texts

LOCATION = "s3://payloads/inputs/"


def _pointer(key: str) -> str:
    return json.dumps({"s3": f"s3://payloads/{key}"})


def test_the_object_is_scored_in_the_message_s_stead(aws: LocalAws, inference: Build) -> None:
    aws.objects["payloads/inputs/a"] = json.dumps({"inputs": "from S3"}).encode()
    event = make_event([*texts(1), _pointer("inputs/a")])
    assert returned(inference(input_location=LOCATION).process(event, FakeContext())) == []
    assert aws.requests[0].inputs == ["text 0", "from S3"]
    assert set(aws.results()) == {"m0", "m1"}


@pytest.mark.parametrize(
    ("key", "content", "reason", "detail"),
    [
        ("other/a", b"", "malformed", "s3://payloads/other/a is not below s3://payloads/inputs/"),
        ("inputs/a", b"x" * 2000, "too-large", "s3://payloads/inputs/a has 2000 bytes, a request may have 1000"),
        ("inputs/a", b"\xff", "malformed", "s3://payloads/inputs/a is not text in UTF-8: invalid start byte"),
        ("inputs/a", b"{}", "malformed", 'the body must be a JSON object with "inputs"'),
    ],
)
def test_what_never_can_be_read_is_dead_lettered_with_the_pointer(
    aws: LocalAws, inference: Build, key: str, content: bytes, reason: str, detail: str
) -> None:
    aws.objects[f"payloads/{key}"] = content
    handler = inference(input_location=LOCATION, max_request_bytes=1000)
    assert returned(handler.process(make_event([*texts(1), _pointer(key)]), FakeContext())) == []
    letter = aws.dead_letters()["m1"]
    assert (letter["reason"], letter["detail"], letter["body"]) == (reason, detail, _pointer(key))


def test_requests_start_while_others_still_wait_for_their_objects(aws: LocalAws, inference: Build) -> None:
    requested = threading.Event()

    def endpoint(request: Request) -> Answer:
        requested.set()
        return scored(request)

    aws.endpoint = endpoint
    aws.objects["payloads/inputs/a"] = json.dumps({"inputs": "from S3"}).encode()
    aws.refuse_object = lambda method, name: None if requested.wait(5) else service_error(500, "InternalError")
    handler = inference(input_location=LOCATION, max_records_per_request=1, requests_in_flight=2)
    assert returned(handler.process(make_event([*texts(2), _pointer("inputs/a")]), FakeContext())) == []
    assert set(aws.results()) == {"m0", "m1", "m2"}


def test_a_wrong_deployment_stops_the_reading_with_the_invocation(aws: LocalAws, inference: Build) -> None:
    reads: list[str] = []

    def read(method: str, name: str) -> None:
        reads.append(name)
        time.sleep(0.01)

    aws.refuse_object = read
    aws.objects.update({f"payloads/inputs/{number}": b'{"inputs": "from S3"}' for number in range(200)})
    aws.endpoint = lambda request: service_error(403, "AccessDeniedException")
    handler = inference(input_location=LOCATION, max_records_per_request=1)
    bodies = [_pointer(f"inputs/{number}") for number in range(200)]
    with pytest.raises(ConfigurationError) as raised:  # its traceback keeps the invocation's objects alive
        handler.process(make_event(bodies), FakeContext())
    assert raised.value
    time.sleep(1)
    assert len(reads) < 100


def test_an_object_that_is_not_there_is_waited_for_until_the_last_receive(aws: LocalAws, inference: Build) -> None:
    handler = inference(input_location=LOCATION, max_receive_count=2)
    bodies = [*texts(1), _pointer("inputs/late")]
    assert returned(handler.process(make_event(bodies), FakeContext())) == ["m1"]
    assert returned(handler.process(make_event(bodies[1:], receive_count=2), FakeContext())) == []
    assert aws.dead_letters()["m0"]["reason"] == "input-unavailable"


def test_without_the_right_to_read_it_counts_as_missing(aws: LocalAws, inference: Build) -> None:
    aws.refuse_object = lambda method, name: service_error(403, "AccessDenied")
    handler = inference(input_location=LOCATION)
    assert returned(handler.process(make_event([_pointer("inputs/a")]), FakeContext())) == ["m0"]


def test_without_a_location_a_pointer_is_a_body_like_any_other(aws: LocalAws, inference: Build) -> None:
    assert returned(inference().process(make_event([_pointer("inputs/a")]), FakeContext())) == []
    assert aws.dead_letters()["m0"]["reason"] == "malformed"


def test_a_missing_object_holds_its_message_group(aws: LocalAws, inference: Build) -> None:
    bodies = [*texts(1), _pointer("inputs/late"), *texts(2)]
    handler = inference(input_location=LOCATION)
    assert sorted(returned(handler.process(make_fifo_event("aaab", bodies), FakeContext()))) == ["m1", "m2"]
    assert set(aws.results()) == {"m0", "m3"}


def test_a_key_that_no_request_can_hold_is_dead_lettered_and_its_neighbours_go_on(
    aws: LocalAws, inference: Build
) -> None:
    event = make_event([*texts(1), r'{"s3": "s3://payloads/inputs/\ud800"}'])
    assert returned(inference(input_location=LOCATION).process(event, FakeContext())) == []
    assert set(aws.results()) == {"m0"}
    letter = aws.dead_letters()["m1"]
    assert (letter["reason"], letter["detail"]) == (
        "malformed",
        r"'s3://payloads/inputs/\ud800' holds what is not printable",
    )


def test_objects_that_are_slow_to_come_are_returned_and_the_others_are_scored(aws: LocalAws, inference: Build) -> None:
    aws.refuse_object = lambda method, name: Answer(status=503, error="SlowDown", body=b"{}", delay_seconds=3)
    bodies = [*texts(1), *(_pointer(f"inputs/{number}") for number in range(12))]
    handler = inference(input_location=LOCATION)
    late = returned(handler.process(make_event(bodies), FakeContext(remaining_ms=3000)))
    assert set(late) == {f"m{number}" for number in range(1, 13)}
    assert set(aws.results()) == {"m0"}
    # Threads that still wait for S3 do not delay the next invocation.
    aws.refuse_object = lambda method, name: None
    aws.objects["payloads/inputs/a"] = json.dumps({"inputs": "from S3"}).encode()
    aws.queues.clear()
    event = make_event([_pointer("inputs/a")])
    assert returned(handler.process(event, FakeContext(remaining_ms=3000))) == []
