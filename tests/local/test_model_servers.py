"""The stand-ins for servers of language models and embeddings refuse what those refuse, and answer in their form."""

import json
import math
from typing import Any

import pytest

from handler.codecs import codec_for, read_results
from handler.settings import HandlerSettings
from local.model import RefusedError
from local.model_servers import ChatContainer, EmbeddingsContainer
from tests.handler.codecs import items_of, parse

JSON = "application/json"


def ask(container: ChatContainer | EmbeddingsContainer, request: Any) -> Any:
    answer, content_type = container.answer(json.dumps(request).encode(), JSON)
    assert content_type == JSON
    return json.loads(answer)


def test_a_chat_is_answered_with_usage_and_cut_at_max_tokens() -> None:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one two three"}]
    answer = ask(ChatContainer("openai"), {"messages": messages, "max_tokens": 2})
    (choice,) = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two", "length")
    assert answer["usage"] == {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def test_details_come_only_where_they_are_asked_for() -> None:
    container = ChatContainer("inputs")
    assert ask(container, {"inputs": "one two"}) == {"generated_text": "one two"}
    assert ask(container, {"inputs": "one two", "parameters": {"details": True, "max_new_tokens": 1}}) == {
        "generated_text": "one",
        "details": {"finish_reason": "length", "generated_tokens": 1},
    }


@pytest.mark.parametrize(
    ("container", "request_", "detail"),
    [
        (ChatContainer("openai"), [], "the request must be a JSON object"),
        (ChatContainer("openai"), {"inputs": "a"}, "messages: Field required"),
        (ChatContainer("openai"), {"messages": [{"content": "a"}]}, "messages: each must have a role and a content"),
        (
            ChatContainer("openai"),
            {"messages": [{"role": "user", "content": "a"}], "max_tokens": 0},
            "max_tokens must be at least 1",
        ),
        (ChatContainer("inputs"), {"inputs": ["a", "b"]}, "inputs: expected a string"),
        (EmbeddingsContainer(2), {"inputs": ["a", "b", "c"]}, "batch size 3 > maximum allowed batch size 2"),
        (EmbeddingsContainer(2), {"inputs": ""}, "`inputs` must be a text or a list of texts, and not empty"),
        (EmbeddingsContainer(2), {"inputs": []}, "`inputs` must be a text or a list of texts, and not empty"),
    ],
)
def test_what_the_servers_refuse_is_refused(
    container: ChatContainer | EmbeddingsContainer, request_: Any, detail: str
) -> None:
    with pytest.raises(RefusedError) as raised:
        ask(container, request_)
    assert str(raised.value) == detail


def test_vectors_are_of_length_one_and_the_same_alone_and_together() -> None:
    container = EmbeddingsContainer(32)
    together = ask(container, {"inputs": ["a shop", "a ship"]})
    assert together == [ask(container, {"inputs": "a shop"})[0], ask(container, {"inputs": ["a ship"]})[0]]
    assert [round(math.hypot(*vector), 3) for vector in together] == [1.0, 1.0]
    assert together[0] != together[1]


@pytest.mark.parametrize("count", [1, 2])
def test_a_vector_is_one_result_alone_and_together(count: int) -> None:
    """TEI answers one text with a list of one vector: it must not be taken for a list of numbers."""
    codec = codec_for(HandlerSettings(endpoint_name="e", dead_letter_queue_url="d"))
    items = [parse(codec, '{"inputs": "a shop"}') for _ in range(count)]
    answer, content_type = EmbeddingsContainer(32).answer(codec.encode(items), JSON)
    results = read_results(codec, answer, content_type, items_of(count))
    assert [len(result) for result in results] == [16] * count
