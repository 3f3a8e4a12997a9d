"""Admission of records: each is opened, parsed, checked against the limits, and claimed in the idempotency table."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from .clients import SENDERS
from .codecs import Codec, CodecError, Item, MalformedRecordError, Payload, RequestTooLargeError
from .envelopes import BucketTest, Envelope, Envelopes, Pointer
from .faults import Fault, InputUnavailableError
from .microbatch import request_bytes
from .records import Reason, Record, Result, Target
from .settings import HandlerSettings

if TYPE_CHECKING:
    from .idempotency import Memory
    from .identity import Identities
    from .inputs import Inputs, Submitted

# SageMaker: InvokeEndpoint. Patterns are compiled when they are first needed: most cold starts need none.
_TARGETS = {
    "TargetModel": r"[!-~][ -~]{0,1023}",
    "InferenceComponentName": r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
    "TargetVariant": r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
}


class Unfit(NamedTuple):
    """A record that can never be sent."""

    record: Record
    reason: Reason
    detail: str


class Unready(NamedTuple):
    """A record that can't be sent now."""

    record: Record
    fault: Fault
    detail: str


class Remembered(NamedTuple):
    """A record that was scored before."""

    record: Record
    result: Result
    location: str
    """The object on S3 that it was read from; empty if there is none."""


class Blank(NamedTuple):
    """A record that has nothing to score: S3's test of a bucket's notifications."""

    record: Record
    bucket: str


Admission = Item | Unfit | Unready | Remembered | Blank


