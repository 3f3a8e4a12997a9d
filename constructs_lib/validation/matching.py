"""`matching` of a chain: which results come, as the source's sink understands it.

A pattern that can't be, and one that no result of the source could fit: it would be deployed, and nothing would come.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from constructs_lib.settings import ResultsSettings
from constructs_lib.settings.base import did_you_mean
from constructs_lib.settings.handler import EVENT_MEMBERS, EVENT_SOURCE, EVENT_TYPE
from constructs_lib.validation.checker import Violation
from constructs_lib.validation.filters import EVENTBRIDGE, SNS, Mistake, pattern_mistakes

DIALECTS = {"sns": SNS, "eventbridge": EVENTBRIDGE}
# What the handler's events have (docs/results.md).
EVENT_KEYS = (
    *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"),
    *("traceparent", "tracestate", "messagegroupid", "causationid"),
)
# docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html: keys of the policy itself, `type`
# among them, and values of each list, times how deep it lies, multiplied by each other
SNS_KEYS, SNS_COMBINATIONS = 5, 150
# docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html: EventPattern
RULE_CHARACTERS = 4096
KEPT = "results.keep_members of the source adds to them"


def matching_violations(
    path: str, place: str, matching: Mapping[str, Any], results: ResultsSettings
) -> Iterator[Violation]:
    """Yield what is wrong with a pattern over the results of a source; `place` is the pattern's own, in the settings.

    A sink that is neither a topic nor a bus has no pattern.
    """
    dialect = DIALECTS.get(results.sink)
    if dialect is None:
        return
    try:
        matching = json.loads(json.dumps(matching, allow_nan=False))  # JSON's keys are text
    except (TypeError, ValueError) as error:
        yield Violation(path, place, dict(matching), "a JSON object", str(error))
        return
    mistakes = [(mistake, dialect.reason) for mistake in pattern_mistakes(matching, dialect)]
    mistakes += [(mistake, "no result has it") for mistake in _strange_keys(matching, results)]
    for mistake, why in mistakes or [(mistake, dialect.reason) for mistake in _too_large(matching, results.sink)]:
        yield Violation(path, f"{place}{mistake.place}", mistake.value, mistake.bound, why)


def _strange_keys(matching: Mapping[str, Any], results: ResultsSettings) -> Iterator[Mistake]:
    """Yield keys that no event of the source has."""
    in_data = (*EVENT_MEMBERS, *results.keep_members)
    for place, pattern in _alternatives(matching, ""):
        for key, value in pattern.items():
            if key == "data" and isinstance(value, Mapping):
                for inner, members in _alternatives(value, f"{place}.data"):
                    yield from _unknown(members, in_data, inner, KEPT)
            elif key in in_data and key not in EVENT_KEYS:
                yield Mistake(place, key, f"a key of data, as in {{'data': {{{key!r}: …}}}}")
            elif key.startswith("data."):
                yield from _unknown([key.removeprefix("data.")], in_data, f"{place}.data", KEPT)
            else:
                yield from _unknown([key], EVENT_KEYS, place, "what a result says is in data")


def _unknown(keys: Iterable[str], known: Collection[str], place: str, more: str) -> Iterator[Mistake]:
    for key in keys:
        # Event Ruler takes a dot within a key for a step inwards, in patterns and in events.
        if key != "$or" and not any(f"{key}.".startswith(f"{one}.") or one.startswith(f"{key}.") for one in known):
            yield Mistake(place, key, f"one of {', '.join(known)}{did_you_mean(key, known) or f'; {more}'}")


def _alternatives(pattern: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a pattern and those of its `$or`, each with its place."""
    yield place, pattern
    branches = pattern.get("$or", ())
    for position, branch in enumerate(branches if isinstance(branches, list | tuple) else ()):
        if isinstance(branch, Mapping):
            yield from _alternatives(branch, f"{place}.$or[{position}]")


def _too_large(matching: Mapping[str, Any], sink: str) -> Iterator[Mistake]:
    if sink == "sns":
        policy = {"type": [EVENT_TYPE], **matching}
        if len(policy) > SNS_KEYS:
            yield Mistake("", f"{len(policy)} keys", f"at most {SNS_KEYS} keys, type among them")
        if (combinations := _combinations(policy)) > SNS_COMBINATIONS:
            bound = f"at most {SNS_COMBINATIONS}: the values of each list, times how deep it lies, are multiplied"
            yield Mistake("", f"{combinations} combinations", bound)
        return
    whole = {"source": [EVENT_SOURCE], "detail-type": [EVENT_TYPE], "detail": matching}
    if (size := len(json.dumps(whole))) > RULE_CHARACTERS:
        bound = f"at most {RULE_CHARACTERS} characters of JSON with what is put around it"
        yield Mistake("", f"{size} characters", bound)


def _combinations(pattern: Mapping[str, Any], depth: int = 1) -> int:
    product = 1
    for key, value in pattern.items():
        if key == "$or":
            product *= sum(_combinations(branch, depth) for branch in value)
        elif isinstance(value, Mapping):
            product *= _combinations(value, depth + 1)
        else:
            product *= len(value) * depth
    return product
