"""A DynamoDB table that remembers results, by their events' ids, so that a record delivered twice is scored once."""

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from .clients import UnreadableAnswerError, call_once, new_client
from .faults import Fault
from .records import Record, Result
from .settings import ConfigurationError, HandlerSettings

logger = logging.getLogger(__name__)

# DynamoDB: 25 requests in one BatchWriteItem; 400 KB an item, less what is around the result.
MAX_WRITES = 25
MAX_RESULT_BYTES = 380_000
_MISCONFIGURED = {"ResourceNotFoundException", "AccessDeniedException", "UnrecognizedClientException"}


class Claim(NamedTuple):
    """The table's answer for one record."""

    is_ours: bool = False
    """Whether this invocation is to score the record."""
    fault: Fault | None = None
    """Reason why it can't be scored now. Without a fault, and if not ours, the record was scored before."""
    result: Result = Result(None)


class Memory:
    """Claims records before they are scored, and remembers their results until they expire.

    A claim expires with the invocation, so that the records of a function that was killed can be scored again. If the
    table fails after a record was scored, the record may be scored twice; it is never lost.
    """

    def __init__(self, settings: HandlerSettings) -> None:
        self._table = settings.idempotency_table
        self._retention_seconds = settings.idempotency_seconds
        self._client = new_client("dynamodb", total_max_attempts=2)

    def claim(
        self, records: Sequence[Record], seconds: float, pool: ThreadPoolExecutor, until: float
    ) -> dict[str, Claim]:
        """Claim records for so many seconds; return the claims by message id.

        A claim that is not answered until this moment of the monotonic clock has the fault DEADLINE.

        Raises ConfigurationError if the table does not exist or may not be used.
        """
        answers = {record.message_id: pool.submit(self._claim, record, seconds) for record in records}
        wait(answers.values(), timeout=max(0.0, until - time.monotonic()))
        late = Claim(fault=Fault.DEADLINE)
        return {id_: answer.result() if answer.done() else late for id_, answer in answers.items()}

    def remember(self, results: Mapping[str, Result], pool: ThreadPoolExecutor, until: float) -> list[Future[None]]:
        """Write results, by the ids of their events, in the background; those too large, or nested too deeply, for an
        item are left out.
        """
        expires = {"N": str(int(time.time()) + self._retention_seconds)}
        items = (
            {"id": {"S": id_}, "result": {"S": text}, "expires_at": expires, **_request_of(result)}
            for id_, result in results.items()
            if 0 < len(text := _text(result.value)) <= MAX_RESULT_BYTES
        )
        return self._write(({"PutRequest": {"Item": item}} for item in items), pool, until)

    def release(self, ids: Iterable[str], pool: ThreadPoolExecutor, until: float) -> list[Future[None]]:
        """Delete claims in the background, so that the records can be claimed again."""
        return self._write(({"DeleteRequest": {"Key": {"id": {"S": id_}}}} for id_ in ids), pool, until)

    def _claim(self, record: Record, seconds: float) -> Claim:
        now = int(time.time())
        try:
            call_once(
                self._client.put_item,
                TableName=self._table,
                Item={
                    "id": {"S": record.event_id},
                    "claimed_until": {"N": str(now + int(seconds) + 1)},
                    "expires_at": {"N": str(now + self._retention_seconds)},
                },
                # TTL deletes items late, so the condition checks for expired ones itself.
                ConditionExpression="attribute_not_exists(id) OR expires_at < :now OR claimed_until < :now",
                ExpressionAttributeValues={":now": {"N": str(now)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "ConditionalCheckFailedException":
                return _remembered(error.response)
            if code in _MISCONFIGURED:
                raise ConfigurationError(f"table {self._table}: {error}") from error
            logger.warning("record not claimed: %s", error)
        except (BotoCoreError, UnreadableAnswerError) as error:
            logger.warning("record not claimed: %s", error)
        else:
            return Claim(is_ours=True)
        return Claim(fault=Fault.IDEMPOTENCY_UNAVAILABLE)

    def _write(
        self, requests: Iterable[Mapping[str, Any]], pool: ThreadPoolExecutor, until: float
    ) -> list[Future[None]]:
        everything = list(requests)
        chunks = (everything[start : start + MAX_WRITES] for start in range(0, len(everything), MAX_WRITES))
        return [pool.submit(self._write_chunk, chunk, until) for chunk in chunks]

    def _write_chunk(self, requests: Sequence[Mapping[str, Any]], until: float) -> None:
        """Write once, and once more what was not processed. A claim that is not deleted expires by itself."""
        if time.monotonic() >= until:
            return  # by then the records may belong to another invocation
        pending: Mapping[str, Any] = {self._table: requests}
        try:
            for _ in range(2):
                answer = call_once(self._client.batch_write_item, RequestItems=pending)
                pending = answer.get("UnprocessedItems", {})
                if not pending:
                    return
            logger.warning("%d results or claims not written", sum(map(len, pending.values())))
        except (ClientError, BotoCoreError, UnreadableAnswerError) as error:
            logger.warning("results or claims not written: %s", error)


def _remembered(response: Mapping[str, Any]) -> Claim:
    """Return the claim for a record that is in the table: with its result, or in progress elsewhere."""
    item = response.get("Item", {})
    if not (result := item.get("result")):
        return Claim(fault=Fault.IN_PROGRESS)
    try:
        inference_id, index = item.get("inference_id", {"S": ""})["S"], item.get("record_index", {"N": "0"})["N"]
        return Claim(result=Result(json.loads(result["S"]), inference_id, int(index)))
    except (KeyError, RecursionError, TypeError, ValueError):  # not written by this handler
        return Claim(fault=Fault.IDEMPOTENCY_UNAVAILABLE)


def _request_of(result: Result) -> dict[str, Any]:
    """Return the members of an item that say which request brought the result."""
    if not result.inference_id:
        return {}
    return {"inference_id": {"S": result.inference_id}, "record_index": {"N": str(result.record_index)}}


def _text(result: Any) -> str:
    try:
        return json.dumps(result, separators=(",", ":"))
    except RecursionError:
        return ""
