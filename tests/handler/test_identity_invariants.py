"""Every record reaches exactly one outcome, and a result is its own, whatever is told of whose message it was."""

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handler.batch import BatchInference
from tests.handler.aws import Answer, LocalAws, Request, model_error, service_error
from tests.handler.conftest import Event, Items, build_inference, local_aws, make_event, serve_table
from tests.handler.test_invariants import _dead_letters, _fail_entries, _process, _sent, sink_faults

TOO_LONG = "x" * 257
KEYED = {"correlation": "/id", "idempotency_table": "t", "idempotency_key": "correlation"}
IDENTITIES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "attribute": {"correlation": "orderId", "pass_attributes": ("tenant",)},
    "pointer": {"correlation": "/id", "keep_members": ("id", "inputs"), "pass_message_group": True},
    "key": KEYED,
}


class Sent(NamedTuple):
    """A record as its producer sent it."""

    text: str
    order: Any
    tenant: str


class Told(NamedTuple):
    """What a result says: of which text it is, of which order, and of whom."""

    label: str
    subject: str
    group: str


records = st.builds(
    Sent,
    st.sampled_from("abc"),
    st.sampled_from([0, 1, 2, "o-1", None, {}, TOO_LONG, ""]),
    st.sampled_from(["", "t", "u"]),
)


# Two that mean the same in one message: the second finds the first one's result when the message comes again.
@example(
    batch=[Sent("a", 0, ""), Sent("a", 0, "")],
    answers=[],
    entries=[],
    identity="key",
    envelope="a list of events",
    packed=1,
)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.lists(records, min_size=1, max_size=16),
    answers=st.lists(st.sampled_from([None, model_error(500), service_error(503, "ServiceUnavailable")]), max_size=3),
    entries=sink_faults,
    identity=st.sampled_from([*IDENTITIES]),
    envelope=st.sampled_from(["none", "events", "a list of events"]),
    packed=st.sampled_from([1, 3]),
)
def test_one_outcome_and_a_result_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
    batch: list[Sent],
    answers: list[Answer | None],
    entries: list[Any],
    identity: str,
    envelope: str,
    packed: int,
) -> None:
    with local_aws(monkeypatch) as aws:
        aws.endpoint = _endpoint(list(answers))
        items = serve_table(aws)
        _fail_entries(aws, list(entries))
        told = dict(IDENTITIES[identity])
        if envelope != "none" and told.get("correlation") == "/id":
            told["correlation"] = "/data/id"
        handler = build_inference(
            aws,
            max_records_per_request=4,
            requests_in_flight=2,
            max_receive_count=99,
            max_events_per_message=packed,
            envelope="refuse" if envelope == "none" else "cloudevents",
            **told,
        )
        event, sent = _event_of(batch, envelope)
        _deliver_until_done(aws, handler, event["Records"], items)
        handler._senders.shutdown()

        expected = {id_: _expected(id_, record, identity) for id_, record in sent.items()}
        assert _dead_letters(aws) == {id_ for id_, told_ in expected.items() if told_ is None}
        found: dict[str, set[Told]] = {}
        for result in _sent(aws, "sqs"):
            of_result = Told(result["data"]["result"]["label"], result["subject"], result.get("messagegroupid", ""))
            found.setdefault(result["id"], set()).add(of_result)
        assert all(len(told_) == 1 for told_ in found.values()), f"one id, two results: {found}"
        fit = {id_: told_ for id_, told_ in expected.items() if told_ is not None}
        if identity == "key":  # those that mean the same are one
            assert {told_ for told_s in found.values() for told_ in told_s} == {*fit.values()}
            assert len(found) == len({*fit.values()})
        else:
            assert {id_: next(iter(told_)) for id_, told_ in found.items()} == fit


def _endpoint(answers: list[Answer | None]) -> Any:
    def endpoint(request: Request) -> Answer:
        if answers and (answer := answers.pop()):
            return answer
        return Answer(body=json.dumps([{"label": text} for text in request.inputs]).encode())

    return endpoint


def _event_of(batch: list[Sent], envelope: str) -> tuple[Event, dict[str, Sent]]:
    """Return an event with these records, and the records by the ids that they have; of a list, group and attributes
    are those of its message.
    """
    bodies = [json.dumps({"inputs": record.text, "id": record.order}) for record in batch]
    if envelope != "none":
        bodies = [f'{{"specversion": "1.0", "type": "a", "source": "b", "data": {body}}}' for body in bodies]
    sent = {f"m{number}": record for number, record in enumerate(batch)}
    if envelope == "a list of events":
        bodies = [f"[{','.join(bodies)}]"]
        ids = ["m0"] if len(batch) == 1 else [f"m0-{number}" for number in range(1, len(batch) + 1)]
        sent = {id_: record._replace(tenant=batch[0].tenant) for id_, record in zip(ids, batch, strict=True)}
    event = make_event(bodies)
    for message, record in zip(event["Records"], batch, strict=False):
        if record.tenant:
            message["attributes"]["MessageGroupId"] = record.tenant
            message["messageAttributes"] = {"orderId": {"stringValue": f"of {record.tenant}", "dataType": "String"}}
    return event, sent


def _expected(id_: str, record: Sent, identity: str) -> Told | None:
    """Return what the record's result must say; None if it is to be dead-lettered."""
    if identity == "nothing":
        return Told(record.text, id_, "")
    if identity == "attribute":
        return Told(record.text, f"of {record.tenant}" if record.tenant else id_, "")
    if record.order in ({}, TOO_LONG, ""):
        return None
    subject = id_ if record.order is None else str(record.order)
    return Told(record.text, subject, record.tenant if identity == "pointer" else "")


def _deliver_until_done(aws: LocalAws, handler: BatchInference, messages: list[Event], items: Items) -> None:
    """Deliver returned messages again, until none is left."""
    for _ in range(30):
        back = _process(handler, messages)
        messages = [message for message in messages if message["messageId"] in back]
        for item in items.values():
            if "claimed_until" in item:
                item["claimed_until"] = {"N": "0"}  # the claim expires before the next delivery
        if not messages:
            return
    pytest.fail(f"{len(messages)} messages are still returned; {len(aws.requests)} requests were sent")
