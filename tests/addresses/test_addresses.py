"""Addresses and physical names are a contract: a change of one replaces what users have deployed."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import constructs_lib  # first: it makes importing cdktf fast
from constructs_lib import settings as settings_package

import pytest

from tests.addresses.addresses import GOLDEN, app_stacks, current, differences

RENEW = "\n".join(
    (
        "If this is meant: describe each line and its effect (replaced, in place, moved by move_from_id) in",
        "docs/upgrading.md, then write the file anew with `make addresses`.",
    )
)


def test_addresses_and_names_stay_as_they_are() -> None:
    found = differences(GOLDEN.read_text(), current())
    assert not found, "\n".join(["", *found, RENEW])


RESOURCE, RENAMED, MOVED = (
    "dev aws_sqs_queue.work name=dev-work",
    "dev aws_sqs_queue.work name=dev-other",
    "dev aws_sqs_queue.elsewhere name=dev-work",
)


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        ([RESOURCE], [RESOURCE], []),
        (
            [RESOURCE],
            [RENAMED],
            [
                "an upgrade would destroy and create anew: dev aws_sqs_queue.work, since name=dev-work would become "
                "name=dev-other"
            ],
        ),
        (
            [RESOURCE],
            [MOVED],
            [
                "an upgrade would destroy dev aws_sqs_queue.work; the same thing is now at aws_sqs_queue.elsewhere",
                "not in golden.txt yet: dev aws_sqs_queue.elsewhere",
            ],
        ),
        ([RESOURCE], [], ["an upgrade would destroy dev aws_sqs_queue.work"]),
        ([], [RESOURCE], ["not in golden.txt yet: dev aws_sqs_queue.work"]),
        (["dev output.url"], [], ["an upgrade would take the output away: dev output.url"]),
    ],
)
def test_each_kind_of_difference_says_what_an_upgrade_would_do(
    before: list[str], after: list[str], sentences: list[str]
) -> None:
    assert differences("\n".join(before), "\n".join(after)) == sentences


def test_every_resource_that_the_library_can_create_is_in_the_file() -> None:
    package = Path(constructs_lib.__file__).parent
    sources = "".join(path.read_text() for path in package.rglob("*.py"))
    imported = set(re.findall(r"from cdktf_cdktf_provider_aws\.(\w+) import", sources)) - {"provider"}
    listed = {line.split()[1].removeprefix("data.aws_").removeprefix("aws_") for line in _golden_resources()}
    expected = {kind.removeprefix("data_aws_") for kind in imported}
    assert expected <= {address.partition(".")[0] for address in listed}


def _golden_resources() -> list[str]:
    return [line for line in GOLDEN.read_text().splitlines() if " output." not in line]


def test_every_option_of_every_setting_is_in_one_of_the_stacks() -> None:
    classes = {value for value in vars(settings_package).values() if is_dataclass(value) and isinstance(value, type)}
    every = {f"{_owner(cls, f.name)}.{f.name}" for cls in classes for f in fields(cls) if not _is_required(f)}
    used = {name for stacks in app_stacks().values() for stack in stacks.values() for name in _options(stack)}
    missing = sorted(every - used)
    assert not missing, f"left at their default in each of the stacks: {', '.join(missing)}"


def _owner(cls: type, field: str) -> str:
    """Return the name of the class that defines a field, which others may inherit."""
    return next(base.__name__ for base in cls.__mro__ if field in inspect.get_annotations(base))


def _is_required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _options(settings: Any) -> Iterator[str]:
    """Yield class and field of whatever differs from its default, in the settings and those inside."""
    for f in fields(settings):
        value = getattr(settings, f.name)
        default = f.default if f.default_factory is MISSING else f.default_factory()
        if value != default:
            yield f"{_owner(type(settings), f.name)}.{f.name}"
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,):
            if is_dataclass(inner):
                yield from _options(inner)
