"""Renew the tables of docs/constructs.md from the output of its examples: `python -m tools.constructs_page`."""

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import constructs_lib  # noqa: F401 - first: it makes importing cdktf fast

from cdktf import TerraformStack, Testing
from cdktf_cdktf_provider_aws.provider import AwsProvider

PAGE = Path(__file__).parents[1] / "docs" / "constructs.md"
SECTION = re.compile(r"^## (?P<title>.+)\n(?P<text>(?:(?!^## ).*\n?)*)", re.MULTILINE)
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
TABLES = re.compile(r"(<!-- what (\w+) makes -->\n).*?(<!-- end -->)", re.DOTALL)

Document = Mapping[str, Any]


def renewed(page: str) -> str:
    """Return the page with the tables of each section renewed from the section's example."""

    def section(match: re.Match[str]) -> str:
        text = match["text"]
        if not TABLES.search(text):
            return match[0]
        (example,) = EXAMPLE.findall(text)
        return f"## {match['title']}\n" + TABLES.sub(
            lambda m: m[1] + "\n".join(tables(example, m[2])) + "\n" + m[3], text
        )

    return SECTION.sub(section, page)


def examples(page: str) -> dict[str, list[str]]:
    """Return the examples of each section by its title."""
    return {match["title"]: EXAMPLE.findall(match["text"]) for match in SECTION.finditer(page)}


def tables(example: str, construct: str) -> Iterator[str]:
    """Yield the tables of the resources that the example creates from its first call of the construct on."""
    body = ast.parse(example).body
    first = next(i for i, statement in enumerate(body) if f"{construct}(" in ast.unparse(statement))
    before, after = synthesized(ast.unparse(ast.Module(body[:first], []))), synthesized(example)
    resources = list(_resources(before, after))
    yield "\n| makes | named |\n|---|---|"
    for kind in sorted({kind for kind, _, _ in resources}):
        names = dict.fromkeys(_name(after, id_, block) for other, id_, block in resources if other == kind)
        yield f"| `{kind}` | {', '.join(f'`{name}`' for name in names)} |"
    rights = [row for kind, id_, block in resources for row in _rights(after, kind, id_, block)]
    if rights:
        yield "\n| who | may | on | if |\n|---|---|---|---|"
        yield from rights
    yield ""


def synthesized(example: str) -> Document:
    """Return the Terraform JSON of an example: of the `stack` that it is given, or of its own one."""
    app = Testing.app()
    stack = TerraformStack(app, "plain")
    AwsProvider(stack, "aws")
    namespace: dict[str, Any] = {"app": app, "stack": stack}
    exec(compile(example, PAGE.name, "exec"), namespace)  # noqa: S102 - a page of this project
    document: Document = json.loads(Testing.synth(namespace["stack"], True))
    return document


def _resources(before: Document, after: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield type, logical id and block of each resource that only the second document has."""
    for kind, blocks in after.get("resource", {}).items():
        for id_, block in blocks.items():
            if id_ not in before.get("resource", {}).get(kind, {}):
                yield kind, id_, block


def _name(document: Document, id_: str, block: Document) -> str:
    """Return the name that the resource has in AWS, or else its address in Terraform without the hash."""
    names = ("name", "name_prefix", "function_name", "alarm_name", "dashboard_name")
    named = next((block[name] for name in names if name in block and "${aws_" not in block[name]), None)
    return re.sub(r"-[0-9a-f]{8}-?$", "-HASH", _readable(document, named or re.sub(r"_[0-9A-F]{8}$", "", id_)))


def _rights(document: Document, kind: str, id_: str, block: Document) -> Iterator[str]:
    """Yield a row for each statement of the policies in a resource."""
    match kind:
        case "aws_iam_role":
            on = f"role `{_name(document, id_, block)}`"
            for statement in json.loads(block["assume_role_policy"])["Statement"]:
                yield _row(document, _principal(statement), statement, on)
        case "aws_iam_role_policy":
            for statement in json.loads(block["policy"])["Statement"]:
                yield _row(document, f"role `{_readable(document, block['role'])}`", statement)
        case "aws_sqs_queue_policy" | "aws_sns_topic_policy":
            for statement in json.loads(block["policy"])["Statement"]:
                yield _row(document, _principal(statement), statement)
        case _:
            pass


def _principal(statement: Document) -> str:
    principal = statement["Principal"]
    return "anyone" if principal == "*" else f"`{principal['Service']}`"


def _row(document: Document, who: str, statement: Document, on: str = "") -> str:
    actions, resources = _each(statement["Action"]), _each(statement.get("Resource", []))
    may = ", ".join(f"`{action}`" for action in actions)
    on = on or ", ".join(f"`{_readable(document, resource)}`" for resource in resources)
    conditions = "; ".join(
        f"`{key}` is {' or '.join(f'`{_readable(document, one)}`' for one in _each(value))}"
        for tests in statement.get("Condition", {}).values()
        for key, value in tests.items()
    )
    return f"| {who} | {'**not** ' if statement['Effect'] == 'Deny' else ''}{may} | {on} | {conditions} |"


def _each(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _readable(document: Document, text: str) -> str:
    """Return the text with readable references, and ARNs without their common beginning."""
    for kind, attribute, word in (
        ("aws_partition", "partition", "PARTITION"),
        ("aws_caller_identity", "account_id", "ACCOUNT"),
        ("aws_region", "region", "REGION"),
    ):
        for name in document.get("data", {}).get(kind, {}):
            text = text.replace(f"${{data.{kind}.{name}.{attribute}}}", word)
    text = re.sub(r"\$\{data\.aws_sagemaker_prebuilt_ecr_image\.\w+\.registry_id\}", "REGISTRY", text)
    for reference, kind, id_ in re.findall(r"(\$\{(\w+)\.(\w+)\.name\})", text):
        text = text.replace(reference, _name(document, id_, document["resource"][kind][id_]))
    return re.sub(r"^arn:PARTITION:(\w+):(?:REGION|[a-z]+-[a-z]+-\d)?:(?:ACCOUNT)?:", r"\1 ", text)


def main() -> None:
    page = PAGE.read_text()
    new = renewed(page)
    PAGE.write_text(new)
    sys.stdout.write(f"docs/constructs.md: {'renewed' if new != page else 'up to date'}\n")


if __name__ == "__main__":
    main()
