"""Write the table of model servers into docs/containers.md: `python -m tools.servers_table`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from constructs_lib.endpoint.models import HUGGING_FACE_REPOSITORY
from constructs_lib.endpoint.servers import environment_of, repository_of
from constructs_lib.settings import InstanceCapacity, LanguageModel, ServedModel, TextEmbeddingsModel
from constructs_lib.settings.models import HUGGING_FACE_CPU_IMAGE_TAG
from constructs_lib.validation.derived import BATCHED_TASKS
from constructs_lib.validation.served_models import served_by

PAGE = Path(__file__).parents[1] / "docs" / "containers.md"
MADE = re.compile(r"(<!-- made by tools/servers_table.py -->\n).*?(<!-- end of servers -->)", re.DOTALL)
CPU, GPU = InstanceCapacity(instance_type="ml.c5.2xlarge"), InstanceCapacity(instance_type="ml.g5.xlarge")
HEAD = ("what", "settings", "AWS's image", "codec", "a record", "batches")
NAME = "owner/model"
EMBEDDINGS, LANGUAGE = TextEmbeddingsModel(model_id=NAME), LanguageModel(model_id=NAME)
TGI = LanguageModel(model_id=NAME, server="tgi")
ALONE = "one record a request; the server puts those in flight into batches"


def table() -> str:
    """Return the table of servers, and that of the variables which the settings become."""
    rows = [HEAD, ("---",) * len(HEAD), *_rows()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n" + _variables()


def _rows() -> Iterator[tuple[str, ...]]:
    tasks = ", ".join(f"`{task}`" for task in BATCHED_TASKS)
    hub = f"`{HUGGING_FACE_REPOSITORY}:{HUGGING_FACE_CPU_IMAGE_TAG}`"
    inside = f"the micro-batch is the model's, where lengths are alike: {tasks}; else one by one"
    yield "any transformers pipeline", "`HuggingFaceModel`", hub, "`huggingface`", '`{"inputs": …}`', inside
    texts = "many texts a request, up to `max_client_batch_size`; the server cuts them by `max_batch_tokens`"
    one = '`{"inputs": "text"}`'
    yield "embeddings, classifiers", "`TextEmbeddingsModel`", _images(EMBEDDINGS), "`huggingface`", one, texts
    reranked = '`{"query": "text", "texts": […]}`'
    yield "rerankers", "`TextEmbeddingsModel`", "the same", "`single`", reranked, "the texts of a record are one"
    prompt = '`{"prompt": …}`, `{"messages": […]}`, or what fills `prompt_template`'
    yield "language models, vLLM", "`LanguageModel`", _images(LANGUAGE), "`chat`", prompt, ALONE
    yield "language models, TGI", '`LanguageModel(server="tgi")`', _images(TGI), "`chat`", "the same", ALONE


def _images(model: TextEmbeddingsModel | LanguageModel) -> str:
    """Return repository and tag, on processors and on GPUs where those differ."""
    found = [
        served_by(model, capacity) for capacity in ((CPU, GPU) if isinstance(model, TextEmbeddingsModel) else (GPU,))
    ]
    images = [f"`{repository_of(one)}:{one.image_tag}`" for one in found if isinstance(one, ServedModel)]
    return ", ".join(images)


def _variables() -> str:
    """Return the variables of a container of each server, with the defaults of its settings."""
    lines = ["| server | variables of the container |\n| --- | --- |\n"]
    models: dict[str, TextEmbeddingsModel | LanguageModel] = {"TEI": EMBEDDINGS, "LMI": LANGUAGE, "TGI": TGI}
    for name, model in models.items():
        served = served_by(model, GPU)
        assert isinstance(served, ServedModel)
        variables = ", ".join(f"`{variable}={value}`" for variable, value in environment_of(served).items())
        lines.append(f"| {name} | {variables} |\n")
    return "".join(lines)


def main() -> None:
    text = PAGE.read_text()
    renewed = MADE.sub(lambda found: f"{found[1]}{table()}{found[2]}", text)
    PAGE.write_text(renewed)
    sys.stdout.write("docs/containers.md: renewed\n" if renewed != text else "docs/containers.md: up to date\n")


if __name__ == "__main__":
    main()
