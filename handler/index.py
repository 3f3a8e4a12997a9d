"""The function's entry point: a batch of SQS records in, the records to be delivered again out."""

from collections.abc import Mapping
from typing import Any

from . import garbage  # noqa: F401 - first: it pauses collection for the imports below
from .batch import BatchInference
from .entry import Context, once_a_sandbox
from .records import BatchResponse

_inference = once_a_sandbox(BatchInference)


def handler(event: Mapping[str, Any], context: Context) -> BatchResponse:
    """Lambda's entry point."""
    return _inference().process(event, context)
