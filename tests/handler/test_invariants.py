"""Whatever the records and whatever the answers: every record reaches exactly one end."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.index import EndpointDownError
from handler.settings import ConfigurationError
from tests.handler.aws import Answer, Request, model_error, scored, service_error
from tests.handler.conftest import FakeContext, build_inference, local_aws, make_event, returned

ANSWERS: list[Answer | Callable[[Request], Answer]] = [
    scored,
    scored,
    model_error(400),
    model_error(413),
    model_error(500),
    model_error(0),
    service_error(400, "ThrottlingException", None),
    service_error(503, "ServiceUnavailable"),
    service_error(403, "AccessDeniedException"),
    Answer(drop=True),
    Answer(body=b"[1]"),
    Answer(body=b"nonsense"),
    Answer(body=b"[]", delay_seconds=0.3),
]
bodies = st.one_of(
    st.text(max_size=30).map(lambda text: json.dumps({"inputs": text})),
    st.text(max_size=30),
    st.just(json.dumps({"inputs": "y" * 900})),
    st.just(json.dumps({"inputs": "z", "parameters": {"k": 1}})),
)
refusals = st.sampled_from([None, None, None, {"Code": "InternalError", "SenderFault": False}])


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.lists(bodies, min_size=1, max_size=30),
    answers=st.lists(st.sampled_from(ANSWERS), max_size=12),
    sink=st.lists(refusals, max_size=12),
    max_records=st.integers(1, 12),
    max_concurrency=st.integers(1, 4),
    receive_count=st.integers(4, 5),
    remaining_ms=st.sampled_from([500, 1500, 10_000]),
)
def test_every_record_reaches_exactly_one_end(
    monkeypatch: pytest.MonkeyPatch,
    batch: list[str],
    answers: list[Answer | Callable[[Request], Answer]],
    sink: list[dict[str, Any] | None],
    max_records: int,
    max_concurrency: int,
    receive_count: int,
    remaining_ms: int,
) -> None:
    with local_aws(monkeypatch) as aws:  # one each: what an example left in flight must not reach the next
        aws.script(*answers)
        refusals_left = list(sink)
        aws.refuse = lambda queue, entry: refusals_left.pop() if refusals_left else None
        handler = build_inference(
            aws, max_records=max_records, max_concurrency=max_concurrency, max_bytes=800, max_receives=5
        )
        everything = {f"m{number}" for number in range(len(batch))}
        raised, started = False, time.monotonic()
        back: list[str] = []
        try:
            back = returned(handler.process(make_event(batch, receive_count), FakeContext(remaining_ms)))
        except (ConfigurationError, EndpointDownError):
            raised = True
        out_of_time = time.monotonic() - started > 0.9 * remaining_ms / 1000
        handler._senders.shutdown()

        ends = [*aws.results(), *aws.dead_letters(), *back]
        # Where it raises, Lambda returns the whole batch; what left before is told by its id when it leaves again.
        # So is what was on its way to a sink in the very moment that time ran out.
        assert len(set(ends)) == len(ends) or out_of_time
        assert set(ends) <= everything if raised else set(ends) == everything
        assert all(len(request.body) <= 800 for request in aws.requests)
        assert all(len(request.inputs) <= max_records for request in aws.requests)
        assert aws.most_in_flight <= max_concurrency
