"""Write docs/control-plane.md from the rules of the control plane: `python -m tools.rules_table`."""

from pathlib import Path

from local.control_plane import Rule

PAGE = Path(__file__).parents[1] / "docs" / "control-plane.md"
HEAD = """# The control plane

`make demo` creates models, endpoints, what scales them and what watches them on a stand-in for SageMaker, Application
Auto Scaling and CloudWatch, [`local/control_plane/`](../local/control_plane). It refuses what AWS refuses, with AWS's
error codes, and its endpoints take their time through AWS's states. These are its rules, written by
`python -m tools.rules_table`; a test breaks each. Where the page quotes AWS's text, so does the refusal; where AWS
publishes none, the words are ours.

The last two AWS lets pass, although they break what runs: the control plane does, too, and records them.

What it does not do: ask for signatures or rights, scale, measure, or score. No policy acts, no alarm changes its state.

| rule | AWS's own text | stated in |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(_row(rule) for rule in Rule)


def _row(rule: Rule) -> str:
    says, source = rule.value.says, rule.value.source
    title = source.rpartition("/")[2].removesuffix(".html")
    where = f"provider's {source.split('/')[-2]} {title}" if "/issues/" in source or "/pull/" in source else title
    return f"| {says} | {'yes' if rule.value.quoted else ''} | [{where}]({source}) |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
