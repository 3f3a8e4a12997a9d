"""Records' identities beside the requests of an asynchronous endpoint, whose notifications do not tell them."""

import json
import logging
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .clients import UnreadableAnswerError, call_once, read_body, split_location
from .codecs import Item
from .faults import InputUnavailableError
from .records import Attribute, Identity, Record
from .settings import MIB

logger = logging.getLogger(__name__)

# It holds parts of one message, which has 1 MiB at most; JSON may escape each of its characters.
MAX_BYTES = 8 * MIB
# S3 answers the second about what is not there, to whoever may not list the bucket.
_MISSING = ("NoSuchKey", "AccessDenied")


class Contexts:
    """One object in JSON for each record, where the settings ask for more than its id."""

    def __init__(self, s3: Any, requests: str) -> None:
        """`requests` is the location of the requests that the handler puts."""
        self._s3 = s3
        self._requests = requests

    def keep(self, item: Item, request: str) -> None:
        """Put the context of a record whose request lies there; nothing if that was put here before, as a redriven one
        was: then it has its context. Raises botocore's errors, or UnreadableAnswerError.
        """
        if not item.parts and item.location.startswith(self._requests):
            return
        bucket, key = split_location(self._location(request, item.record.event_id))
        body = _to_json(item.record).encode()
        call_once(self._s3.put_object, Bucket=bucket, Key=key, Body=body, ContentType="application/json")

    def complete(self, record: Record, request: str) -> Record:
        """Return a record as it was when its request was sent. One without a context is returned as it is, and logged.

        Raises InputUnavailableError if the context can't be read now.
        """
        location = self._location(request, record.event_id)
        bucket, key = split_location(location)
        try:
            answer = call_once(self._s3.get_object, Bucket=bucket, Key=key)
            return _completed(record, read_body(answer["Body"], MAX_BYTES))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _MISSING:
                raise InputUnavailableError(f"{location}: {error}") from error
            reason: Exception = error
        except (BotoCoreError, UnreadableAnswerError) as error:
            raise InputUnavailableError(f"{location}: {error}") from error
        except (AttributeError, TypeError, ValueError, RecursionError) as error:
            reason = error
        logger.warning("no context of a record: %s: %s", location, reason, extra={"message_ids": [record.message_id]})
        return record

    def _location(self, request: str, event_id: str) -> str:
        place = request if request.startswith(self._requests) else self._requests + event_id
        return f"{place}.context.json"


def _to_json(record: Record) -> str:
    identity, attributes = record.identity, record.attributes
    trace = identity.trace or {name: attributes[name] for name in ("traceparent", "tracestate") if name in attributes}
    content = {**identity._asdict(), "trace": trace, "trace_header": record.trace_header}
    return json.dumps({name: value for name, value in content.items() if value})


def _completed(record: Record, content: bytes) -> Record:
    context = json.loads(content)
    trace_header = context.pop("trace_header", "")
    attributes = {name: Attribute(*pair) for name, pair in context.pop("attributes", {}).items()}
    return record._replace(trace_header=trace_header, identity=Identity(attributes=attributes, **context))
