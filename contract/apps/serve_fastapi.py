"""Serves models behind FastAPI, in the forms that people write: members by name, bare lists, JSON lines, CSV."""

import json
import sys
from typing import Any

import fastapi
import uvicorn
from pydantic import BaseModel, TypeAdapter

app = fastapi.FastAPI()


class Size(BaseModel):
    text: str
    n: int


class Instances(BaseModel):
    instances: list[Size]


class Inputs(BaseModel):
    inputs: list[str]


class Message(BaseModel):
    role: str
    content: str


class Chat(BaseModel):
    messages: list[Message]


def ping() -> dict[str, Any]:
    return {}


def size_of(size: Size) -> dict[str, Any]:
    return {"text": size.text.upper(), "n": size.n + 1}


def instances(body: Instances) -> dict[str, Any]:
    """Take {"instances": […]}; answer {"predictions": […]}."""
    return {"predictions": [size_of(size) for size in body.instances]}


def inputs(body: Inputs) -> list[str]:
    """Take {"inputs": […]}; answer a bare list."""
    return [text.upper() for text in body.inputs]


def scores(body: Inputs) -> dict[str, Any]:
    """Take {"inputs": […]}; answer {"scores": […]}."""
    return {"scores": [float(int.from_bytes(text.encode()) % 9973) for text in body.inputs]}


def bare(body: list[Size]) -> list[dict[str, Any]]:
    """Take a bare list and answer one."""
    return [size_of(size) for size in body]


def chat(body: Chat) -> dict[str, Any]:
    """Take one chat and answer as OpenAI's API does."""
    message = {"role": "assistant", "content": body.messages[-1].content.upper()}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


async def lines(request: fastapi.Request) -> fastapi.Response:
    """Take and answer JSON lines."""
    if not request.headers.get("Content-Type", "").startswith("application/jsonlines"):
        raise fastapi.HTTPException(415)
    adapter = TypeAdapter(Size)
    try:
        sizes = [adapter.validate_json(line) for line in (await request.body()).decode().splitlines()]
    except ValueError as error:
        raise fastapi.HTTPException(400, str(error)) from error
    answer = "".join(f"{json.dumps(size_of(size))}\n" for size in sizes)
    return fastapi.Response(answer, media_type="application/jsonlines")


async def rows(request: fastapi.Request) -> fastapi.Response:
    """Take and answer CSV without a header, a line a row."""
    if not request.headers.get("Content-Type", "").startswith("text/csv"):
        raise fastapi.HTTPException(415)
    table = [[float(field) for field in line.split(",")] for line in (await request.body()).decode().splitlines()]
    if {len(row) for row in table} != {4}:
        raise ValueError("a row has not four fields")
    return fastapi.Response("".join(f"{sum(row)},{max(row)}\n" for row in table), media_type="text/csv")


MODELS = {
    "instances": instances,
    "inputs": inputs,
    "scores": scores,
    "bare": bare,
    "chat": chat,
    "lines": lines,
    "rows": rows,
}


def main(model: str, port: str) -> None:
    app.get("/ping")(ping)
    app.post("/invocations")(MODELS[model])
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
