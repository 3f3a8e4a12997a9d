"""What comes out of a chain belongs to the message that was sent into it."""

import json
from typing import Any

import pytest

from local.tally import read_dead_letter, read_results


def event(**changes: Any) -> dict[str, Any]:
    told = {"id": "own", "causationid": "first", "subject": "sent", "source": "q", "type": "t", "specversion": "1.0"}
    return {**told, "data": {"result": 1}, **changes}


@pytest.mark.parametrize(("place", "id_"), [(0, "own"), (1, "first"), (2, "sent"), (3, "sent")])
def test_a_result_is_of_the_message_that_began_the_chain(place: int, id_: str) -> None:
    ((found, scored),) = read_results(json.dumps(event()), 1.0, place)
    assert (found, scored.result) == (id_, 1)


@pytest.mark.parametrize(("place", "id_"), [(0, "m1"), (1, "own"), (2, "first"), (3, "sent")])
def test_a_dead_letter_is_too(place: int, id_: str) -> None:
    attributes: Any = {"sourceMessageId": {"DataType": "String", "StringValue": "m1"}}
    message: Any = {"MessageId": "of the letter", "Body": json.dumps(event()), "MessageAttributes": attributes}
    assert read_dead_letter(message, 1.0, place)[0] == id_
