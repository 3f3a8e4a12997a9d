"""Language models: one record a request, in the two forms that their servers take, and what comes of each answer."""

import json
import logging
from typing import Any

import pytest

from handler.codecs import MalformedRecordError, UnexpectedResponseError, codec_for, read_results
from handler.settings import ConfigurationError, HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request, model_error
from tests.handler.codecs import items_of, parse
from tests.handler.conftest import SUCCEEDED, Build, FakeContext, dead_lettered, each, make_event, outcomes

# The example answer of LMI's chat_input_output_schema.md, and of TGI's on SageMaker with details.
COMPLETION = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 1711997860,
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "logprobs": None, "finish_reason": "length"}
    ],
    "usage": {"prompt_tokens": 33, "completion_tokens": 30, "total_tokens": 63},
}
GENERATED = [{"generated_text": "Hello!", "details": {"finish_reason": "eos_token", "generated_tokens": 8}}]
RESULT = {"text": "Hello!", "finishReason": "length", "inputTokens": 33, "outputTokens": 30}


def chat(**settings: Any) -> Any:
    return codec_for(HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", codec="chat", **settings))


def request(body: str, **settings: Any) -> Any:
    codec = chat(**settings)
    return json.loads(codec.encode([parse(codec, body)]))


def refused(body: str, **settings: Any) -> str:
    with pytest.raises(MalformedRecordError) as raised:
        parse(chat(**settings), body)
    return str(raised.value)


def answered(answer: Any, **settings: Any) -> Any:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    (result,) = read_results(chat(**settings), body, "application/json", items_of(1))
    return result


def unexpected(answer: Any, **settings: Any) -> str:
    with pytest.raises(UnexpectedResponseError) as raised:
        answered(answer, **settings)
    return str(raised.value)


def test_a_prompt_becomes_a_message_with_the_system_prompt_before_it() -> None:
    sent = request('{"prompt": "hi"}', system_prompt="be brief", parameters={"max_tokens": 9, "temperature": 0})
    assert sent == {
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "max_tokens": 9,
        "temperature": 0,
    }


def test_messages_are_sent_as_they_are_and_their_own_parameters_win() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    body = {"messages": messages, "max_tokens": 3, "parameters": {"seed": 7}}
    sent = request(json.dumps(body), system_prompt="be brief", parameters={"max_tokens": 9, "top_p": 0.5})
    assert sent == {"messages": messages, "max_tokens": 3, "top_p": 0.5, "seed": 7}


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ('{"subject": "Late", "mail": "Where is it?", "id": 7}', "Late: Where is it? {7}"),
        ('{"subject": "{mail}", "mail": "{{x}}", "id": 1.5}', "{mail}: {{x}} {1.5}"),
        ('{"subject": "ä\\u2028", "mail": "\\"", "id": "a"}', 'ä\u2028: " {a}'),
    ],
)
def test_a_template_is_filled_once_with_the_members_of_a_record(body: str, prompt: str) -> None:
    sent = request(body, prompt_template="{subject}: {mail} {{{id}}}")
    assert sent["messages"] == [{"role": "user", "content": prompt}], "what a record holds must not be filled again"


def test_a_template_takes_the_text_of_a_message_that_is_no_json_object() -> None:
    sent = request("Dear all,\nno {braces} here", prompt_template="Summarize:\n{body}")
    assert sent["messages"][0]["content"] == "Summarize:\nDear all,\nno {braces} here"


def test_the_older_form_has_inputs_and_parameters_and_asks_for_details() -> None:
    sent = request('{"prompt": "hi", "parameters": {"seed": 1}}', chat_style="inputs", parameters={"max_new_tokens": 9})
    assert sent == {"inputs": "hi", "parameters": {"details": True, "max_new_tokens": 9, "seed": 1}}


