"""The synthesized Terraform JSON: its resources in the order of their creation, with references resolved."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Self

from local.errors import LocalRunError, UsageError

# Either an escaped `$${`, `%%{`, which stands for itself, or an expression `${…}`, `%{…}`. One that is not closed
# matches up to the end of the text. Without that, each of many would be searched to the end, in quadratic time.
EXPRESSION = re.compile(r"([$%])\1\{|([$%])\{([^}]*)(\}|\Z)")
SHOWN_CHARACTERS = 100
REFERENCE = re.compile(
    r"((?:data\.)?[a-z][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_-]*)\.([a-z][a-z0-9_]*)((?:\[\d+\]|\.[a-z][a-z0-9_]*)*)"
)
# A step into a list or a block of an attribute.
STEP = re.compile(r"\[(\d+)\]|\.([a-z][a-z0-9_]*)")
# The end of a name that Terraform makes from values (constructs_lib.core.naming): of things that are not made here.
DIGITS = re.compile(r"substr\(nonsensitive\(sha256\(jsonencode\(local\.[\w-]+\)\)\), 0, 8\)")
MAPPING = "aws_lambda_event_source_mapping"
# A resource in Terraform's state alone, that others are replaced with: nothing of AWS.
TERRAFORMS_OWN = "terraform_data"
META_ARGUMENTS = {"//", "depends_on", "lifecycle", "provider"}
UNSUPPORTED_ARGUMENTS = {"connection", "count", "dynamic", "for_each", "provisioner"}

# What brings one pipeline's results to another one's queue, and what that is attached to.
LINKS = ("aws_sns_topic_subscription", "aws_cloudwatch_event_rule", "aws_cloudwatch_event_target")
SOURCES = ("aws_sns_topic", "aws_cloudwatch_event_bus")

Attributes = Mapping[str, Any]


class TemplateError(LocalRunError):
    """The template has a part that the local run can't read."""


@dataclass(frozen=True)
class Block:
    """A resource or data source."""

    address: str
    """Its address in Terraform: `aws_sqs_queue.name` or `data.aws_partition.name`."""
    type: str
    """For instance `aws_sqs_queue`; `data.aws_partition` for a data source."""
    arguments: Attributes
    """Without Terraform's meta-arguments; references unresolved."""
    depends_on: Sequence[str] = ()
    part: str = ""
    """The construct in the stack that it belongs to; a pipeline's has the pipeline's name."""
    comment: Attributes = field(default_factory=dict)
    """The content of `//`, which Terraform does not read."""

    @property
    def dependencies(self) -> list[str]:
        """Addresses of the blocks that must exist first."""
        return list(dict.fromkeys([*self.depends_on, *(address for address, _ in references(self.arguments))]))


@dataclass(frozen=True)
class Template:
    """One stack."""

    path: Path
    stack: str
    region: str
    tags: Mapping[str, str] = field(default_factory=dict)
    """Default tags of the provider, which go on every resource that takes tags."""
    blocks: Mapping[str, Block] = field(default_factory=dict)
    """By address."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `cdk.tf.json`. Raises UsageError if it can't be read, TemplateError if it is not one."""
        try:
            document = json.loads(path.read_bytes())
            provider = _block_body(document["provider"]["aws"])
            region = provider["region"]
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        except (ValueError, LookupError, TypeError) as error:
            raise TemplateError(f"{path} is not a synthesized stack with an AWS provider: {error!r}") from error
        tags = _block_body(provider.get("default_tags", {})).get("tags", {})
        stack = document.get("//", {}).get("metadata", {}).get("stackName", path.parent.name)
        blocks = {block.address: block for block in _blocks(document)}
        return cls(path=path, stack=stack, region=region, tags=tags, blocks=blocks)

    def of_pipeline(self, name: str | None) -> Self:
        """Return the template of this pipeline and of those that its results feed, without the others.

        Raises UsageError if there is none of this name, or if without a name there are several to begin with.
        """
        pipelines, feeds = [block.part for block in self.of_type(MAPPING)], self.feeds()
        first = [pipeline for pipeline in pipelines if pipeline not in feeds]
        choice = f"the stack {self.stack} has {', '.join(sorted(pipelines))}"
        if name is None and len(first) > 1:
            raise UsageError(f"--pipeline must name one: {choice}")
        if name is not None and name not in pipelines:
            raise UsageError(f"there is no pipeline {name}; {choice}")
        if name is None:
            return self
        others = {pipeline for pipeline in pipelines if name not in _way_back(pipeline, feeds)}
        kept = {key: block for key, block in self.blocks.items() if block.part not in others}
        # Of a pipeline that another one feeds, what leads to it from there.
        return replace(
            self,
            blocks={
                key: block
                for key, block in kept.items()
                if block.type not in LINKS or all(address in kept for address in block.dependencies)
            },
        )

    def feeds(self) -> dict[str, str]:
        """Return by pipeline the one whose results come to its queue, for those that have one."""
        feeds = {link.part: source.part for link, source in self.links()}
        for block in self.of_type("aws_lambda_function"):
            target = block.arguments.get("environment", {}).get("variables", {}).get("RESULT_TARGET", "")
            for queue in self._named([address for address, _ in references(target)], ("aws_sqs_queue",)):
                if queue.part != block.part:
                    feeds[queue.part] = block.part
        return feeds

    def followers(self) -> dict[str, list[Attributes]]:
        """Return by pipeline what each of those that it feeds takes of its results: a pattern of the event, or all."""
        patterns = {link.part: pattern for link, _ in self.links() if (pattern := _pattern(link))}
        followers: dict[str, list[Attributes]] = {}
        for follower, pipeline in self.feeds().items():
            followers.setdefault(pipeline, []).append(patterns.get(follower, {}))
        return followers

    def links(self) -> Iterator[tuple[Block, Block]]:
        """Yield what leads to a pipeline's queue from another pipeline's topic or bus, with the latter."""
        for link in (block for type_ in LINKS for block in self.of_type(type_)):
            for source in self._named(link.dependencies, SOURCES):
                if source.part != link.part:
                    yield link, source

    def _named(self, addresses: Sequence[str], types: Sequence[str]) -> Iterator[Block]:
        named = (self.blocks[address] for address in addresses if address in self.blocks)
        return (block for block in named if block.type in types)

    def ordered(self) -> list[Block]:
        """Return the blocks, each after those it refers to. Raises TemplateError if that is not possible."""
        for block in self.blocks.values():
            for address in block.dependencies:
                if address not in self.blocks:
                    raise TemplateError(f"{block.address} refers to {address}, which is not in the template")
        graph = {address: block.dependencies for address, block in self.blocks.items()}
        try:
            return [self.blocks[address] for address in TopologicalSorter(graph).static_order()]
        except CycleError as error:
            raise TemplateError("these refer to each other in a circle: " + ", ".join(error.args[1])) from error

    def of_type(self, type_: str) -> list[Block]:
        return [block for block in self.blocks.values() if block.type == type_]


