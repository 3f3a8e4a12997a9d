"""The `batch_size` of requests to a transformers pipeline, which else scores the inputs of a request one by one."""

import logging
import threading
from collections import Counter
from collections.abc import Sequence

from ..records import Target
from .base import Item

logger = logging.getLogger(__name__)

# Texts of a language of letters have about four characters a token.
BYTES_PER_TOKEN = 4
# Inputs of one batch are padded to the longest. What a batch saves is a forward pass for each input, which takes as
# long as 30 to 45 tokens more do: a model of 66 million parameters on two processors, and a smaller one on one. So a
# batch is worth it as long as the padding is less than that for each input (docs/benchmarks.md, batched-inside).
MAX_PADDING_TOKENS = 24
# Parts of the errors of pipelines that can't put inputs into a batch: a tokenizer without a pad token (transformers,
# pipelines/base.py, pad_collate_fn), or a program of one's own that does not know the parameter.
REFUSALS = ("pad_token", "padding token", "batch_size")
# A batch fails for a bad record too. So often it is tried without a batch_size before that is taken for the cause.
MAX_TRIALS = 3
MAX_PARAMETER_BYTES = len(',"parameters":{"batch_size":10000}')


def estimated_tokens(item: Item) -> int:
    """Return about how many tokens the item's input has."""
    return -(-item.size // BYTES_PER_TOKEN)


def with_batch_size(request: bytes, group_key: str, size: int) -> bytes:
    """Return a request with a batch size among its parameters, which `group_key` has; as it is, if they name their own.

    Also as it is if the size is 0.
    """
    if not size or '"batch_size":' in group_key:
        return request
    if not group_key:
        return request[:-1] + f',"parameters":{{"batch_size":{size}}}}}'.encode()
    return request[:-2] + f',"batch_size":{size}}}}}'.encode()


class BatchSize:
    """Knowledge of a sandbox about the models' batches, by target: one that refuses them gets none any more."""

    def __init__(self) -> None:
        self._works: set[Target] = set()
        self._refuses: set[Target] = set()
        self._on_trial: set[Target] = set()
        self._trials: Counter[Target] = Counter()
        self._thread = threading.local()

    def of(self, items: Sequence[Item]) -> int:
        """Return the batch size for a request; 0 if its inputs are to be scored one by one.

        That is so for inputs of unlike length, and for a model that refuses batches, or may do so.
        """
        target = items[0].target
        if items[0] is items[-1] or target in self._refuses or target in self._on_trial:
            return 0
        lengths = [estimated_tokens(item) for item in items]
        padding = len(lengths) * max(lengths) - sum(lengths)
        return len(items) if padding <= MAX_PADDING_TOKENS * len(lengths) else 0

    def use(self, items: Sequence[Item]) -> int:
        """Return the batch size for the request that this thread is about to send, for `used` to tell."""
        self._thread.size = size = self.of(items)
        return size

    def used(self) -> bool:
        """Whether the request that this thread has sent had a batch size.

        What is known of the target may have changed since it was encoded, so it can't be asked for anew.
        """
        size: int = getattr(self._thread, "size", 0)
        self._thread.size = 0
        return size > 0

    def worked(self, target: Target) -> None:
        """Remember that a request with a batch size succeeded."""
        self._works.add(target)
        self._on_trial.discard(target)

    def goes_without(self, target: Target, detail: str) -> bool:
        """Whether a request that failed with a batch size is worth sending again without; later ones then go so too.

        `detail` is the request's error. Unless it names the batch, this is a trial, which `tried` ends.
        """
        if target in self._refuses or target in self._on_trial:
            return True  # it was on its way
        if target in self._works:
            return False
        if any(refusal in detail for refusal in REFUSALS):
            self._give_up(target, detail)
        elif self._trials[target] < MAX_TRIALS:
            self._trials[target] += 1
            self._on_trial.add(target)
        else:
            return False
        return True

    def tried(self, target: Target, *, succeeded: bool, detail: str) -> None:
        """Remember the outcome of a request that was sent again without a batch size; `detail` is its first error."""
        if target not in self._on_trial:
            return
        if succeeded:
            self._give_up(target, detail)
        self._on_trial.discard(target)

    def _give_up(self, target: Target, detail: str) -> None:
        self._refuses.add(target)
        logger.warning("the model refuses a batch_size; its inputs are scored one by one from now on: %s", detail)
