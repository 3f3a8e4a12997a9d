"""Layers of the user's own, which the local run attaches to the function as Lambda would."""

import contextlib
import io
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.emulator import PROJECT
from local.errors import UsageError
from local.options import Options
from local.template import Template

LAYER_VERSION = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d+:layer:([\w-]+):\d+")
CONTAINER_FILE = "container.py"
MESSAGES_FILE = "messages.jsonl"


@dataclass(frozen=True)
class Layer:
    """A folder or a zip whose folder `python/` Lambda has on its path."""

    name: str
    path: Path

    @property
    def import_path(self) -> str:
        return str(self.path / "python")

    def content(self) -> bytes:
        """Return the zip; of a folder, one with its `python/` alone. Raises UsageError if it has no such folder."""
        if self.path.is_dir():
            return _zipped(self.path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = archive.namelist()
            content = self.path.read_bytes()
        except (OSError, zipfile.BadZipFile) as error:
            raise UsageError(f"the layer {self.path}: {error}") from error
        if not any(name.startswith("python/") for name in names):
            raise UsageError(f"the layer {self.path} has no folder python/ at its top, which is what Lambda looks into")
        return content


def layers_of(template: Template, options: Options) -> list[Layer]:
    """Return those of the function that are in a folder `layers` beside the app, and the layer that the options name.

    There they have the layer's name, as a folder or as NAME.zip. Of two files of the same name the later layer's
    counts, as in Lambda.
    """
    found: list[Layer] = []
    folder = PROJECT.joinpath(*options.app.split(".")).parent / "layers"
    for arn in _arns(template):
        name = named[1] if (named := LAYER_VERSION.fullmatch(arn)) else ""
        paths = (folder / name, folder / f"{name}.zip") if name else ()
        found += [Layer(name, path) for path in paths if path.exists()][:1]
    return [*found, Layer(options.layer.stem, options.layer)] if options.layer else found


@contextlib.contextmanager
def importable(layers: Sequence[Layer]) -> Iterator[None]:
    """Let this process import what is in the layers, behind all else."""
    paths = [layer.import_path for layer in reversed(layers)]
    sys.path.extend(paths)
    try:
        yield
    finally:
        for path in paths:
            sys.path.remove(path)


def _arns(template: Template) -> Iterator[str]:
    for block in template.of_type("aws_lambda_function"):
        yield from block.arguments.get("layers", ())


def _zipped(folder: Path) -> bytes:
    files = [path for path in sorted((folder / "python").rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    if not files:
        raise UsageError(f"the layer {folder} must be a folder with files in python/, or a zip of one")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder).as_posix())
    return stream.getvalue()
