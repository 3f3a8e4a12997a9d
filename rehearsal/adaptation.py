"""Adaptations of the rehearsed copy: to another provider than the bindings pin, and to what the embedded AWS lacks.

Each returns what it changed, in words, and nothing if it had nothing to change; all of it is printed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from local.errors import UsageError
from rehearsal.fences import Document, blocks

VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# The first provider that takes a `max_message_size` over 256 KiB
# (https://github.com/hashicorp/terraform-provider-aws/blob/v6.8.0/CHANGELOG.md), and the first whose `aws_region` has
# `region` in place of `name` (https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/version-6-upgrade).
LARGE_MESSAGES = (6, 8)
REGION_OF_REGION = (6, 0)
OLD_MAX_MESSAGE_SIZE = 262_144
REGION = re.compile(r"(data\.aws_region\.[\w-]+)\.region\b")


def adapt(document: Document, provider: str | None, layers: Sequence[str] = ()) -> list[str]:
    """Adapt the configuration in place; return what was changed, in words.

    `provider` is a version such as 5.100.0, by default the one that the configuration requires; `layers` are the
    versions of layers that stand for those of the function's. Raises UsageError for a version that is none.
    """
    notes = [*_to_provider(document, provider)] if provider else []
    return list(dict.fromkeys([*notes, *_code_signing(document), *_layers(document, layers)]))


def pinned(document: Document) -> str:
    """Return the version of the AWS provider that the configuration requires; empty if any will do."""
    required = document.get("terraform", {}).get("required_providers", {}).get("aws", {})
    return str(required.get("version", ""))


def _to_provider(document: Document, provider: str) -> Iterator[str]:
    if not (found := VERSION.fullmatch(provider)):
        raise UsageError(f"PROVIDER must be a version such as 6.25.0, not {provider!r}")
    before, version = pinned(document), (int(found[1]), int(found[2]))
    if before == provider:
        return
    document["terraform"].setdefault("required_providers", {}).setdefault("aws", {"source": "aws"})["version"] = (
        provider
    )
    yield f"provider {provider} in place of {before or 'any'}"
    if version < LARGE_MESSAGES:
        for _, body in _of_types(document, {"aws_sqs_queue"}):
            if body.get("max_message_size", 0) > OLD_MAX_MESSAGE_SIZE:
                body["max_message_size"] = OLD_MAX_MESSAGE_SIZE
                yield f"queues: max_message_size {OLD_MAX_MESSAGE_SIZE}, the most that provider {provider} takes"
    if version < REGION_OF_REGION and REGION.search(text := json.dumps(document)):
        changed = json.loads(REGION.sub(r"\1.name", text))
        document.clear()
        document.update(changed)
        yield f"aws_region: name in place of region, which provider {provider} does not have"


def _code_signing(document: Document) -> Iterator[str]:
    for _, body in _of_types(document, {"aws_lambda_function"}):
        if body.pop("code_signing_config_arn", None):
            yield "functions: without code_signing_config_arn, which the embedded AWS does not have"


def _layers(document: Document, layers: Sequence[str]) -> Iterator[str]:
    for _, body in _of_types(document, {"aws_lambda_function"}):
        if body.pop("layers", None):
            if layers:
                body["layers"] = list(layers)
            yield f"functions: {'layers of this project' if layers else 'no layers'} in place of those of an account"


def _of_types(document: Document, types: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for section, type_, _, body in blocks(document):
        if section == "resource" and type_ in types:
            yield type_, body
