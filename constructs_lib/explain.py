"""Says in plain text what was derived from the settings, so that whoever synthesizes can follow each figure."""

import math
from collections.abc import Iterator, Mapping

from constructs_lib.settings import ExistingEndpoint, InstanceCapacity, PipelineSettings, StackSettings
from constructs_lib.settings.handler import request_timeout_seconds
from constructs_lib.validation.derived import (
    ADVISED_VISIBILITY_FACTOR,
    MAX_DERIVED_CHATS,
    MAX_DERIVED_REQUESTS,
    MIN_DERIVED_REQUESTS,
    chats_per_invocation,
    derive,
    records_per_request,
)
from constructs_lib.validation.limits import INVOCATIONS_PER_POLLER, MAX_MAXIMUM_CONCURRENCY, MIN_MAXIMUM_CONCURRENCY

WIDTH = len("visibility timeout")


def explain(stacks: Mapping[str, StackSettings]) -> str:
    """Return a paragraph for each pipeline: every derived value, and what it was derived from.

    The settings must be within bounds: `add_stacks` checks them.
    """
    return "\n".join(
        line
        for id_, settings in stacks.items()
        for name, pipeline in settings.pipelines.items()
        for line in (f"{id_}/{name}", *(f"  {what:{WIDTH}}  {value}" for what, value in _lines(pipeline)), "")
    )


def _lines(given: PipelineSettings) -> Iterator[tuple[str, str]]:
    derived = derive(given)
    function_seconds, window = given.function.timeout_seconds, given.event_source.batching_window_seconds
    yield "request timeout", f"{request_timeout_seconds(function_seconds)} s, of the function's {function_seconds} s"
    visibility = derived.queue.visibility_timeout_seconds
    if given.queue.visibility_timeout_seconds is None:
        window_text = f" + batching window {window} s" if window else ""
        how = f" = {ADVISED_VISIBILITY_FACTOR} x function timeout {function_seconds} s{window_text}"
        yield "visibility timeout", f"{visibility} s{how}"
    else:
        yield "visibility timeout", f"{visibility} s, as set"
    yield "requests in flight", f"{derived.inference.requests_in_flight} per invocation{_in_flight(given)}"
    yield "invocations", _invocations(given, derived)
    if derived.inference.batch_inside:
        tokens = derived.inference.max_padded_tokens
        yield "batches inside", f"of texts of like length, {tokens:,} padded tokens a request at most"


def _in_flight(given: PipelineSettings) -> str:
    if given.inference.requests_in_flight is not None:
        return ", as set"
    source, per_request = given.event_source, records_per_request(given)
    requests = math.ceil(source.batch_size / per_request)
    if given.inference.codec == "chat" and given.endpoint.async_capacity is None:
        return f": {_chats(given, requests)}"
    filled = f"a batch of {source.batch_size} fills {requests} request{'s' if requests > 1 else ''} of {per_request}"
    return f": {filled}; {MIN_DERIVED_REQUESTS} at least, {MAX_DERIVED_REQUESTS} at most"


def _chats(given: PipelineSettings, requests: int) -> str:
    """Return which won: the batch, the most that one invocation has, or what the endpoint takes."""
    batch = f"one record a request, a batch of {requests}"
    share = chats_per_invocation(given)
    if share < min(requests, MAX_DERIVED_CHATS):
        return f"{batch}; the endpoint's {_capacity(given)} win, shared by the invocations that run at once at least"
    return f"{batch}; {MAX_DERIVED_CHATS} at most"


def _invocations(given: PipelineSettings, derived: PipelineSettings) -> str:
    source = given.event_source
    if source.provisioned_pollers is not None:
        pollers = source.provisioned_pollers
        return f"at most {pollers.maximum} provisioned pollers x {INVOCATIONS_PER_POLLER} at once"
    concurrency = derived.event_source.maximum_concurrency
    requests = given.endpoint.most_requests
    if source.maximum_concurrency is not None:
        return f"{concurrency} at once, as set{'' if requests is None else f'; the endpoint takes {_capacity(given)}'}"
    if requests is None:
        return "as many at once as Lambda starts: the endpoint queues requests itself"
    bound = {
        MIN_MAXIMUM_CONCURRENCY: f", at least {MIN_MAXIMUM_CONCURRENCY} (Lambda)",
        MAX_MAXIMUM_CONCURRENCY: f", at most {MAX_MAXIMUM_CONCURRENCY} (Lambda)",
    }
    in_flight = derived.inference.requests_in_flight or 1
    limit = "" if requests // in_flight == concurrency else bound.get(concurrency or 0, "")
    return f"{concurrency} at once = the endpoint's {_capacity(given)} / {in_flight} in flight{limit}"


def _capacity(given: PipelineSettings) -> str:
    """Return how many requests the endpoint takes at its largest, and where that comes from."""
    requests, endpoint = given.endpoint.most_requests, given.endpoint
    text = "1 request" if requests == 1 else f"{requests} requests"
    if isinstance(endpoint, ExistingEndpoint):
        return f"{text} at once"
    name, capacity, weight, _ = endpoint.first_full_variant
    if not isinstance(capacity, InstanceCapacity):
        return f"{text} at once"
    instances = capacity.most_instances
    scheduled = " scheduled" if instances > capacity.max_instances else ""
    most = f"{instances}{scheduled} instance{'s' if instances > 1 else ''}"
    share = f", for {weight} of {endpoint.total_weight} requests" if endpoint.more_variants else ""
    of = f"{name}: " if endpoint.more_variants else ""
    return f"{text} at once ({of}{most} x {capacity.concurrent_requests_per_instance}{share})"
