"""Pipelines of language models: warnings, and how many requests are in flight."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    FunctionSettings,
    InferenceSettings,
    InstanceCapacity,
    LanguageModel,
    PipelineSettings,
    StackSettings,
)
from constructs_lib.explain import explain
from constructs_lib.validation.derived import derive
from constructs_lib.validation.warnings import pipeline_warnings

import pytest

GPU = InstanceCapacity(instance_type="ml.g5.xlarge", max_instances=1)
LMI = LanguageModel(model_id="Qwen/Qwen2.5-7B-Instruct", revision="a1b2")
CHAT = InferenceSettings(codec="chat", parameters={"max_tokens": 256})
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://work/in/", output_location="s3://work/out/", max_instances=1
)


def warned(**settings: Any) -> list[str]:
    pipeline = derive(PipelineSettings(**{"function": FunctionSettings(timeout_seconds=90), **settings}))
    return [str(warning) for warning in pipeline_warnings(pipeline, "eu-central-1")]


def test_weights_that_leave_little_room_are_warned_of() -> None:
    tight = replace(LMI, million_parameters=9000)
    assert warned(endpoint=EndpointSettings(model=tight, capacity=GPU), inference=CHAT) == [
        "endpoint.model: weights of about 18 GB leave little of the 24 GB of the GPUs of ml.g5.xlarge for texts "
        "[model-fills-memory]"
    ]


ROUNDED = (
    "endpoint.model: weights of {} GB by its name, and names round: up to {} GB would be over 90 % of the {} GB of the "
    "GPUs of {}, and it would not start; million_parameters says how many it has [model-fills-memory]"
)


@pytest.mark.parametrize(
    ("model", "instance_type", "texts"),
    [
        # 7.61 billion, 15.2 GB
        (
            {"model_id": "Qwen/Qwen2.5-7B-Instruct"},
            "ml.g4dn.xlarge",
            [ROUNDED.format("14.0", "15.4", 16, "ml.g4dn.xlarge")],
        ),
        # 6.74 billion, 13.5 GB: it is known to fit, so it is not refused
        (
            {"model_id": "meta-llama/Llama-2-7b-chat-hf"},
            "ml.g4dn.xlarge",
            [ROUNDED.format("14.0", "15.4", 16, "ml.g4dn.xlarge")],
        ),
        ({"model_id": "tiiuae/Falcon3-10B-Base"}, "ml.g5.xlarge", [ROUNDED.format("20.0", "22.0", 24, "ml.g5.xlarge")]),
        # a name with more digits rounds less
        (
            {"model_id": "upstage/SOLAR-10.7B-v1.0"},
            "ml.g5.xlarge",
            [
                "endpoint.model: weights of about 21 GB leave little of the 24 GB of the GPUs of ml.g5.xlarge for "
                "texts [model-fills-memory]"
            ],
        ),
        # what is set is not rounded
        (
            {"model_id": "meta-llama/Llama-2-7b-chat-hf", "million_parameters": 6738},
            "ml.g4dn.xlarge",
            [
                "endpoint.model: weights of about 13 GB leave little of the 16 GB of the GPUs of ml.g4dn.xlarge for "
                "texts [model-fills-memory]"
            ],
        ),
        ({"model_id": "meta-llama/Llama-3.1-8B-Instruct"}, "ml.g5.xlarge", []),
    ],
)
def test_the_number_in_a_name_is_rounded(model: Mapping[str, Any], instance_type: str, texts: list[str]) -> None:
    endpoint = EndpointSettings(
        model=LanguageModel(revision="a1b2", **model), capacity=replace(GPU, instance_type=instance_type)
    )
    assert warned(endpoint=endpoint, inference=CHAT) == texts


@pytest.mark.parametrize(
    ("parameters", "style", "text"),
    [
        ({"max_tokens": 1200}, "openai", None),
        (
            {"max_tokens": 1201},
            "openai",
            "inference.parameters has max_tokens 1201: at 20 tokens a second (inference.answer_tokens_per_second) an "
            "answer takes up to 60 s, and a request has 60 s; endpoint.capacity AsyncCapacity gives an answer up to an "
            "hour [answer-over-time]",
        ),
        (
            {"max_completion_tokens": 4000},
            "openai",
            "inference.parameters has max_completion_tokens 4000: at 20 tokens a second "
            "(inference.answer_tokens_per_second) an answer takes up to 200 s, and a request has 60 s; "
            "endpoint.capacity AsyncCapacity gives an answer up to an hour [answer-over-time]",
        ),
        (
            {},
            "openai",
            "inference.parameters has no max_tokens: an answer may go on to the model's limit, and a request has 60 s; "
            "endpoint.capacity AsyncCapacity gives an answer up to an hour [answer-over-time]",
        ),
        ({}, "inputs", None),
        (
            {"max_new_tokens": 6000},
            "inputs",
            "inference.parameters has max_new_tokens 6000: at 20 tokens a second "
            "(inference.answer_tokens_per_second) an answer takes up to 300 s, and a request has 60 s; "
            "endpoint.capacity AsyncCapacity gives an answer up to an hour [answer-over-time]",
        ),
    ],
)
def test_an_answer_that_may_take_longer_than_a_request_has_is_warned_of(
    parameters: dict[str, Any], style: str, text: str | None
) -> None:
    inference = replace(CHAT, parameters=parameters, chat_style=style)
    endpoint = EndpointSettings(model=replace(LMI, million_parameters=3000), capacity=GPU)
    assert warned(endpoint=endpoint, inference=inference) == ([text] if text else [])


def test_an_asynchronous_answer_has_its_own_time() -> None:
    endpoint = EndpointSettings(model=replace(LMI, million_parameters=3000), capacity=ASYNC)
    assert warned(endpoint=endpoint, inference=replace(CHAT, parameters={"max_tokens": 18_000})) == []
    assert warned(endpoint=endpoint, inference=replace(CHAT, parameters={"max_tokens": 20_000})) == [
        "inference.parameters has max_tokens 20000: at 20 tokens a second (inference.answer_tokens_per_second) an "
        "answer takes up to 1000 s, and a request has 900 s [answer-over-time]"
    ]


def test_answers_in_flight_are_held_against_the_functions_memory() -> None:
    many = replace(GPU, max_instances=8, concurrent_requests_per_instance=32)
    source = EventSourceSettings(batch_size=64, batching_window_seconds=1)
    endpoint = EndpointSettings(model=replace(LMI, million_parameters=3000), capacity=many)
    inference = replace(CHAT, max_response_bytes=25 * 1024**2)
    said = [text for text in warned(endpoint=endpoint, inference=inference, event_source=source) if "memory" in text]
    assert said == [
        "inference.requests_in_flight x inference.max_response_bytes is 1677721600 bytes: the function holds as many "
        "answers at once, in function.memory_mib 512 [answers-over-memory]"
    ]
    derived = derive(PipelineSettings(endpoint=endpoint, inference=CHAT, event_source=source)).inference
    assert (derived.requests_in_flight, derived.max_response_bytes) == (64, 1024**2)


def test_sessions_without_routing_by_prefix_are_warned_of() -> None:
    inference = replace(CHAT, session_attribute="customer")
    said = warned(
        endpoint=EndpointSettings(model=replace(LMI, million_parameters=3000), capacity=GPU), inference=inference
    )
    assert said == [
        "inference.session_attribute is set, and the endpoint that is created here does not route by prefix: "
        "Terraform's AWS provider 6.25 can't set that up; an ExistingEndpoint may have it [session-without-routing]"
    ]
    assert warned(endpoint=ExistingEndpoint(name="e", concurrent_requests=64), inference=inference) == []


@pytest.mark.parametrize(
    ("batch", "most", "line"),
    [
        (
            100,
            16,
            "8 per invocation: one record a request, a batch of 100; the endpoint's 16 requests at once (1 instance x "
            "16) win, shared by the invocations that run at once at least",
        ),
        (100, 200, "64 per invocation: one record a request, a batch of 100; 64 at most"),
        (10, 200, "10 per invocation: one record a request, a batch of 10; 64 at most"),
        (
            10,
            1,
            "1 per invocation: one record a request, a batch of 10; the endpoint's 1 request at once (1 instance x 1) "
            "win, shared by the invocations that run at once at least",
        ),
    ],
)
def test_which_bound_on_requests_in_flight_wins_is_said(batch: int, most: int, line: str) -> None:
    pipeline = PipelineSettings(
        endpoint=EndpointSettings(model=LMI, capacity=replace(GPU, concurrent_requests_per_instance=most)),
        inference=CHAT,
        event_source=EventSourceSettings(batch_size=batch, batching_window_seconds=1),
    )
    said = explain({"dev": StackSettings(region="eu-central-1", pipelines={"x": pipeline})})
    assert f"  requests in flight  {line}" in said.splitlines()