WANTED = 'the body must be a JSON object with "prompt", a text that is not empty, or with "messages"'


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("hello", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[]", WANTED),
        ('{"prompt": " "}', WANTED),
        ('{"prompt": ["a", "b"]}', WANTED),
        ('{"inputs": "hi"}', WANTED),
        (
            '{"messages": []}',
            '"messages" must be a list of messages, [{"role": "user", "content": "…"}], and not empty',
        ),
        (
            '{"messages": {"role": "user"}}',
            '"messages" must be a list of messages, [{"role": "user", "content": "…"}], and not empty',
        ),
        (
            '{"messages": [{"role": "user"}], "stream": true}',
            '"stream" must be left out: a record has one answer, in one piece',
        ),
        ('{"prompt": "a", "parameters": {"n": 2}}', '"n" must be left out: a record has one answer, in one piece'),
        ('{"prompt": "a", "parameters": [1]}', '"parameters" must be an object'),
    ],
)
def test_what_is_no_record_is_refused_in_words(body: str, detail: str) -> None:
    assert refused(body) == detail


def test_a_record_that_does_not_fill_the_template_is_refused() -> None:
    lacking = 'the body must have "mail", a text or a number, for the prompt template'
    for body in ('{"subject": "a"}', '{"mail": null}', '{"mail": true}', '{"mail": ""}', '{"mail": {"a": 1}}', "text"):
        assert refused(body, prompt_template="{mail}") == lacking
    assert refused(" \n", prompt_template="{body}") == "the body must not be empty"
    said = refused('{"messages": [{"role": "user"}]}', chat_style="inputs")
    assert said == 'the body has "messages"; chat_style "openai" takes messages, and it is "inputs"'


def test_a_result_has_text_reason_and_tokens() -> None:
    assert answered(COMPLETION) == RESULT
    assert answered(GENERATED, chat_style="inputs") == {
        "text": "Hello!", "finishReason": "eos_token", "inputTokens": None, "outputTokens": 8,
    }  # fmt: skip
    assert answered({"generated_text": ""}, chat_style="inputs") == {
        "text": "", "finishReason": None, "inputTokens": None, "outputTokens": None,
    }  # fmt: skip


