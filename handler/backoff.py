"""Visibility timeouts of returned records: they depend on the fault and on the receive count, not on the queue."""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .clients import UnreadableAnswerError, call_once
from .faults import TREATMENTS, Fault, jittered_seconds
from .records import Record

logger = logging.getLogger(__name__)

# SQS: ChangeMessageVisibilityBatch
MAX_ENTRIES = 10


def pause_seconds(fault: Fault, receive_count: int) -> int:
    """Return how long a record stays hidden: the fault's floor, and full jitter over its base, doubled each receive."""
    treatment = TREATMENTS[fault]
    return round(treatment.backoff_floor_seconds + jittered_seconds(treatment.backoff_base_seconds, receive_count))


class VisibilityBackoff:
    """Sets the visibility timeout of returned records. If that fails, the queue's own timeout applies."""

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def hide(self, returned: Mapping[Record, Fault], pool: ThreadPoolExecutor, until: float) -> bool:
        """Hide each record for its pause; `until` is the moment of the monotonic clock after which none is waited for.

        Return whether every call has returned, so that no thread of the pool is busy. Errors are logged.
        """
        if not self._queue_url or time.monotonic() >= until:
            return True
        pauses: dict[str, int] = {}  # of a message group, the longest: no record may come before the failed one
        for record, fault in returned.items():
            key, pause = record.group or record.message_id, pause_seconds(fault, record.receive_count)
            pauses[key] = max(pause, pauses.get(key, 0))
        entries = [
            {
                "Id": str(number),
                "ReceiptHandle": record.receipt_handle,
                "VisibilityTimeout": pauses[record.group or record.message_id],
            }
            for number, record in enumerate(returned)
        ]
        chunks = (entries[start : start + MAX_ENTRIES] for start in range(0, len(entries), MAX_ENTRIES))
        calls = [pool.submit(self._hide, chunk, until) for chunk in chunks]
        return not wait(calls, timeout=max(0.0, until - time.monotonic())).not_done

    def _hide(self, entries: list[dict[str, Any]], until: float) -> None:
        if time.monotonic() >= until:
            return
        try:
            answer = call_once(self._client.change_message_visibility_batch, QueueUrl=self._queue_url, Entries=entries)
        except (ClientError, BotoCoreError, UnreadableAnswerError) as error:
            logger.error("visibility timeout not changed: %s", error)
            return
        for failure in answer.get("Failed", []):
            logger.warning("visibility timeout not changed: %s", failure.get("Message") or failure.get("Code"))
