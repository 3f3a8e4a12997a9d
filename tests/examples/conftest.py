import importlib
import json
from collections.abc import Callable

from constructs_lib import InferenceStack

import pytest
from cdktf import Testing

from tests.constructs.synthesized import Synthesized

Example = Callable[[str], Synthesized]


@pytest.fixture(scope="session")
def example() -> Example:
    """Synthesize the only stack of the example of this name."""

    def synth(name: str) -> Synthesized:
        ((stack, settings),) = importlib.import_module(f"examples.{name}").STACKS.items()
        return Synthesized(json.loads(Testing.synth(InferenceStack(Testing.app(), stack, settings), True)))

    return synth
