"""Codec of a triage service that takes tickets with ids, and answers in any order, with an error for a bad ticket."""

import json
from collections.abc import Sequence
from typing import Any

from handler.codecs import Codec, Framed, Item, MalformedRecordError, Payload, RecordFailure, UnexpectedResponseError
from handler.records import Record
from handler.settings import HandlerSettings


class TicketCodec(Framed):
    """{"text": …} records; {"tickets": [{"id", "text"}, …]} requests; {"results": [{"id", …}, …]} in any order."""

    content_type = accept = "application/json"

    def parse(self, record: Record, payload: Payload) -> Item:
        try:
            ticket = json.loads(payload.text)
        except ValueError as error:
            raise MalformedRecordError(f"the ticket is not JSON: {error}") from error
        text = ticket.get("text") if isinstance(ticket, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise MalformedRecordError('a ticket must be {"text": "…"}, and not empty')
        return Item(record, (json.dumps({"id": record.message_id, "text": text}).encode(),))

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        """Return the bytes before, between and after the records' parts."""
        return b'{"tickets":[', b",", b"]}"

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        try:
            results = json.loads(body)["results"]
            by_id = {result.pop("id"): result for result in results}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnexpectedResponseError(f"the answer is not a list of results with ids: {error!r}") from error
        asked = [item.record.message_id for item in items]
        if len(results) != len(asked) or by_id.keys() != set(asked):
            raise UnexpectedResponseError("the answer's ids are not those of the request")
        return [_result(by_id[id_]) for id_ in asked]


def _result(result: dict[str, Any]) -> Any:
    return RecordFailure(str(result["error"])) if "error" in result else result


def make(_: HandlerSettings) -> Codec:
    """Return the codec, which has no settings; called once for each sandbox."""
    return TicketCodec()
