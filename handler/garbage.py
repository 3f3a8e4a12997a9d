"""Garbage collection is paused during the init phase: nearly all objects created then are kept for good.

The clients alone are tens of thousands of objects. Without the pause, most cold starts would contain a full collection
that frees nothing.
"""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()


def init_is_over() -> None:
    """Resume collection, and exclude all existing objects from it."""
    gc.freeze()
    gc.enable()
