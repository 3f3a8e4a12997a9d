"""The parts of a run that depend on the pipeline's codec: its layers, the container that answers, and the messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from handler.settings import CODECS, HandlerSettings
from local.alone import Alone
from local.bodies import Bodies, OwnBodies, bodies_for
from local.containers import Container, container_for
from local.emulator import PROJECT
from local.errors import UsageError
from local.layers import CONTAINER_FILE, MESSAGES_FILE, Layer, layers_of
from local.messages import Sample, generated_rows, read_samples
from local.model_servers import EmbeddingsContainer
from local.options import Options
from local.own_container import OwnContainer
from local.template import Template

ROW_CODECS = "csv", "csv-row"
# Settings of the handler, all of them texts, that tell what requests and answers look like.
SHAPES = "codec", "request_key", "response_key", "csv_header", "chat_style", "prompt_template"


@dataclass(frozen=True)
class Serving:
    """Layers, container and messages that speak the format of the pipeline's codec."""

    codec: str
    layers: Sequence[Layer]
    container: Container
    samples: Sequence[Sample]
    prompt_template: str = ""

    def bodies(self, max_request_bytes: int, alone: Alone) -> Bodies:
        """Return the forms of messages, good ones and poison; those of the user's own codec by an example."""
        if self.codec in CODECS:
            return bodies_for(self.codec, self.prompt_template)
        example = next((sample.body for sample in self.samples if sample.body and not sample.poison), None)
        if example is None:
            raise UsageError(f'messages for the codec {self.codec} must be lines {{"body": …}}')
        return OwnBodies(example, max_request_bytes, alone.refuses)


def serving_of(template: Template, options: Options, samples: Sequence[Sample]) -> Serving:
    """Return the parts that the template's codec needs; `samples` are those of the file that the options name.

    Raises UsageError if a codec of the user's own lacks its layer, its container or its messages.
    """
    settings, layers = _codec_settings(template), layers_of(template, options)
    codec = settings.codec
    if ":" in codec and not layers:
        raise UsageError(
            f"the layer of the codec {codec} was not found: name its folder or zip by --layer, or put it, by the "
            "layer's name, into a folder layers beside the app"
        )
    for layer in layers:
        layer.content()  # raises for one that Lambda could not use
    container = (None if options.model else _embeddings(template)) or _container(settings, layers, options)
    found = _samples(codec, layers, options, samples)
    if codec == "chat" or isinstance(container, EmbeddingsContainer):
        found = [replace(sample, expected=None) for sample in found]  # no labels come of these
    return Serving(codec, layers, container, found, settings.prompt_template)


def _codec_settings(template: Template) -> HandlerSettings:
    """Return the settings that tell what requests and answers look like; the others are not known yet.

    Raises UsageError if the pipelines of a chain differ in them.
    """
    shapes = [
        {name: variables[name.upper()] for name in SHAPES if name.upper() in variables}
        for variables in _variables(template)
    ]
    known = shapes[0] if shapes else {}
    if any(shape != known for shape in shapes):
        codecs = ", ".join(sorted({shape["codec"] for shape in shapes}))
        raise UsageError(
            f"the pipelines of the chain differ in codec ({codecs}) or its keys, and one container answers"
        )
    return replace(HandlerSettings(endpoint_name="", dead_letter_queue_url=""), **known)  # type: ignore[arg-type]


def _variables(template: Template) -> Iterator[Mapping[str, str]]:
    """Yield the environment of each pipeline's function."""
    for block in template.of_type("aws_lambda_function"):
        variables = block.arguments.get("environment", {}).get("variables", {})
        if "ENDPOINT_NAME" in variables:
            yield {name: str(value) for name, value in variables.items()}


def _embeddings(template: Template) -> EmbeddingsContainer | None:
    """Return the container of a model that is served by Text Embeddings Inference."""
    for block in template.of_type("aws_sagemaker_model"):
        most = block.arguments.get("primary_container", {}).get("environment", {}).get("MAX_CLIENT_BATCH_SIZE")
        if most is not None:
            return EmbeddingsContainer(int(most))
    return None


def _container(settings: HandlerSettings, layers: Sequence[Layer], options: Options) -> Container:
    codec = settings.codec
    if file := options.model or _beside(CONTAINER_FILE, layers, options):
        return OwnContainer(file)
    if ":" in codec:
        raise UsageError(
            f"only you know what a container answers to the codec {codec}: name a Python file with "
            "answer(body: bytes, content_type: str) -> tuple[bytes, str] by --model, or put it as "
            f"{CONTAINER_FILE} beside the layer's python/"
        )
    return container_for(settings)


def _samples(codec: str, layers: Sequence[Layer], options: Options, samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples of the user's file; without one, those that the codec takes."""
    if options.messages != Options.messages:
        return samples
    if file := _beside(MESSAGES_FILE, layers, options):
        return read_samples(file)
    if ":" in codec:
        raise UsageError(
            f"only you know the messages of the codec {codec}: name a file with a line "
            f'{{"body": …}} for each by --messages, or put it as {MESSAGES_FILE} beside the layer\'s python/'
        )
    return generated_rows(options.seed) if codec in ROW_CODECS else samples


def _beside(name: str, layers: Sequence[Layer], options: Options) -> Path | None:
    """Return the file that stands for the app in a run: in `demo/APP` beside it, or beside a layer's `python/`.

    An app's own come first.
    """
    app = PROJECT.joinpath(*options.app.split("."))
    folders = [app.parent / "demo" / app.name, *(layer.path for layer in reversed(layers))]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)
