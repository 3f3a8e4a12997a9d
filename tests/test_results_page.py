"""The page of results says what is so: the handler sends its examples."""

import ast
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from constructs_lib import ResultsSettings

import pytest

from handler.settings import EVENT_MEMBERS, EVENT_SOURCE, EVENT_TYPE
from tests.handler.aws import Answer, LocalAws
from tests.handler.conftest import FakeContext, build_inference, local_aws, make_event

PAGE = (Path(__file__).parents[1] / "docs" / "results.md").read_text()
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))
MESSAGE_ID = "0b6c4c1e-4f6e-4b59-9a38-1d1f7a3a9a01"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sent(monkeypatch: pytest.MonkeyPatch, **sink: str) -> LocalAws:
    """Score the page's message with the page's settings; return the server with what was sent."""
    call = ast.parse(EXAMPLES["settings"], mode="eval").body
    assert isinstance(call, ast.Call)
    given = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}
    ResultsSettings(**given)
    with local_aws(monkeypatch) as aws:
        aws.endpoint = lambda request: Answer(body=b'[{"label": "de"}]')
        event = make_event([EXAMPLES["body"].strip()])
        record = event["Records"][0]
        record["messageId"] = MESSAGE_ID
        record["attributes"]["MessageGroupId"] = "acme"
        record["messageAttributes"] = {
            name: {"stringValue": value, "dataType": "String"}
            for name, value in {"tenant": "acme", "traceparent": TRACEPARENT}.items()
        }
        build_inference(aws, **given, **sink).process(event, FakeContext())
    return aws


def differences(told: Any, found: Any, place: str = "") -> list[str]:
    """Return where what was sent is not what the page tells; an ellipsis stands for anything."""
    if isinstance(told, dict) and isinstance(found, dict):
        missing = [f"{place}.{name}" for name in told.keys() ^ found.keys()]
        return missing + [
            x for name in told.keys() & found.keys() for x in differences(told[name], found[name], f"{place}.{name}")
        ]
    if isinstance(told, str) and isinstance(found, str):
        return [] if re.fullmatch(re.escape(told).replace("…", ".*"), found) else [f"{place}: {told} is {found}"]
    return [] if told == found else [f"{place}: {told} is {found}"]


def test_the_event_is_what_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    (message,) = sent(monkeypatch).queues["results"]
    told, found = json.loads(EXAMPLES["event"]), json.loads(message["MessageBody"])
    assert differences(told, found) == []
    assert list(told) == list(found)
    assert list(told["data"]) == list(found["data"])
    assert message["MessageGroupId"] == "acme"
    assert set(message["MessageAttributes"]) == {"tenant", "traceparent"}


def test_eventbridge_gets_what_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = sent(monkeypatch, result_sink="eventbridge", result_target="results").queues["results"]
    told, detail = json.loads(EXAMPLES["eventbridge"]), json.loads(entry["Detail"])
    shortened = {name: detail[name] for name in ("specversion", "id", "subject")}
    shortened["data"] = {"result": detail["data"]["result"]}
    found = {"source": entry["Source"], "detail-type": entry["DetailType"], "resources": entry["Resources"]}
    assert differences(told, {**found, "detail": shortened}) == []
    assert (told["source"], told["detail-type"]) == (EVENT_SOURCE, EVENT_TYPE)


def test_the_rules_pattern_fits_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = sent(monkeypatch, result_sink="eventbridge", result_target="results").queues["results"]
    event = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
    pattern = json.loads(EXAMPLES["pattern"])

    def fits(part: Any, value: Any) -> bool:
        if isinstance(part, list):
            return value in part
        return isinstance(value, dict) and all(name in value and fits(part[name], value[name]) for name in part)

    assert fits(pattern, event)
    assert not fits({**pattern, "detail": {"data": {"result": {"label": ["en"]}}}}, event)


def test_an_object_has_the_name_and_the_lines_that_the_page_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = sent(monkeypatch, result_sink="s3", result_target="s3://bucket/prefix/")
    ((name, content),) = aws.objects.items()
    digits = hashlib.sha256(MESSAGE_ID.encode()).hexdigest()[:32]
    assert name == f"bucket/prefix/{digits}.jsonl"
    assert re.sub("[0-9a-f]{32}", digits, EXAMPLES["object"].strip()) == f"s3://{name}"
    assert aws.content_types[name] == "application/x-ndjson"
    assert content.endswith(b"}\n")
    (line,) = content.splitlines()
    assert json.loads(line)["subject"] == "o-17"


def test_every_member_that_the_handler_gives_is_on_the_page() -> None:
    told = set(re.findall(r"`data\.(\w+)`", PAGE))
    assert {*EVENT_MEMBERS} - {"outputLocation", "failureLocation"} <= told
