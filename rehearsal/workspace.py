"""The folder that Terraform works in: the stack's copy, fenced and adapted, and a state of its own."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from local.elsewhere import make_elsewhere
from local.layers import layers_of
from local.options import Options as LocalOptions
from local.template import Template
from rehearsal import fences
from rehearsal.adaptation import adapt
from rehearsal.options import Options
from rehearsal.terraform import Terraform
from rehearsal.world import World

MIRROR = "provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"


class Workspace:
    """One stack's folder, new for each rehearsal."""

    def __init__(self, folder: Path, world: World, options: Options) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder.resolve() / "terraform"
        self.folder.mkdir(parents=True)
        for name in fences.EMPTY_FILES:
            (self.folder / name).touch()
        self._world = world
        self._options = options
        self._published: dict[Path, str] = {}
        self._mirror: Path | None = None
        if options.mirror:
            self._mirror = self.folder.parent / "mirror.tfrc"
            self._mirror.write_text(MIRROR.format(path=json.dumps(str(options.mirror.resolve()))))
        self.terraform = Terraform(self.folder, self._environment, options.mirror)

    @property
    def configuration(self) -> Path:
        return self.folder / fences.FILE

    def put(self, synthesized: Path) -> list[str]:
        """Put a stack's copy into the folder, in place of an earlier one; return how it differs, in words.

        Raises UsageError for a stack that can't be rehearsed.
        """
        document = json.loads(synthesized.read_bytes())
        fences.require_harmless(document, self._world.addresses)
        notes = adapt(document, self._options.provider, self._layers(synthesized))
        notes += fences.clean(document, self._world.addresses, self._world.credentials)
        if (assets := synthesized.parent / "assets").is_dir():
            shutil.copytree(assets, self.folder / "assets", dirs_exist_ok=True)
        self.configuration.write_text(json.dumps(document, indent=1))
        if made := make_elsewhere(Template.load(self.configuration), self._world.emulator.aws):
            notes.append("there before the stack: " + ", ".join(made))
        return notes

    def _environment(self, *, network: bool = False) -> dict[str, str]:
        authority, wall = self._world.emulator.certificate.authority, self._world.wall.url
        return fences.environment(self.folder, authority, wall, network=network, mirror=self._mirror)

    def _layers(self, synthesized: Path) -> Sequence[str]:
        """Publish the layers of this project that the stack's functions name, each once; return their ARNs."""
        publish = self._world.client("lambda").publish_layer_version
        layers = layers_of(Template.load(synthesized), LocalOptions(app=self._options.app))
        for layer in layers:
            if layer.path not in self._published:
                answer = publish(LayerName=layer.name, Content={"ZipFile": layer.content()})
                self._published[layer.path] = answer["LayerVersionArn"]
        return [self._published[layer.path] for layer in layers]
