"""Write docs/control-plane.md from the rules of the control plane: `python -m tools.rules_table`."""

from pathlib import Path

from local.control_plane import Rule

PAGE = Path(__file__).parents[1] / "docs" / "control-plane.md"
HEAD = """# The control plane

`make demo` creates models, endpoints, what scales them and what watches them on a stand-in for SageMaker, Application
Auto Scaling and CloudWatch, [`local/control_plane/`](../local/control_plane). It refuses what AWS refuses, with AWS's
error codes, and its endpoints take their time through AWS's states. These are its rules, written by
`python -m tools.rules_table`; a test breaks each. Where somebody has quoted AWS's refusal, its words are the same;
where nobody has, code and status are AWS's, and the words are ours.

The last two AWS lets pass, although they break what runs: the control plane does, too, and records them.

What it does not do: ask for signatures or rights, scale, measure, or score. No policy acts, no alarm changes its state.

| rule | stated in | quoted in |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(_row(rule) for rule in Rule)


def _row(rule: Rule) -> str:
    statement = rule.value
    quoted = f"[{_title(statement.quoted_in)}]({statement.quoted_in})" if statement.quoted_in else ""
    return f"| {statement.says} | [{_title(statement.source)}]({statement.source}) | {quoted} |\n"


def _title(address: str) -> str:
    """Return the page's name, or an issue's repository and number."""
    parts = address.split("/")
    if parts[-2] in ("issues", "pull"):
        return f"{parts[-3]} {parts[-1]}"
    return parts[-1].removesuffix(".html")


if __name__ == "__main__":
    PAGE.write_text(page())
