"""The parts of a run that depend on the pipelines' codecs: layers, the containers that answer, and the messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
    """Layers and containers of all pipelines, and messages that speak the format of the first one's codec."""

    codec: str
    layers: Sequence[Layer]
    first: str
    """The pipeline that the messages are sent to."""
    containers: Mapping[str, Container]
    """By pipeline; those that differ in nothing that their answers depend on share one."""
    samples: Sequence[Sample]
    prompt_template: str = ""

    @property
    def container(self) -> Container:
        """The first pipeline's."""
        return self.containers[self.first]

    @property
    def names(self) -> str:
        """The name of each container, once; the first pipeline's comes first."""
        return "; ".join(dict.fromkeys(one.name for one in (self.container, *self.containers.values())))

    def bodies(self, max_request_bytes: int, alone: Alone) -> Bodies:
        """Return the forms of messages, good ones and poison; those of the user's own codec by an example."""
        if self.codec in CODECS:
            return bodies_for(self.codec, self.prompt_template)
        example = next((sample.body for sample in self.samples if sample.body and not sample.poison), None)
        if example is None:
            raise UsageError(f'messages for the codec {self.codec} must be lines {{"body": …}}')
        return OwnBodies(example, max_request_bytes, alone.refuses)


def serving_of(template: Template, options: Options, samples: Sequence[Sample]) -> Serving:
    """Return the parts that the pipelines' codecs need; `samples` are those of the file that the options name.

    Raises UsageError if a codec of the user's own lacks its layer, its container or its messages.
    """
    served, layers = _served(template), layers_of(template, options)
    for codec in (one.settings.codec for one in served.values()):
        if ":" in codec and not layers:
            raise UsageError(
                f"the layer of the codec {codec} was not found: name its folder or zip by --layer, or put it, by the "
                "layer's name, into a folder layers beside the app"
            )
    for layer in layers:
        layer.content()  # raises for one that Lambda could not use
    containers = _containers(served, layers, options)
    first = next(name for name in served if name not in template.feeds())
    settings = served[first].settings
    found = _samples(settings.codec, layers, options, samples)
    if settings.codec == "chat" or isinstance(containers[first], EmbeddingsContainer):
        found = [replace(sample, expected=None) for sample in found]  # no labels come of these
    return Serving(settings.codec, layers, first, containers, found, settings.prompt_template)


@dataclass(frozen=True)
class _Served:
    """Settings that a pipeline's container goes by."""

    shape: Sequence[tuple[str, str]]
    """The settings that tell what requests and answers look like."""
    most_texts: int | None
    """Of a model that is served by Text Embeddings Inference, the most texts in a request."""
    parameters: str
    """Of a chat, what else its answers depend on."""

    @property
    def settings(self) -> HandlerSettings:
        """The shape, in settings whose other values are not known yet."""
        shape: Any = dict(self.shape)
        return replace(HandlerSettings(endpoint_name="", dead_letter_queue_url=""), **shape)


def _served(template: Template) -> Mapping[str, _Served]:
    """Return by pipeline what its container goes by."""
    served, most_texts = {}, _most_texts(template)
    for block in template.of_type("aws_lambda_function"):
        variables = block.arguments.get("environment", {}).get("variables", {})
        if "ENDPOINT_NAME" in variables:
            shape = tuple((name, str(variables[name.upper()])) for name in SHAPES if name.upper() in variables)
            parameters = str(variables.get("PARAMETERS", "")) if variables.get("CODEC") == "chat" else ""
            served[block.part] = _Served(shape, most_texts.get(block.part), parameters)
    return served or {"": _Served((), None, "")}  # a stack without a pipeline is refused later, in words of its own


def _most_texts(template: Template) -> Mapping[str, int]:
    """Return by pipeline the most texts in a request, of models that are served by Text Embeddings Inference."""
    found = {}
    for block in template.of_type("aws_sagemaker_model"):
        most = block.arguments.get("primary_container", {}).get("environment", {}).get("MAX_CLIENT_BATCH_SIZE")
        if most is not None:
            found[block.part] = int(most)
    return found


def _containers(served: Mapping[str, _Served], layers: Sequence[Layer], options: Options) -> Mapping[str, Container]:
    """Return the container of each pipeline; those that go by the same share one, and its one worker.

    A file of the user's own answers for codecs that nobody else knows; in a chain without such a codec, for all.
    """
    some_are_own = any(":" in one.settings.codec for one in served.values())
    beside = _beside(CONTAINER_FILE, layers, options)

    def container(one: _Served) -> Container:
        takes_file = ":" in one.settings.codec or not some_are_own
        if takes_file and (file := options.model or (beside if one.most_texts is None else None)):
            return OwnContainer(file)
        return _container(one)

    containers = {one: container(one) for one in dict.fromkeys(served.values())}
    return {name: containers[one] for name, one in served.items()}


def _container(served: _Served) -> Container:
    """Return the container that the local run itself has. Raises UsageError if it has none."""
    codec = served.settings.codec
    if ":" in codec:
        raise UsageError(
            f"only you know what a container answers to the codec {codec}: name a Python file with "
            "answer(body: bytes, content_type: str) -> tuple[bytes, str] by --model, or put it as "
            f"{CONTAINER_FILE} beside the layer's python/"
        )
    return container_for(served.settings) if served.most_texts is None else EmbeddingsContainer(served.most_texts)


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
