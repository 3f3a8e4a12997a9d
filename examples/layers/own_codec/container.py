"""Stand-in for the triage service in the local run: its requests and answers, with a real model behind them."""

import json
from typing import Any

from local.model import LanguageModel

MODEL = LanguageModel()


def answer(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the answer to a request, and its content type; a ValueError is answered with status 400."""
    if content_type != "application/json":
        raise ValueError(f"the service takes no {content_type}")
    results = [_result(ticket) for ticket in json.loads(body)["tickets"]]
    results.reverse()  # as the service may: in any order
    return json.dumps({"results": results}).encode(), "application/json"


def count(body: bytes) -> int:
    """Return the number of records in a request, for the report."""
    return len(json.loads(body)["tickets"])


def _result(ticket: dict[str, str]) -> dict[str, Any]:
    if not any(character.isalpha() for character in ticket["text"]):
        return {"id": ticket["id"], "error": "no words in it"}
    return {"id": ticket["id"], **MODEL.predict([ticket["text"]])[0]}
