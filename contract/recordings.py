"""Small pairs of requests and answers as the servers gave them, which `make test` replays; and each pair's outcome."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any

from contract.cases import Case, Expected
from contract.front import Exchange, Front
from contract.run import NOTHING, Outcome, Runner
from handler.codecs import Codec, Item, MalformedRecordError, Payload, codec_for
from handler.records import Record
from handler.settings import HandlerSettings

FOLDER = Path(__file__).parents[1] / "tests" / "contract" / "recorded"
GOOD, BAD = 2, 2
MOST_ERROR_CHARACTERS = 120
PATHS = re.compile(r"(?<![\w/:.])/(?:[\w.+-]+/){2,}[\w.+-]*")
"""Paths in tracebacks: they differ from machine to machine."""
Recording = dict[str, Any]


def file_of(case: Case) -> Path:
    return FOLDER / f"{case.name}.json"


def read(case: Case) -> Recording | None:
    """Return the recording of a pair, None if it was never run."""
    file = file_of(case)
    return json.loads(file.read_text()) if file.exists() else None


def write(outcome: Outcome, front: Front, runner: Runner, version: str) -> None:
    """Write the pair's outcome, and the server's answers to every request that a few of its records may come in."""
    case, total = outcome.case, outcome.total
    bodies = few(case)
    recording = {
        "server": case.server,
        "model": case.model,
        "version": version,
        "date": datetime.now(UTC).date().isoformat(),
        "outcome": {
            "verdict": outcome.verdict,
            "records": total.records,
            "scored": total.scored,
            "dead_lettered": total.dead_lettered,
            "lost": total.lost,
            "differs": total.differs,
            "requests": total.requests,
            "reasons": dict(sorted(total.reasons.items())),
        },
        "records": [_record(case, runner, body) for body in bodies],
        "exchanges": [_rendered(exchange) for exchange in _exchanges(case, front, bodies)],
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    file_of(case).write_text(_text(recording))


def _text(recording: Recording) -> str:
    """Return JSON with a line for each member, and for each record and exchange."""
    members = []
    for name, value in recording.items():
        inner = ",\n  ".join(map(json.dumps, value)) if isinstance(value, list) else ""
        members.append(f"{json.dumps(name)}: " + (f"[\n  {inner}\n ]" if inner else json.dumps(value)))
    return "{\n " + ",\n ".join(members) + "\n}\n"


def few(case: Case) -> list[str]:
    """Return a few records, bad ones between good ones.

    Good ones alone if the codec does not fit, or if it is their number that matters.
    """
    good = [case.records.good(number) for number in range(max(GOOD, case.first))]
    if case.expected is Expected.NOTHING or case.first > 1:
        return good
    return [body for pair in zip_longest(good, case.records.bad[:BAD]) for body in pair if body is not None]


def codecs_of(case: Case) -> list[Codec]:
    """Return the pair's codec, and, if it has batches inside, the one that goes without where a model refuses them."""
    every = [case.settings, *([{**case.settings, "batch_inside": False}] if case.settings.get("batch_inside") else [])]
    return [
        codec_for(HandlerSettings(endpoint_name="recorded", dead_letter_queue_url="recorded", **settings))
        for settings in every
    ]


def _record(case: Case, runner: Runner, body: str) -> dict[str, Any]:
    """Return a record with the result that it must have, if it must have one."""
    if body in case.records.bad or case.expected is Expected.NOTHING:
        return {"body": body}
    result = runner.alone(case, body)
    return {"body": body} if result is NOTHING else {"body": body, "result": result}


def _exchanges(case: Case, front: Front, bodies: Sequence[str]) -> Iterator[Exchange]:
    """Yield an exchange for every choice of records that may share a request, and for each record sent twice."""
    seen = set()
    for codec in codecs_of(case):
        for items in _requests(codec, list(_items(codec, bodies))):
            request = codec.encode(items)
            if request not in seen:
                seen.add(request)
                yield front.container.ask(request, codec.content_type, codec.accept)


def _items(codec: Codec, bodies: Sequence[str]) -> Iterator[Item]:
    for number, body in enumerate(bodies):
        try:
            yield codec.parse(Record(str(number), "", body, 1, ""), Payload(body))
        except MalformedRecordError:
            continue


def _requests(codec: Codec, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield every choice of items that may share a request, and each item twice."""
    yield from ([item] for item in items)
    for key in dict.fromkeys(item.group_key for item in items):
        shared = [item for item in items if item.group_key == key and not item.alone]
        for size in range(2, min(len(shared), codec.max_records) + 1):
            yield from combinations(shared, size)
    if codec.max_records > 1:
        yield from ((item, item) for item in items if not item.alone)


def _rendered(exchange: Exchange) -> dict[str, Any]:
    answer = exchange.answer.decode(errors="replace")
    return {
        "request": exchange.request.decode(),
        "status": exchange.status,
        "answer_type": exchange.answer_type,
        "answer": answer if exchange.status == 200 else PATHS.sub("…", answer)[:MOST_ERROR_CHARACTERS],
    }
