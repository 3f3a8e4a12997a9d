"""Write docs/settings.md from the settings' docstrings, bounds and defaults: `python -m tools.settings_table`."""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from constructs_lib import settings
from constructs_lib.validation.checker import bound
from constructs_lib.validation.limits import RULES, Range, Rule

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
HEAD = """# Settings

Every setting with its unit, bound and default, created from the code by `python -m tools.settings_table`. What is
derived is checked when you set it by hand. Text that goes into the plan as it is, for instance an ARN, may be a
Terraform reference, and so may the lists `subnet_ids` and `security_group_ids` of the function, `layers` and
`allowed_account_ids`; everything else must be known when synthesizing. Where a setting has several items the bound is
that of each. Some settings must fit each other besides: [`architecture.md`](architecture.md) has the chains.
"""
CLASSES: tuple[type[Any], ...] = (
    settings.StackSettings,
    settings.AssumedRole,
    settings.S3StateSettings,
    settings.PipelineSettings,
    settings.QueueSettings,
    settings.ServicePrincipal,
    settings.AccountPrincipal,
    settings.ExistingQueue,
    settings.EventSourceSettings,
    settings.ProvisionedPollers,
    settings.FunctionSettings,
    settings.VpcSettings,
    settings.ExistingRole,
    settings.CodeSigning,
    settings.InferenceSettings,
    settings.ResultsSettings,
    settings.ResultsOf,
    settings.IdempotencySettings,
    settings.EndpointSettings,
    settings.ExistingEndpoint,
    settings.HuggingFaceModel,
    settings.TextEmbeddingsModel,
    settings.LanguageModel,
    settings.ContainerModel,
    settings.ModelPackage,
    settings.ServerlessCapacity,
    settings.InstanceCapacity,
    settings.AsyncCapacity,
    settings.QueueScaling,
    settings.ScheduledCapacity,
    settings.Variant,
    settings.DataCapture,
    settings.Deployment,
    settings.MonitoringSettings,
)


def page() -> str:
    """Return the page: a heading, the class's docstring and a table for each class."""
    return HEAD + "".join(f"\n{line}\n" for cls in CLASSES for line in _section(cls))


def _section(cls: type[Any]) -> Iterator[str]:
    shown = fields(cls)
    if cls is settings.ExistingQueue:
        shown = tuple(f for f in shown if f.name in cls.__annotations__)  # the others are those of QueueSettings
    bases = [base for base in reversed(cls.__mro__) if is_dataclass(base)]
    docs = {name: text for base in bases for name, text in _attribute_docs(base).items()}
    rules = [rule for base in bases for rule in RULES.get(base, ())]
    units = {rule.property: rule.unit for rule in rules if isinstance(rule, Range)}
    yield f"## {cls.__name__}"
    yield inspect.cleandoc(cls.__doc__ or "")
    bounds = {rule.property: _bound(rule) for rule in rules}
    rows = [
        f"| `{f.name}` | {units.get(f.name, '')} | {bounds.get(f.name, '')} | {_default(f)} | {docs[f.name]} |"
        for f in shown
    ]
    yield "\n".join(["| setting | unit | bound | default | what it does |", "|---|---|---|---|---|", *rows])


def _bound(rule: Rule) -> str:
    """Return a rule in words; a number's unit has a column of its own."""
    if isinstance(rule, Range):
        steps = f" in steps of {rule.step:,}" if rule.step > 1 else ""
        return f"{rule.low:,} to {rule.high:,}{steps}"
    return bound(rule)


def _attribute_docs(cls: type[Any]) -> dict[str, str]:
    """Return the text under each field of a class; Python itself does not keep it."""
    (definition,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(definition, ast.ClassDef)
    docs: dict[str, str] = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
            assert isinstance(statement.target, ast.Name)
            assert isinstance(following.value, ast.Constant)
            docs[statement.target.id] = " ".join(str(following.value.value).split())
    return docs


def _default(f: Field[Any]) -> str:
    if f.default is MISSING:
        return "required" if f.default_factory is MISSING else "empty"
    if f.default is None or is_dataclass(f.default):
        return "see right"
    if f.default == ():
        return "none"
    return f"`{f.default:,}`" if type(f.default) is int else f"`{f.default}`"


def main() -> None:
    renewed = page()
    current = PAGE.read_text() if PAGE.exists() else ""
    PAGE.write_text(renewed)
    sys.stdout.write("docs/settings.md: renewed\n" if renewed != current else "docs/settings.md: up to date\n")


if __name__ == "__main__":
    main()
