"""The local endpoint and queue that the functions talk to, by boto3 itself."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from benchmarks.server import LocalServer, serve
from benchmarks.worker import OURS, event, function


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with serve() as server:
        yield server


def client(service: Any, server: LocalServer) -> Any:
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def test_GIVEN_several_inputs_WHEN_invoked_THEN_there_is_a_result_for_each_and_they_are_counted(
    server: LocalServer,
) -> None:
    server.configure(fixed=0.001, per_record=0.0001, capacity=1)
    body = json.dumps({"inputs": ["a", "b", "c"]})
    response = client("sagemaker-runtime", server).invoke_endpoint(EndpointName="e", Body=body)
    assert len(json.loads(response["Body"].read())) == 3
    report = server.report()
    assert (report["requests"], report["records"]) == (1, 3)


@pytest.mark.parametrize("events_per_message", [1, 5])
def test_GIVEN_the_handler_as_a_warm_process_WHEN_invoked_THEN_each_record_s_result_is_in_the_queue(
    server: LocalServer, events_per_message: int
) -> None:
    server.configure()
    settings = {"max_records_per_request": 8, "requests_in_flight": 2, "max_events_per_message": events_per_message}
    with function(OURS, server, **settings) as worker:
        values = worker.invoke(25, times=2)
    report = server.report()
    assert (report["records"], report["results"], report["requests"]) == (50, 50, 8)
    assert set(values) == {"wall", "cpu"}


@pytest.mark.parametrize("record_bytes", [200, 1024])
def test_GIVEN_a_size_WHEN_an_event_is_made_THEN_each_body_has_it(record_bytes: int) -> None:
    assert {len(record["body"]) for record in event(3, record_bytes)["Records"]} == {record_bytes}
