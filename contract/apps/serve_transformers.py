"""Serves a random-weight language model with `transformers serve`, which speaks OpenAI's Chat Completions API."""

import os
import sys

import torch
import transformers
from serve_huggingface import save_tokenizer  # type: ignore[import-not-found]  # beside this script

FOLDER = "model"
"""Beside the script's working folder: answers name it, and recordings must not have a path of one machine."""


def save_model(folder: str) -> None:
    """Save a decoder of 512 positions: tiny, and with weights large enough that its answers differ."""
    torch.manual_seed(11)
    tokens = save_tokenizer(folder, frame=False, pad=True)
    config = transformers.GPT2Config(
        vocab_size=tokens,
        n_positions=512,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=2,
        eos_token_id=3,
        initializer_range=0.5,
    )
    transformers.GPT2LMHeadModel(config).eval().save_pretrained(folder)


def main(port: str) -> None:
    save_model(FOLDER)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    serve = ["-m", "transformers.cli.transformers", "serve", FOLDER, "--host", "127.0.0.1", "--port", port]
    os.execv(sys.executable, [sys.executable, *serve, "--device", "cpu"])


if __name__ == "__main__":
    main(sys.argv[2])
