"""Bodies of messages in the format of each codec: good ones, and poison that can never be scored."""

import json
import random
import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from local.errors import UsageError

LOG_LINE = "2026-01-31 12:00:00 ERROR lp0 on fire; "
GENERATED_ROWS = 160


class Poison(StrEnum):
    """The reason that a message can never be scored."""

    NOT_JSON = "not JSON"
    NOT_ONE_ROW = "not one row"
    EMPTY = "empty"
    WRONG_SHAPE = "wrong shape"
    TOO_LARGE = "too large"


class Bodies:
    """Bodies for codecs that take any JSON.

    All of its poison the handler itself refuses. A message that only the model refuses goes back to the queue if
    nothing else of its batch was scored, which would delay the end of the run by minutes.
    """

    kinds: Sequence[Poison] = (Poison.NOT_JSON, Poison.TOO_LARGE)

    def good(self, text: str) -> str:
        """Return the body of a message with this text. Raises UsageError if the codec takes no texts."""
        return to_json({"inputs": text})

    def bad(self, kind: Poison, text: str, chance: random.Random) -> str:
        """Return the body of a message that can never be scored for this reason, which is one of `kinds`."""
        cut_off = self.good(text)[:-2]
        return chance.choice([cut_off, f"inputs={text}", f"<message>{text}</message>"])

    def large(self, size: int) -> str:
        """Return a body of at least so many bytes, and of a few more."""
        return self.good(_filler(size))


class HuggingFaceBodies(Bodies):
    kinds = (Poison.NOT_JSON, Poison.EMPTY, Poison.WRONG_SHAPE, Poison.TOO_LARGE)

    def bad(self, kind: Poison, text: str, chance: random.Random) -> str:
        if kind is Poison.EMPTY:
            return chance.choice(["{}", '{"inputs": ""}', '{"inputs": null}'])
        if kind is Poison.WRONG_SHAPE:
            shapes: list[object] = [{"inputs": len(text)}, {"inputs": [text, text]}, [text]]
            # Only the model can refuse this one: the handler passes it on, since some models take objects.
            shapes.append({"inputs": {"text": text}})
            return to_json(chance.choice(shapes))
        return super().bad(kind, text, chance)


class SingleBodies(Bodies):
    """Bodies for a codec that takes anything but nothing."""

    kinds = (Poison.EMPTY, Poison.TOO_LARGE)

    def bad(self, kind: Poison, text: str, chance: random.Random) -> str:
        return chance.choice([" ", "\n\n", "\t"])


class KServeBodies(Bodies):
    kinds = (Poison.NOT_JSON, Poison.EMPTY, Poison.WRONG_SHAPE, Poison.TOO_LARGE)

    def good(self, text: str) -> str:
        return _texts_tensor([1], [text])

    def bad(self, kind: Poison, text: str, chance: random.Random) -> str:
        if kind is Poison.EMPTY:
            return chance.choice(["{}", '{"inputs": []}', _texts_tensor([0], [])])
        if kind is Poison.WRONG_SHAPE:
            return chance.choice([_texts_tensor([2], [text, text]), _texts_tensor([1], [text, text]), to_json([text])])
        return super().bad(kind, text, chance)


class ChatBodies(Bodies):
    """Prompts, or the members that fill the prompt's template; of one with `{body}` alone, texts."""

    def __init__(self, template: str = "") -> None:
        self._members = list(dict.fromkeys(re.findall(r"\{(\w+)\}", template)))
        takes_texts = self._members == ["body"]
        self.kinds = (
            (Poison.EMPTY, Poison.TOO_LARGE)
            if takes_texts
            else (Poison.NOT_JSON, Poison.EMPTY, Poison.WRONG_SHAPE, Poison.TOO_LARGE)
        )

    def good(self, text: str) -> str:
        return text if self._members == ["body"] else to_json(dict.fromkeys(self._members or ["prompt"], text))

    def bad(self, kind: Poison, text: str, chance: random.Random) -> str:
        first = (self._members or ["prompt"])[0]
        if kind is Poison.EMPTY:
            return chance.choice([" ", "\n"] if self._members == ["body"] else ["{}", to_json({first: ""})])
        if kind is Poison.WRONG_SHAPE:
            return chance.choice([to_json({first: [text]}), to_json({"messages": {"role": "user"}}), to_json([text])])
        return super().bad(kind, text, chance)


class RowBodies(Bodies):
    """CSV rows of numbers."""

    kinds = (Poison.NOT_ONE_ROW, Poison.EMPTY, Poison.TOO_LARGE)

    def good(self, text: str) -> str:
        raise UsageError('the codec takes rows, not texts: a line of the messages file must be {"body": "1,2.5,3"}')

    def bad(self, kind: Poison, text: str, chance: random.Random) -> str:
        if kind is Poison.EMPTY:
            return chance.choice([" ", "\n", "\r\n"])
        row = generated_row(chance)
        return chance.choice([f"{row}\n{generated_row(chance)}", f'"{row}'])

    def large(self, size: int) -> str:
        return "0," * (size // 2) + "0"


class OwnBodies(Bodies):
    """Bodies for a codec of the user's own: of the poison that most formats refuse, the part that this codec does."""

    def __init__(self, example: str, max_request_bytes: int, refuses: Callable[[str], bool]) -> None:
        """`example` is a good message's body; `refuses` tells whether the handler dead-letters one before it calls the
        endpoint.
        """
        self._example = example
        candidates = {
            Poison.NOT_JSON: [example[: len(example) // 2], f"<message>{example}</message>"],
            Poison.EMPTY: ["{}", " "],
        }
        self._bad = {kind: [body for body in bodies if refuses(body)] for kind, bodies in candidates.items()}
        kinds = [kind for kind, bodies in self._bad.items() if bodies]
        self.kinds = [*kinds, Poison.TOO_LARGE] if refuses(self.large(max_request_bytes)) else kinds

    def good(self, text: str) -> str:
        raise UsageError('a line of the messages file must be {"body": …} for a codec of your own')

    def bad(self, kind: Poison, text: str, chance: random.Random) -> str:
        return chance.choice(self._bad[kind])

    def large(self, size: int) -> str:
        """Return the example with its longest text as long as that; with spaces behind it, if it has no texts."""
        try:
            value = json.loads(self._example)
            name = max((name for name in value if isinstance(value[name], str)), key=lambda name: len(value[name]))
            return to_json({**value, name: _filler(size)})
        except (ValueError, TypeError):
            return self._example + " " * size


def bodies_for(codec: str, template: str = "") -> Bodies:
    """Return those of one of the handler's codecs; `template` is the prompt's, of a chat."""
    if codec == "chat":
        return ChatBodies(template)
    named: dict[str, type[Bodies]] = {
        "huggingface": HuggingFaceBodies,
        "single": SingleBodies,
        "kserve": KServeBodies,
        "csv": RowBodies,
        "csv-row": RowBodies,
    }
    return named.get(codec, Bodies)()


def generated_row(chance: random.Random) -> str:
    """Return a payment: its amount, items, whether the customer is new, and the hour."""
    amount, items = round(chance.lognormvariate(4, 1.2), 2), chance.randint(1, 9)
    return f"{amount},{items},{chance.randint(0, 1)},{chance.randint(0, 23)}"


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _filler(size: int) -> str:
    return (LOG_LINE * (size // len(LOG_LINE) + 1))[:size]


def _texts_tensor(shape: list[int], data: list[str]) -> str:
    return to_json({"inputs": [{"name": "text", "shape": shape, "datatype": "BYTES", "data": data}]})
