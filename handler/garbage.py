"""Garbage collection waits until the init phase is over: what is made then stays, so looking through it finds nothing.

The clients alone are tens of thousands of objects, and a full collection would fall into most cold starts.
"""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()


def init_is_over() -> None:
    """Collect from now on, and never look again through what is there already."""
    gc.freeze()
    gc.enable()
