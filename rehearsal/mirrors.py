"""Folders that hold providers: where Terraform looks before, or instead of, a registry."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

# https://developer.hashicorp.com/terraform/cli/config/config-file, "Implied Local Mirror Directories"
IMPLIED = "~/.terraform.d/plugins", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"
FILESYSTEM_MIRROR = re.compile(r'filesystem_mirror\s*{[^}]*?path\s*=\s*"([^"]+)"', re.DOTALL)
REGISTRIES = "registry.terraform.io", "registry.opentofu.org"
PACKED = re.compile(r"terraform-provider-aws_([\d.]+)_")


def local_mirrors(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the folders that Terraform would take providers from without a network, as the user has set it up."""
    data = environment.get("XDG_DATA_HOME", "~/.local/share")
    folders = [*_configured(environment), *IMPLIED, f"{data}/terraform/plugins"]
    return [path for folder in dict.fromkeys(folders) if (path := Path(folder).expanduser()).is_dir()]


def versions(mirror: Path) -> list[str]:
    """Return the versions of the AWS provider in a mirror, the newest last."""
    found = set()
    for registry in REGISTRIES:
        folder = mirror / registry / "hashicorp" / "aws"
        for path in folder.iterdir() if folder.is_dir() else ():
            if re.fullmatch(r"[\d.]+", path.name):
                found.add(path.name)
            elif packed := PACKED.match(path.name):
                found.add(packed[1])
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def _configured(environment: Mapping[str, str]) -> Iterator[str]:
    for file in (environment.get("TF_CLI_CONFIG_FILE"), "~/.terraformrc", "~/.tofurc"):
        if file and (path := Path(file).expanduser()).is_file():
            yield from FILESYSTEM_MIRROR.findall(path.read_text(encoding="utf-8", errors="replace"))
            return
