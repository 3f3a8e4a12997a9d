"""The table of outcomes: on the screen, and in docs/containers.md."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from contract import recordings
from contract.cases import CASES, NOT_RUN, Case, Expected
from contract.run import Outcome, Tally
from contract.servers import SERVERS

PAGE = Path(__file__).parents[1] / "docs" / "containers.md"
MADE = re.compile(r"(<!-- made by make contract -->\n).*?(<!-- end -->)", re.DOTALL)
TITLES = {server.name: server.title for server in SERVERS}


def lines(outcome: Outcome) -> Iterator[str]:
    """Yield what one pair came to: a line in all, and a line a batch if it is not as it must be."""
    case, total = outcome.case, outcome.total
    mark = "ok " if outcome.verdict == case.expected else "gap" if outcome.is_met else "NOT"
    needs = f"; {_lacks(case)}" if _lacks(case) else ""
    yield f"  {mark} {_model(case):<23} {settings_text(case):<72} {outcome.verdict:<12} {_counts(total)}{needs}"
    if _lacks(case) and outcome.verdict == case.expected:
        yield "      it is right now: take `needs` and `defect` out of contract/cases.py"
    if _lacks(case) and total.details:
        yield f"      {total.details[0][:240]}"
    if outcome.is_met:
        return
    for name, tally in outcome.batches.items():
        if tally.lost or tally.differs:
            yield f"      {name:<6} {_counts(tally)}"
            yield from (f"        {detail[:400]}" for detail in tally.details[:2])


def settings_text(case: Case) -> str:
    """Return the codec, and the other settings, as a person would write them."""
    settings = dict(case.settings)
    codec = settings.pop("codec")
    return ", ".join([codec, *(f"{name}={_text(value)}" for name, value in settings.items())])


def write_page() -> None:
    """Write the table of every pair that was ever recorded into docs/containers.md."""
    page = PAGE.read_text()
    PAGE.write_text(MADE.sub(lambda found: f"{found[1]}{table()}{found[2]}", page))


def table() -> str:
    """Return both tables of the page."""
    head = [
        "container",
        "version",
        "model",
        "codec and settings",
        "outcome",
        "scored",
        "dead-lettered",
        "requests",
        "date",
    ]
    fitting = [row for case in CASES if case.expected is Expected.RIGHT and (row := _row(case))]
    unheld = [[known.container, "", "", known.codec, known.source, "", "", "", ""] for known in NOT_RUN]
    wrong_head = ["container", "model", "codecs", "outcome"]
    return f"{_markdown(head, [*fitting, *unheld])}\nCodecs that do not fit:\n\n{_markdown(wrong_head, _wrong_rows())}"


def _row(case: Case) -> list[str] | None:
    recording = recordings.read(case)
    if recording is None:
        return None
    outcome = recording["outcome"]
    verdict = f"{_lacks(case)}; today {outcome['verdict']}" if _lacks(case) else outcome["verdict"]
    counts = [f"{outcome[name]:,}" for name in ("scored", "dead_lettered", "requests")]
    model, settings = _model(case), f"`{settings_text(case)}`"
    return [TITLES[case.server], recording["version"], model, settings, verdict, *counts, recording["date"]]


def _wrong_rows() -> list[list[str]]:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for case in CASES:
        recording = recordings.read(case) if case.expected is Expected.NOTHING else None
        if recording is not None:
            key = (TITLES[case.server], case.model, recording["outcome"]["verdict"])
            rows.setdefault(key, []).append(f"`{settings_text(case)}`")
    return [[title, model, ", ".join(codecs), verdict] for (title, model, verdict), codecs in rows.items()]


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    texts = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in texts)


def _counts(tally: Tally) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.reasons.items()))
    parts = [
        f"{tally.scored} of {tally.records} scored",
        f"{tally.dead_lettered} bad dead-lettered",
        f"{tally.lost} not scored" if tally.lost else "",
        f"{tally.differs} DIFFER" if tally.differs else "",
        f"{tally.requests} requests",
        f"({reasons})" if reasons else "",
    ]
    return " ".join((", ".join(filter(None, parts[:-1])), parts[-1])).rstrip()


def _lacks(case: Case) -> str:
    """Return what stands between a pair and its outcome, in words."""
    lacks = {"needs": case.needs, "defect": case.defect}
    return "; ".join(f"{name}: {text}" for name, text in lacks.items() if text)


def _model(case: Case) -> str:
    return f"{case.model}, {case.note}" if case.note else case.model


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    write_page()
