"""`parameters` of the codec `chat`: what the servers' two APIs refuse. Names that are not here are a server's own.

- `openai`: the Chat Completions API (github.com/openai/openai-openapi, CreateChatCompletionRequest), with the bounds of
  the servers that are deployed, vLLM (vllm/sampling_params.py, and protocol.py of its API) and TGI
  (router/src/validation.rs): neither takes a `top_p` of 0, both take a `temperature` over OpenAI's 2, and vLLM's
  `top_logprobs` go up to its option `max_logprobs`, or are -1 for all.
- `inputs`: TGI's Generate API (router/src/lib.rs, GenerateParameters), which LMI takes too (djl-serving,
  lmi_input_output_schema.md); of their bounds the wider one.

Read 2026-11-26.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Number(NamedTuple):
    """A number between two, of which None is no bound; a whole one, unless fractions are taken."""

    low: float | None = None
    high: float | None = None
    is_whole: bool = False
    above: bool = False
    """Whether it must be more than `low`."""

    @property
    def bound(self) -> str:
        kind = "a whole number" if self.is_whole else "a number"
        if self.low is None:
            return kind
        low = f"over {self.low:g}" if self.above else f"of at least {self.low:g}"
        return f"{kind} {low}" if self.high is None else f"{kind} {low} and at most {self.high:g}"

    def holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.is_whole else int | float):
            return False
        is_enough = self.low is None or value > self.low or (value == self.low and not self.above)
        return is_enough and (self.high is None or value <= self.high)


class Kind(NamedTuple):
    """A value of a type."""

    type: Any
    bound: str

    def holds(self, value: object) -> bool:
        return isinstance(value, self.type)


class Texts(NamedTuple):
    """A list of texts, or one text where the API takes that too."""

    or_one: bool

    @property
    def bound(self) -> str:
        return "a text, or a list of texts" if self.or_one else "a list of texts"

    def holds(self, value: object) -> bool:
        values = [value] if self.or_one and isinstance(value, str) else value
        return isinstance(values, list | tuple) and all(isinstance(one, str) for one in values)


_SWITCH = Kind(bool, "True or False")
_OBJECT = Kind(Mapping, "a JSON object")
_COUNT = Number(1, is_whole=True)
_SHARE = Number(0, 1, above=True)

RULES: Mapping[str, Mapping[str, Number | Kind | Texts]] = {
    "openai": {
        "frequency_penalty": Number(-2, 2),
        "logit_bias": _OBJECT,
        "logprobs": _SWITCH,
        "max_completion_tokens": _COUNT,
        "max_tokens": _COUNT,
        "model": Kind(str, "text"),
        "parallel_tool_calls": _SWITCH,
        "presence_penalty": Number(-2, 2),
        "response_format": _OBJECT,
        "seed": Number(is_whole=True),
        "stop": Texts(or_one=True),
        "temperature": Number(0),
        "tool_choice": Kind((str, Mapping), "text or a JSON object"),
        "tools": Kind((list, tuple), "a list"),
        "top_logprobs": Number(-1, is_whole=True),
        "top_p": _SHARE,
        "user": Kind(str, "text"),
    },
    "inputs": {
        "details": _SWITCH,
        "do_sample": _SWITCH,
        "max_new_tokens": _COUNT,
        "repetition_penalty": Number(0, above=True),
        "return_full_text": _SWITCH,
        "seed": Number(0, is_whole=True),
        "stop": Texts(or_one=False),
        "temperature": Number(0),
        "top_p": _SHARE,
    },
}
APIS = {"openai": "OpenAI's Chat Completions API", "inputs": "TGI's Generate API"}


def parameter_mistakes(parameters: Mapping[str, Any], style: str) -> Iterator[tuple[str, object, str, str]]:
    """Yield each parameter that the server would refuse: its name, its value, what it must be, and whose bound it is.

    None is a parameter left out. Terraform references are among them: the checker leaves them out.
    """
    rules = RULES.get(style, {})
    for name, value in parameters.items():
        rule = rules.get(name)
        if rule is not None and value is not None and not rule.holds(value):
            yield name, value, rule.bound, APIS[style]