def test_tool_calls_are_part_of_the_result() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "refund", "arguments": "{}"}}]
    choice = {"message": {"role": "assistant", "content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}
    assert answered({"choices": [choice]}) == {
        "text": "", "finishReason": "tool_calls", "inputTokens": None, "outputTokens": None, "toolCalls": calls,
    }  # fmt: skip


NO_MESSAGE = 'the answer must have a "message" whose "content" is a text'


@pytest.mark.parametrize(
    ("answer", "style", "detail"),
    [
        ({"choices": []}, "openai", 'the response must have "choices" with one answer, and has 0'),
        ({"choices": [1, 2]}, "openai", 'the response must have "choices" with one answer, and has 2'),
        (GENERATED[0], "openai", 'the response must have "choices" with one answer'),
        ({"choices": [{"message": {"content": [1]}}]}, "openai", NO_MESSAGE),
        ({"choices": [{"text": "a"}]}, "openai", NO_MESSAGE),
        (COMPLETION, "inputs", 'the response must have "generated_text", a text'),
        ([*GENERATED, *GENERATED], "inputs", "the response must be a JSON object"),
        ({"error": "CUDA out of memory", "code": 424}, "openai", 'a result is an error, {"error": …}'),
        (
            {"generated_text": "", "details": {"finish_reason": "error", "generated_tokens": None}},
            "inputs",
            'the model ended with the reason "error"',
        ),
        (b"<html>", "openai", "the response is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)  # fmt: skip
def test_an_answer_that_proves_nothing_is_no_result(answer: Any, style: str, detail: str) -> None:
    assert unexpected(answer, chat_style=style) == detail


def completes(request: Request) -> Answer:
    """Answer as a chat server: each prompt in capitals, with counted words for tokens."""
    prompt = json.loads(request.body)["messages"][-1]["content"]
    if "bad" in prompt:
        return model_error(422, '{"error":"Input validation error","error_type":"validation"}')
    choice = {"message": {"role": "assistant", "content": prompt.upper()}, "finish_reason": "length"}
    usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": 5}
    return Answer(body=json.dumps({"choices": [choice], "usage": usage}).encode())


def prompts(count: int) -> list[str]:
    return [json.dumps({"prompt": f"mail number {number}"}) for number in range(count)]


def test_each_record_has_a_request_of_its_own_and_many_are_in_flight(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.endpoint = completes
    handler = inference(codec="chat", requests_in_flight=16)
    bodies = [*prompts(20), '{"prompt": "a bad one"}']
    expected = each(range(20), SUCCEEDED) | {"m20": dead_lettered("model-error")}
    assert outcomes(aws, handler, make_event(bodies)) == expected
    results = {id_: event["data"]["result"]["text"] for id_, event in aws.results().items()}
    assert results == {f"m{number}": f"MAIL NUMBER {number}" for number in range(20)}
    metrics = json.loads(capsys.readouterr().out)
    counted = {name: metrics[name] for name in ("Requests", "InputTokens", "OutputTokens", "AnswersCut")}
    assert counted == {"Requests": 21, "InputTokens": 60, "OutputTokens": 100, "AnswersCut": 20}


def test_other_codecs_have_no_metrics_of_tokens(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    inference().process(make_event(['{"inputs": "a"}']), FakeContext())
    assert not {"InputTokens", "OutputTokens", "AnswersCut"} & json.loads(capsys.readouterr().out).keys()


def test_a_session_goes_with_its_requests_hashed_if_it_is_no_id(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = completes
    event = make_event(prompts(4))
    sessions = {0: "customer-7", 1: "x" * 65, 2: "ä\ud800"}
    for number, session in sessions.items():
        event["Records"][number]["messageAttributes"] = {"session": {"stringValue": session, "dataType": "String"}}
    handler = inference(codec="chat", session_attribute="session")
    assert outcomes(aws, handler, event) == each(range(4), SUCCEEDED)
    sent = [request.sagemaker_headers.get("prefix-aware-id") for request in aws.requests]
    assert (sent[0], sent[3]) == ("customer-7", None)
    assert [len(id_ or "") for id_ in sent[1:3]] == [64, 64]
    assert sent[1] != sent[2]


def test_a_boto3_that_knows_no_sessions_scores_all_the_same(
    aws: LocalAws, inference: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("handler.endpoint._takes_prefix_id", lambda client: False)
    aws.endpoint = completes
    with caplog.at_level(logging.WARNING):
        handler = inference(codec="chat", session_attribute="session")
    assert "this boto3 knows no PrefixAwareId: session_attribute has no effect" in caplog.text
    event = make_event(prompts(1))
    event["Records"][0]["messageAttributes"] = {"session": {"stringValue": "a", "dataType": "String"}}
    assert outcomes(aws, handler, event) == each([0], SUCCEEDED)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"codec": "chat", "chat_style": "bedrock"}, "CHAT_STYLE='bedrock': must be one of openai, inputs"),
        ({"chat_style": "inputs"}, "CHAT_STYLE='inputs': must be openai with codec huggingface"),
        ({"prompt_template": "{body}"}, "PROMPT_TEMPLATE='{body}': must be empty with codec huggingface"),
        (
            {"codec": "chat", "prompt_template": "Hello"},
            "PROMPT_TEMPLATE='Hello': must be with a member of the record in braces, for instance {body}",
        ),
        (
            {"codec": "chat", "chat_style": "inputs", "system_prompt": "a"},
            "SYSTEM_PROMPT='a': must be empty with chat_style inputs: the prompt template can hold it",
        ),
        (
            {"codec": "chat", "parameters": {"stream": True}},
            "PARAMETERS='{\"stream\": true}': must be without stream: a record has one answer, in one piece",
        ),
        (
            {"session_attribute": "user"},
            "SESSION_ATTRIBUTE='user': must be empty, or max_records_per_request 1: a request has one session",
        ),
        (
            {"codec": "chat", "send_lone_record_twice": True},
            "SEND_LONE_RECORD_TWICE='true': must be False with codec chat",
        ),
        ({"codec": "csv", "batch_inside": True}, "BATCH_INSIDE='true': must be False with codec csv"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, Any], fault: str) -> None:
    named = HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", result_target="r", **settings)
    with pytest.raises(ConfigurationError) as raised:
        HandlerSettings.from_environment(named.to_environment())
    assert str(raised.value) == fault
