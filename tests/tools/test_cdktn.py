"""The move to CDK Terrain: which lines it changes, and which differences it finds. `make cdktn` runs it."""

import pytest

from tools.cdktn import Difference, differences, renamed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from cdktf import App, Token\n", "from cdktn import App, Token\n"),
        ("import cdktf\n", "import cdktn\n"),
        (
            "    from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue\n",
            "    from cdktn_provider_aws.sqs_queue import SqsQueue\n",
        ),
        ("import cdktf_cdktf_provider_aws as aws\n", "import cdktn_provider_aws as aws\n"),
        ("stack: cdktf.TerraformStack\n", "stack: cdktn.TerraformStack\n"),
        ("# into cdktf.out, as cdktf does: see cdktf.json\n", "# into cdktf.out, as cdktf does: see cdktf.json\n"),
        ("from cdktf_other import x\nimport cdktfs\n", "from cdktf_other import x\nimport cdktfs\n"),
    ],
)
def test_imports_are_renamed_and_words_are_not(before: str, after: str) -> None:
    assert renamed(before) == after


def test_each_value_that_differs_is_found() -> None:
    before = {"a": {"b": 1, "c": [1, {"d": 2}]}, "e": 3, "f": [1]}
    after = {"a": {"b": 1, "c": [1, {"d": 4}]}, "f": [1, 2], "g": 5}
    assert list(differences(before, after)) == [
        Difference("a.c[1].d", 2, 4),
        Difference("e", 3, None),
        Difference("f", [1], [1, 2]),
        Difference("g", None, 5),
    ]
    assert str(Difference("a.b", 1, 2)) == "a.b: 1 -> 2"
    assert list(differences(before, before)) == []