def _pattern(link: Block) -> Attributes:
    """Return the pattern of a result that a link lets through, which says more than that it is a result."""
    if link.type == "aws_cloudwatch_event_rule":
        rule: Attributes = json.loads(link.arguments.get("event_pattern") or "{}")
        return dict(rule.get("detail", {}))
    policy: Attributes = json.loads(link.arguments.get("filter_policy") or "{}")
    return {name: values for name, values in policy.items() if name != "type"}


def _way_back(pipeline: str, feeds: Mapping[str, str]) -> list[str]:
    """Return the pipeline and those before it in its chain."""
    way = [pipeline]
    while way[-1] in feeds:
        way.append(feeds[way[-1]])
    return way


def resolve(value: Any, attributes: Mapping[str, Attributes]) -> Any:
    """Return the value with each reference replaced; `attributes` are the blocks' by address.

    Raises TemplateError for an attribute that is not known, and for any other expression.
    """
    if isinstance(value, Mapping):
        return {key: resolve(item, attributes) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, attributes) for item in value]
    if not isinstance(value, str):
        return value
    if (whole := EXPRESSION.fullmatch(value)) and not whole[1]:
        return _look_up(whole, attributes)  # keeps its type: a number stays one
    return EXPRESSION.sub(lambda found: _substitute(found, attributes), value)


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Yield address and attribute of each reference in the value. Raises TemplateError for any other expression."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, str):
        for found in EXPRESSION.finditer(value):
            if not found[1] and not DIGITS.fullmatch(found[3]):
                yield _parse(found)[:2]


def _substitute(found: re.Match[str], attributes: Mapping[str, Attributes]) -> str:
    return found[0][1:] if found[1] else str(_look_up(found, attributes))


def _look_up(found: re.Match[str], attributes: Mapping[str, Attributes]) -> Any:
    if DIGITS.fullmatch(found[3]):
        return hashlib.sha256(found[3].encode()).hexdigest()[:8]
    address, name, steps = _parse(found)
    try:
        value = attributes[address][name]
        for number, key in STEP.findall(steps):
            value = value[int(number)] if number else value[key]
    except (LookupError, TypeError) as error:
        raise TemplateError(f"the local run does not know {found[0]}") from error
    return value


def _parse(found: re.Match[str]) -> tuple[str, str, str]:
    """Return address, attribute, and the steps into it."""
    reference = REFERENCE.fullmatch(found[3]) if found[4] else None
    if found[2] != "$" or reference is None:
        raise TemplateError(f"the local run cannot evaluate the expression {found[0][:SHOWN_CHARACTERS]}")
    return reference[1], reference[2], reference[3]


def _blocks(document: Mapping[str, Any]) -> Iterator[Block]:
    for section, prefix in (("data", "data."), ("resource", "")):
        for type_, named in document.get(section, {}).items():
            if type_ == TERRAFORMS_OWN:
                continue
            for name, body in named.items():
                address = f"{prefix}{type_}.{name}"
                if unsupported := sorted(UNSUPPORTED_ARGUMENTS & body.keys()):
                    raise TemplateError(f"{address}: the local run does not know {', '.join(unsupported)}")
                arguments = {key: value for key, value in body.items() if key not in META_ARGUMENTS}
                comment = body.get("//", {})
                path = comment.get("metadata", {}).get("path", "").split("/")
                part = path[1] if len(path) > 1 else ""
                yield Block(address, f"{prefix}{type_}", arguments, body.get("depends_on", []), part, comment)


def _block_body(value: Any) -> Any:
    """Return the block, which Terraform JSON may write as an object or as a list of objects."""
    return value[0] if isinstance(value, list) else value