class Intake:
    """Turns records into items, in their order."""

    def __init__(self, settings: HandlerSettings, codec: Codec, memory: "Memory | None") -> None:
        self._settings = settings
        self._codec = codec
        self._pool = _new_pool()
        self._envelopes = Envelopes(settings)
        self._identities = _identities(settings)
        self._inputs = _inputs(settings, lambda: self._pool)
        self._target = Target(settings.target_model, settings.inference_component_name, settings.target_variant)
        self._memory = memory
        self._copies = 2 if settings.send_lone_record_twice else 1  # of a record that is alone in a request

    def split(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that messages hold: one each, except for notifications of several objects and for lists
        of CloudEvents.
        """
        return self._envelopes.split(records)

    def admit(self, records: Iterable[Record], seconds: float, until: float, *, account: str) -> Iterator[Admission]:
        """Yield an admission for each record; records to be scored are claimed for so many seconds.

        `until` is the moment of the monotonic clock after which S3 and the table are not waited for. Buckets belong to
        the account, unless the settings say otherwise. Raises ConfigurationError if the idempotency table can't be
        used.
        """
        is_done = False
        try:
            yield from self._admit(records, seconds, until, account)
            is_done = True
        finally:
            if not is_done or time.monotonic() >= until:
                self._pool.shutdown(wait=False, cancel_futures=True)  # its threads may still be busy
                self._pool = _new_pool()

    def _admit(self, records: Iterable[Record], seconds: float, until: float, account: str) -> Iterator[Admission]:
        contents = [self._content(record, account) for record in records]
        admissions = (self._examine(record, content, until) for record, content in contents)
        if self._memory is None:
            yield from admissions
            return
        examined = list(admissions)
        # Of records that mean the same only the first is claimed: the others come again, and find its result.
        first = {item.record.event_id: item.record for item in reversed(examined) if isinstance(item, Item)}
        claims = self._memory.claim([*reversed(first.values())], seconds, self._pool, until)
        for admission in examined:
            record = admission.record
            claimant = first.get(record.event_id, record) if isinstance(admission, Item) else record
            claim = claims.get(claimant.message_id)
            if claim is not None and claim.is_ours and claimant is not record:
                yield Unready(record, Fault.IN_PROGRESS, Fault.IN_PROGRESS.value)
            elif claim is None or claim.is_ours:
                yield admission
            elif claim.fault:
                yield Unready(record, claim.fault, claim.fault.value)
            else:
                yield Remembered(record, claim.result, _location_of(admission))

    def _content(self, record: Record, account: str) -> "tuple[Record, Payload | _Fetched | Unfit | Blank]":
        """Open a message, and start reading the object that it points to; return the record with its identity."""
        trail: list[Envelope] = []
        try:
            if self._identities is not None:
                record = self._identities.of_message(record)
            content = self._envelopes.open(record.body, trail)
            if isinstance(content, BucketTest):
                return record, Blank(record, content.bucket)
            is_body_elsewhere = isinstance(content, Pointer) and content.is_body
            if self._identities is not None and not is_body_elsewhere:
                record = self._identities.identify(record, trail, content)
            if not isinstance(content, Pointer):
                return record, content
            if self._inputs is None:
                raise MalformedRecordError(f"the message points to {content.location}, and there is no input_location")
            return record, _Fetched(content, self._inputs.fetch(content, account), trail)
        except MalformedRecordError as error:
            return record, Unfit(record, Reason.MALFORMED, str(error))

    def _examine(self, record: Record, content: "Payload | _Fetched | Unfit | Blank", until: float) -> Admission:
        if isinstance(content, (Unfit, Blank)):
            return content
        try:
            (item, version), target = self._item(record, content, until), self._target_of(record)
        except (MalformedRecordError, RequestTooLargeError) as error:
            reason = Reason.TOO_LARGE if isinstance(error, RequestTooLargeError) else Reason.MALFORMED
            return Unfit(record, reason, str(error))
        except (InputUnavailableError, CodecError, TimeoutError) as error:
            faults = {InputUnavailableError: Fault.INPUT_UNAVAILABLE, TimeoutError: Fault.DEADLINE}
            return Unready(record, faults.get(type(error), Fault.CODEC_FAILED), str(error))
        limit, size = self._settings.max_request_bytes, request_bytes(self._codec, item, self._copies)
        if size > limit:
            detail = f"the record alone makes a request of {size} bytes, the limit is {limit}"
            return Unfit(record, Reason.TOO_LARGE, detail)
        item = item if target == item.target else item._replace(target=target)
        identities = self._identities
        return identities.keyed(item, version) if identities is not None and identities.has_keys else item

    def _item(self, record: Record, content: "Payload | _Fetched", until: float) -> tuple[Item, str]:
        """Return the item, and the version of the object that an asynchronous endpoint is to read itself."""
        if isinstance(content, Payload):
            return self._codec.parse(record, content), ""
        location, fetched = content.pointer.location, content.result(until)
        if not isinstance(fetched, Payload):
            return Item(record, (), content_type=fetched.content_type, location=location), fetched.version
        if content.pointer.is_body:
            if self._identities is not None:
                record = self._identities.identify(record, content.trail, content.pointer, fetched.text)
            fetched = self._envelopes.offloaded(fetched)
        return self._codec.parse(record, fetched)._replace(location=location), ""

    def _target_of(self, record: Record) -> Target:
        if not self._settings.targets_from_messages:
            return self._target
        named = {name: record.attributes[name] for name in _TARGETS if name in record.attributes}
        if not named:
            return self._target
        for name, value in named.items():
            if not re.fullmatch(_TARGETS[name], value):
                raise MalformedRecordError(f"the message attribute {name}={value[:100]!r} is no name of SageMaker's")
        return Target(
            named.get("TargetModel", self._target.model),
            named.get("InferenceComponentName", self._target.inference_component),
            named.get("TargetVariant", self._target.variant),
            of_record=True,
        )


class _Fetched(NamedTuple):
    """An object that is being read, or that is submitted as it is."""

    pointer: Pointer
    answer: "Future[Payload | Submitted] | Submitted"
    trail: "list[Envelope]"

    def result(self, until: float) -> "Payload | Submitted":
        answer = self.answer
        return answer.result(max(0.0, until - time.monotonic())) if isinstance(answer, Future) else answer


def _location_of(admission: Admission) -> str:
    return admission.location if isinstance(admission, Item) else ""


def _new_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SENDERS, thread_name_prefix="intake")


def _identities(settings: HandlerSettings) -> "Identities | None":
    if not settings.identifies:
        return None
    from .identity import Identities  # noqa: PLC0415 - most cold starts do not need it

    return Identities(settings)


def _inputs(settings: HandlerSettings, pool: Callable[[], ThreadPoolExecutor]) -> "Inputs | None":
    if not settings.input_location and not settings.asynchronous:
        return None
    from .inputs import Inputs  # noqa: PLC0415 - most cold starts do not need it

    return Inputs(settings, pool)
