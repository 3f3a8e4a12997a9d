"""The stacks of an app: as it writes them, and with changed settings."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from constructs_lib import InferenceStack, SettingsError, StackSettings  # first: it makes importing cdktf fast

from cdktf import App

from local.errors import UsageError
from local.synthesis import synthesize_all


def synthesized(app: str, stacks: Sequence[str], folder: Path) -> dict[str, Path]:
    """Synthesize an app; return the path of each stack's Terraform JSON, of all if none is named.

    Raises UsageError if there is no such app or stack, LocalRunError if the app fails.
    """
    paths = synthesize_all(app, folder)
    if unknown := sorted({*stacks} - paths.keys()):
        raise UsageError(f"there is no stack {unknown[0]}; {app} has {', '.join(sorted(paths))}")
    return {name: paths[name] for name in stacks or paths}


def settings_of(app: str, stack: str) -> StackSettings:
    """Return the settings of a stack. Raises UsageError if the app's module keeps none in STACKS."""
    stacks: Mapping[str, StackSettings] = getattr(importlib.import_module(app), "STACKS", {})
    if stack not in stacks:
        raise UsageError(f'changes need the settings: {app} must keep them in STACKS = {{"{stack}": StackSettings(…)}}')
    return stacks[stack]


def synthesize_settings(stack: str, settings: StackSettings, folder: Path) -> Path:
    """Synthesize one stack with these settings; return the path of its Terraform JSON.

    Raises ValueError for settings that the library refuses.
    """
    app = App(outdir=str(folder))
    try:
        InferenceStack(app, stack, settings)
    except SettingsError as error:
        raise ValueError(" ".join(str(error).split())) from error
    app.synth()
    return folder / "stacks" / stack / "cdk.tf.json"
