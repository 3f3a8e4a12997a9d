"""Parameters of language models: what the servers' APIs refuse is refused at synthesis, and their own names are not."""

from collections.abc import Mapping
from typing import Any

from constructs_lib import InferenceSettings
from constructs_lib.validation.checker import check

import pytest

OPENAI, TGI = "OpenAI's Chat Completions API", "TGI's Generate API"


def refused(parameters: Mapping[str, Any], codec: str = "chat", style: str = "openai") -> list[str]:
    settings = InferenceSettings(codec=codec, chat_style=style, parameters=parameters)
    return [str(violation).removeprefix("dev/chat parameters.") for violation in check("dev/chat", settings)]


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("max_tokens", "256", "a whole number of at least 1"),
        ("max_tokens", 0, "a whole number of at least 1"),
        ("max_tokens", 256.0, "a whole number of at least 1"),
        ("max_tokens", True, "a whole number of at least 1"),
        ("max_completion_tokens", -1, "a whole number of at least 1"),
        ("temperature", -0.1, "a number of at least 0"),
        ("temperature", "0", "a number of at least 0"),
        ("temperature", False, "a number of at least 0"),
        ("top_p", 1.1, "a number over 0 and at most 1"),
        ("top_p", 0, "a number over 0 and at most 1"),
        ("presence_penalty", 3, "a number of at least -2 and at most 2"),
        ("frequency_penalty", -3, "a number of at least -2 and at most 2"),
        ("top_logprobs", -2, "a whole number of at least -1"),
        ("seed", 1.5, "a whole number"),
        ("stop", 5, "a text, or a list of texts"),
        ("stop", ["a", 5], "a text, or a list of texts"),
        ("logprobs", 1, "True or False"),
        ("response_format", "json", "a JSON object"),
        ("tools", {}, "a list"),
    ],
)
def test_a_parameter_that_the_server_would_refuse(name: str, value: object, bound: str) -> None:
    assert refused({name: value}) == [f"{name} = {value!r}: must be {bound} ({OPENAI})"]


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("max_new_tokens", 0, "a whole number of at least 1"),
        ("repetition_penalty", 0, "a number over 0"),
        ("do_sample", "yes", "True or False"),
        ("top_p", 1.5, "a number over 0 and at most 1"),
        ("stop", "a", "a list of texts"),
    ],
)
def test_a_parameter_of_the_older_form(name: str, value: object, bound: str) -> None:
    assert refused({name: value}, style="inputs") == [f"{name} = {value!r}: must be {bound} ({TGI})"]


def test_all_of_them_are_named_at_once() -> None:
    assert [text.split(" ")[0] for text in refused({"max_tokens": 0, "min_p": 7, "temperature": -3})] == [
        "max_tokens",
        "temperature",
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_tokens": 1, "temperature": 0, "top_p": 1, "presence_penalty": -2, "frequency_penalty": 2.0, "seed": -7},
        {"max_tokens": None, "stop": None, "temperature": 2},
        {"stop": "END", "logprobs": True, "top_logprobs": 20, "response_format": {"type": "json_object"}},
        {"stop": ["a", "b"], "tools": [{"type": "function"}], "tool_choice": "auto", "logit_bias": {"50256": -100}},
        # vLLM's own bounds
        {"temperature": 2.5, "logprobs": True, "top_logprobs": 50},
        {"logprobs": True, "top_logprobs": -1},
        # a server's own
        {"top_k": -1, "min_p": 0.1, "guided_json": {}, "chat_template_kwargs": {"enable_thinking": False}},
        {"max_tokens": "${var.most}"},
    ],
)
def test_parameters_that_the_server_takes(parameters: Mapping[str, Any]) -> None:
    assert refused(parameters) == []


def test_parameters_of_other_codecs_are_their_models_own() -> None:
    assert refused({"temperature": 9, "top_p": "x"}, codec="huggingface") == []
    assert refused({"max_tokens": "many"}, style="inputs") == []
