"""Each rule of the control plane names its page, and has a test that breaks it."""

from urllib.parse import urlsplit

import pytest

from local.control_plane import Rule
from tests.local.control_plane import test_cloudwatch, test_deployments, test_endpoints, test_models, test_scaling
from tests.local.control_plane.breaking import BROKEN

MODULES = test_cloudwatch, test_deployments, test_endpoints, test_models, test_scaling
SOURCES = "docs.aws.amazon.com", "github.com"


def test_each_rule_has_a_test_that_breaks_it() -> None:
    assert MODULES, "their import fills the record"
    assert {rule.name for rule in Rule} - {rule.name for rule in BROKEN} == set()


@pytest.mark.parametrize("rule", list(Rule), ids=lambda rule: rule.name)
def test_each_rule_says_one_thing_and_names_its_page(rule: Rule) -> None:
    for page in filter(None, (rule.value.source, rule.value.quoted_in)):
        address = urlsplit(page)
        assert (address.scheme, address.hostname in SOURCES, len(address.path) > 10) == ("https", True, True)
    assert rule.value.says.strip(" .") == rule.value.says


def test_no_two_rules_say_the_same() -> None:
    assert len({rule.value.says for rule in Rule}) == len(Rule)
