"""Tests that break a rule, and the record of which rules have one."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.control_plane import Rule
from tests.local.control_plane.conftest import Account

BROKEN: set[Rule] = set()
Test = Callable[..., None]


def breaks(rule: Rule, message: str, *, code: str = "ValidationException") -> Callable[[Test], Test]:
    """Have a test pass if its last call is refused by the rule, with this code and this text."""
    BROKEN.add(rule)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(account: Account, **fixtures: Any) -> None:
            with pytest.raises(ClientError) as refused:
                test(account, **fixtures)
            error = refused.value.response["Error"]
            assert error == {"Code": code, "Message": message}, f"it was refused with {error}"
            assert account.plane.events[-1].rule is rule, "another rule refused it, or the refusal was not noted"

        return run

    return decorate


def records(rule: Rule, *details: str) -> Callable[[Test], Test]:
    """Have a test pass if what it does is let pass, and recorded as violations of the rule with these details."""
    BROKEN.add(rule)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(account: Account, **fixtures: Any) -> None:
            test(account, **fixtures)
            found = [(violation.rule, violation.detail) for violation in account.plane.violations]
            assert found == [(rule, detail) for detail in details], f"violations: {found}"

        return run

    return decorate
