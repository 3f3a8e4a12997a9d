"""Parts that both entry points share: Lambda's context, and objects that are created once per sandbox."""

import functools
import logging
import os
from collections.abc import Callable
from typing import Protocol, TypeVar

from .garbage import init_is_over
from .settings import HandlerSettings

T = TypeVar("T")


class Context(Protocol):
    """The part of Lambda's context object that the handler uses."""

    @property
    def function_name(self) -> str: ...

    @property
    def invoked_function_arn(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


def account_of(context: Context) -> str:
    """Return the account that the function is in; nothing if its ARN does not say so."""
    return f"{context.invoked_function_arn}:::::".split(":")[4]


def once_a_sandbox(create: Callable[[HandlerSettings], T]) -> Callable[[], T]:
    """Return a function that creates an object from the environment on its first call, and returns the same on each.

    On Lambda it is created right away, because the init phase has a full processor. Raises ConfigurationError if the
    environment is not usable.
    """

    @functools.cache
    def created() -> T:
        settings = HandlerSettings.from_environment(os.environ)
        logging.getLogger(__package__).setLevel(settings.log_level)
        for library in ("boto3", "botocore", "urllib3"):
            logging.getLogger(library).setLevel(logging.WARNING)  # their lines of lower levels may contain bodies
        return create(settings)

    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        created()
        init_is_over()
    return created
