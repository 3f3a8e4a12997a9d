"""The page of constructs says what is so: its examples run, and its tables are what they synthesize."""

import inspect
from importlib.util import find_spec

import constructs_lib
from constructs_lib import settings

import pytest
from constructs import Construct

from tools.constructs_page import PAGE, examples, renewed, synthesized

TEXT = PAGE.read_text()
EXAMPLES = examples(TEXT)
# no constructs, but a pipeline's way in and what comes out of a wrong one
OTHERS = {"synthesize", "add_stacks", "SettingsError", "Violation"}


def test_every_public_name_has_a_section_or_is_a_setting() -> None:
    sections = {name for title in EXAMPLES for name in title.split(" and ")}
    assert set(constructs_lib.__all__) - set(settings.__all__) <= sections
    assert all(hasattr(constructs_lib, name) or name == "ServiceRole" for name in sections)


def test_every_construct_has_an_example_and_says_what_it_makes() -> None:
    for name in set(constructs_lib.__all__) - set(settings.__all__) - OTHERS - {"InferenceStack"}:
        assert len(EXAMPLES[name]) == 1, name
        assert f"<!-- what {name} makes -->\n\n| makes | named |" in TEXT, name


@pytest.mark.parametrize("title", EXAMPLES)
def test_every_example_runs(title: str) -> None:
    for example in EXAMPLES[title]:
        synthesized(example)


def test_the_tables_are_what_the_examples_synthesize() -> None:
    assert renewed(TEXT) == TEXT, "renew them: .venv/bin/python -m tools.constructs_page"


def test_a_stack_makes_nothing_but_its_pipelines() -> None:
    stack, pipeline = (synthesized(EXAMPLES[title][0])["resource"] for title in ("InferenceStack", "InferencePipeline"))
    assert {kind: len(blocks) for kind, blocks in stack.items()} == {k: len(blocks) for k, blocks in pipeline.items()}


def test_the_example_of_mistakes_says_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    synthesized(EXAMPLES["SettingsError and Violation"][0])
    assert f"```text\n{capsys.readouterr().out}```" in TEXT


def test_every_grant_is_named() -> None:
    """A public method that gives a right is in the section of its construct."""
    for name in set(constructs_lib.__all__) - set(settings.__all__) - OTHERS:
        cls = getattr(constructs_lib, name)
        assert issubclass(cls, Construct) or name == "ExistingModelEndpoint"
        section = TEXT.split(f"\n## {name}\n")[1].split("\n## ")[0]
        grants = [method for method, _ in inspect.getmembers(cls, inspect.isfunction) if method.startswith("grant_")]
        assert [grant for grant in grants if f"`{grant}`" not in section and f".{grant}(" not in section] == [], name


def test_the_provider_still_lacks_inference_components() -> None:
    assert "`AWS::SageMaker::InferenceComponent`" in TEXT
    assert find_spec("cdktf_cdktf_provider_aws.sagemaker_inference_component") is None
