"""What the entry points have in common."""

import functools
import logging
import os
from collections.abc import Callable
from typing import Protocol, TypeVar

from .garbage import init_is_over
from .settings import HandlerSettings

T = TypeVar("T")


class Context(Protocol):
    """What is used of Lambda's context object."""

    @property
    def function_name(self) -> str: ...

    @property
    def invoked_function_arn(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


def once_a_sandbox(make: Callable[[HandlerSettings], T]) -> Callable[[], T]:
    """Return a function that makes it from the environment on its first call, and returns the same on each.

    On Lambda it is made at once: the init phase has a full processor.
    """

    @functools.cache
    def made() -> T:
        settings = HandlerSettings.from_environment(os.environ)
        logging.getLogger(__package__).setLevel(settings.log_level)
        for library in ("boto3", "botocore", "urllib3"):
            logging.getLogger(library).setLevel(logging.WARNING)  # their other lines may hold bodies
        return make(settings)

    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        made()
        init_is_over()
    return made
