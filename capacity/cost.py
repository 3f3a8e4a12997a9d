"""The cost of some time of work, by part: what is used, times its price. Free tiers and discounts are left out."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from capacity.deployed import Pipeline
from capacity.prices import Price, Prices
from capacity.steady import Steady
from capacity.work import MESSAGES_PER_CALL, Work
from handler.metrics import Metrics
from handler.records import Ledger

MONTH_HOURS = 730
MONTH_SECONDS = MONTH_HOURS * 3600
MILLION = 1e6
# SQS, SNS and EventBridge bill each 64 KiB as one request.
CHUNK_BYTES = 64 * 1024
# CloudWatch Logs: 26 bytes are added to each event (PutLogEvents).
LOG_EVENT_BYTES = 26
RESULT_BYTES = 400
# Lambda and X-Ray, where nobody sampled before: the first request each second, and 5 % of the others
# (https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html).
FIRST_TRACES, SAMPLED = 1.0, 0.05
# Application Auto Scaling makes an alarm for each direction of a target tracking policy.
ALARMS_PER_TRACKING = 2
# Idle pollers: 5 of them, a long poll of 20 s each.
IDLE_RECEIVES_PER_SECOND = 5 / 20
# SQS guide, "Key management", calls of KMS: (time / reuse period) x (2 x producers + consumers), with one of each.
KMS_CALLS_PER_PERIOD = 3
KMS_REUSE_SECONDS = 300
PARTS = ("endpoint", "function", "queues", "results", "logs", "X-Ray", "alarms", "metrics", "KMS", "S3", "table")


@dataclass(frozen=True)
class Usage:
    """The use that a pipeline makes of services in some time."""

    seconds: float
    messages: float
    invocations: float
    function_seconds: float
    """Billed: from the start to the end of each invocation."""
    requests: float
    """Requests to the endpoint, of production variants."""
    model_seconds: float
    """Time that the endpoint computes, for serverless variants."""
    instance_hours: Mapping[str, float]
    """By variant."""
    results_per_call: float = float(MESSAGES_PER_CALL)
    """Results, or lists of them, in one call that sends them."""


@dataclass(frozen=True)
class Item:
    """One line of the bill."""

    part: str
    what: str
    quantity: float
    price: Price | None
    scale: float = 1.0
    """Units that the price is for, for instance a million."""

    @property
    def usd(self) -> float | None:
        """None: the price is not known."""
        return None if self.price is None else self.quantity / self.scale * self.price.usd


def usage_at(steady: Steady, work: Work, seconds: float = MONTH_SECONDS) -> Usage:
    """Return the usage at a steady rate; of a rate that is not carried, what is carried is used."""
    messages = min(steady.rate, steady.capacity) * seconds
    one = steady.invocation
    requests = messages / one.records_per_request
    per_call = max(1.0, min(MESSAGES_PER_CALL, one.records / work.pipeline.handler.max_events_per_message))
    return Usage(
        seconds=seconds,
        messages=messages,
        invocations=messages / one.records,
        function_seconds=messages / one.records * one.seconds,
        requests=requests,
        model_seconds=requests * work.model.seconds(one.records_per_request),
        instance_hours={load.variant.name: load.instances * seconds / 3600 for load in steady.loads},
        results_per_call=per_call,
    )


def items(work: Work, usage: Usage, prices: Prices) -> list[Item]:
    """Return the lines of the bill."""
    pipeline = work.pipeline
    return [
        *_endpoint(work, usage, prices),
        *_function(pipeline, usage, prices),
        *_queues(work, usage, prices),
        *_results(work, usage, prices),
        *_watching(pipeline, usage, prices),
        *_storage(pipeline, usage, prices),
    ]


def total(lines: Sequence[Item]) -> float:
    """Return the sum of what has a price, in USD."""
    return sum(line.usd or 0.0 for line in lines)


def by_part(lines: Sequence[Item]) -> dict[str, float]:
    """Return USD by part, in the order of `PARTS`."""
    return {part: sum(line.usd or 0.0 for line in lines if line.part == part) for part in PARTS}


def left_out(lines: Sequence[Item]) -> list[str]:
    """Return what is used and has no known price."""
    return list(dict.fromkeys(f"{line.part}: {line.what}" for line in lines if line.price is None and line.quantity))


def _endpoint(work: Work, usage: Usage, prices: Prices) -> Iterator[Item]:
    for variant in work.pipeline.endpoint.variants:
        if variant.instance_type:
            what = f"hours of {variant.instance_type} ({variant.name})"
            yield Item("endpoint", what, usage.instance_hours[variant.name], prices.instance(variant.instance_type))
        elif variant.memory_mib:
            gib = variant.memory_mib / 1024
            share = work.pipeline.endpoint.share(variant)
            seconds = usage.model_seconds * share * gib
            yield Item("endpoint", "GB-seconds of inference", seconds, prices.get("serverless-gb-seconds"))
            data = usage.messages * share * (work.record_bytes + RESULT_BYTES) / 1e9
            yield Item("endpoint", "GB in and out", data, prices.get("serverless-data-gb"))
            warm = variant.provisioned_concurrency * gib * usage.seconds
            yield Item("endpoint", "GB-seconds of provisioned concurrency", warm, None)
    if work.pipeline.endpoint.existing:
        yield Item("endpoint", "the endpoint itself, which is not in this stack", 1, None)


def _function(pipeline: Pipeline, usage: Usage, prices: Prices) -> Iterator[Item]:
    function, kind = pipeline.function, "arm" if pipeline.function.arm else "x86"
    gib = function.memory_mib / 1024
    yield Item("function", "requests", usage.invocations, prices.get("lambda-requests"), MILLION)
    compute = prices.get(f"lambda-gb-seconds-{kind}")
    yield Item("function", "GB-seconds", usage.function_seconds * gib, compute)
    if function.provisioned_concurrency:
        warm = function.provisioned_concurrency * gib * usage.seconds
        price = prices.get(f"lambda-provisioned-gb-seconds-{kind}")
        yield Item("function", "GB-seconds of provisioned concurrency", warm, price)
    if pipeline.source.pollers:
        hours = pipeline.source.pollers[0] * usage.seconds / 3600
        yield Item("function", "hours of event pollers, the fewest", hours, prices.get("sqs-poller-hours"))
    if pipeline.endpoint.queues_requests:  # each answer is notified to a second function
        yield Item("function", "notifications", usage.messages, prices.get("lambda-requests"), MILLION)
        seconds = usage.messages * gib * 0.1
        yield Item("function", "GB-seconds of notifications, 100 ms assumed", seconds, compute)


def _queues(work: Work, usage: Usage, prices: Prices) -> Iterator[Item]:
    """Yield calls of the work queue: one send a message, receives and deletes of ten, polls of an idle queue."""
    price = prices.get("sqs-fifo" if work.pipeline.queue.fifo else "sqs-standard")
    chunks = math.ceil(work.record_bytes / CHUNK_BYTES)
    yield Item("queues", "messages sent, one a call", usage.messages * chunks, price, MILLION)
    calls = usage.messages / min(MESSAGES_PER_CALL, max(1.0, usage.messages / max(usage.invocations, 1e-9)))
    bytes_chunks = max(1.0, usage.messages * work.record_bytes / CHUNK_BYTES / max(calls, 1e-9))
    yield Item("queues", "receives", calls * bytes_chunks, price, MILLION)
    yield Item("queues", "deletes", calls, price, MILLION)
    yield Item("queues", "empty receives", IDLE_RECEIVES_PER_SECOND * usage.seconds, price, MILLION)


def _results(work: Work, usage: Usage, prices: Prices) -> Iterator[Item]:
    handler = work.pipeline.handler
    if handler.asynchronous:
        yield Item("results", "notifications of answers", usage.messages, prices.get("sns-publishes"), MILLION)
    each = usage.messages / max(1, handler.max_events_per_message)
    match handler.result_sink:
        case "sqs":
            price = prices.get("sqs-fifo" if work.pipeline.queue.fifo else "sqs-standard")
            yield Item("results", "calls that send results", each / usage.results_per_call, price, MILLION)
        case "sns":
            yield Item("results", "publishes", each, prices.get("sns-publishes"), MILLION)
        case "eventbridge":
            yield Item("results", "events", each, prices.get("eventbridge-events"), MILLION)
        case "s3":
            yield Item("results", "objects", usage.requests, prices.get("s3-puts"), MILLION)


def _watching(pipeline: Pipeline, usage: Usage, prices: Prices) -> Iterator[Item]:
    line = metrics_line(usage.requests / usage.invocations if usage.invocations else 1.0)
    gigabytes = usage.invocations * (len(line) + LOG_EVENT_BYTES) / 1e9
    yield Item("logs", "GB of the function's metrics lines", gigabytes, prices.get("logs-gb"))
    if pipeline.function.tracing:
        rate = usage.invocations / usage.seconds
        traced = (min(rate, FIRST_TRACES) + SAMPLED * max(0.0, rate - FIRST_TRACES)) * usage.seconds
        yield Item("X-Ray", "traces", traced, prices.get("xray-traces"), MILLION)
    months = usage.seconds / MONTH_SECONDS
    tracked = sum(variant.scaling is not None for variant in pipeline.endpoint.variants)
    alarms = pipeline.watching.alarm_metrics + ALARMS_PER_TRACKING * tracked
    yield Item("alarms", "metrics in alarms", alarms * months, prices.get("alarm-metrics"))
    yield Item("alarms", "dashboards", pipeline.watching.dashboards * months, prices.get("dashboards"))
    names = json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    yield Item("metrics", "custom metrics", len(names) * months, prices.get("custom-metrics"))


def metrics_line(requests: float) -> str:
    """Return the line that the handler logs for an invocation with so many requests: its own code writes it."""
    metrics = Metrics()
    for _ in range(max(1, min(100, round(requests)))):
        metrics.request(0.025, 10)
    dimensions = {"Endpoint": "x" * 24, "FunctionName": "x" * 32}
    lines = metrics.lines(namespace="SageMakerInference", dimensions=dimensions, ledger=Ledger([]), limit=2, cold=False)
    line = json.loads(next(iter(lines)))
    # Times that were measured just now, in as many digits as they usually have.
    return json.dumps(line | {"SinkLatency": 12.345, "HandlerOverhead": 1.234}, separators=(",", ":"))


def _storage(pipeline: Pipeline, usage: Usage, prices: Prices) -> Iterator[Item]:
    handler = pipeline.handler
    if pipeline.encrypted_queues:
        periods = usage.seconds / KMS_REUSE_SECONDS
        calls = pipeline.encrypted_queues * periods * KMS_CALLS_PER_PERIOD
        yield Item("KMS", "requests of encrypted queues", calls, prices.get("kms-requests"), MILLION)
    if handler.input_location and not handler.asynchronous:
        yield Item("S3", "inputs read, one a message at most", usage.messages, prices.get("s3-gets"), MILLION)
    if handler.asynchronous:
        puts = usage.messages * (1 if handler.async_inline else 2)
        yield Item("S3", "requests and answers put", puts, prices.get("s3-puts"), MILLION)
        yield Item("S3", "answers read", usage.messages, prices.get("s3-gets"), MILLION)
    if pipeline.endpoint.data_capture:
        yield Item("S3", "captured requests and answers", usage.requests, None)
    if handler.idempotency_table:
        yield Item(
            "table", "writes: a claim and a result each", 2 * usage.messages, prices.get("dynamodb-writes"), MILLION
        )
