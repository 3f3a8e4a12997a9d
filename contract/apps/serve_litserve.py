"""Serves models with LitServe: one record a request, as its own batching takes them, or a list of records."""

import sys
from typing import Any

import litserve


class One(litserve.LitAPI):
    """Takes {"input": text}; LitServe itself gathers requests into batches."""

    def setup(self, device: str) -> None:
        self.suffix = "!"

    def decode_request(self, request: dict[str, Any]) -> str:
        text: str = request["input"]
        return text.upper()

    def predict(self, texts: list[str]) -> list[str]:
        return [text + self.suffix for text in texts]

    def encode_response(self, output: str) -> dict[str, Any]:
        return {"output": output}


class Many(litserve.LitAPI):
    """Takes {"inputs": [text, …]} and answers a list."""

    def setup(self, device: str) -> None:
        self.suffix = "!"

    def decode_request(self, request: dict[str, Any]) -> list[str]:
        texts: list[str] = request["inputs"]
        return texts

    def predict(self, texts: list[str]) -> list[str]:
        return [text.upper() + self.suffix for text in texts]

    def encode_response(self, output: list[str]) -> list[str]:
        return output


def main(model: str, port: str) -> None:
    path = {"api_path": "/invocations"}
    api = One(max_batch_size=8, batch_timeout=0.01, **path) if model == "one" else Many(**path)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, healthcheck_path="/ping")
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
