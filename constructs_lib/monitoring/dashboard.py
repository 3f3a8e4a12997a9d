"""The dashboard's body: one column for each part of the pipeline, from left to right as the data flows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from constructs_lib.monitoring.alarms import Alarm
from constructs_lib.monitoring.metrics import Formula, Metric, WatchedPipeline

# CloudWatch: the grid is 24 columns wide.
COLUMN_WIDTHS = (5, 5, 5, 5, 4)
TITLE_HEIGHT, STATUS_HEIGHT, HEADING_HEIGHT, GRAPH_HEIGHT = 2, 4, 2, 6


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a graph."""

    label: str
    shows: Metric | Formula
    scale: float = 1
    """What it is multiplied by, for a unit that people read."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Lines over time, and the thresholds of alarms of some kinds across them."""

    title: str
    lines: Sequence[Line]
    alarms: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A part of the pipeline."""

    heading: str
    text: str
    graphs: Sequence[Graph]


def dashboard_body(
    watched: WatchedPipeline, *, name: str, region: str, alarms: Sequence[Alarm], alarm_arns: Sequence[str]
) -> str:
    """Return the JSON of CloudWatch's dashboard body structure."""
    title = f"# {name}\nFrom left to right as the data flows. What an alarm means: its description."
    status = {"title": "Alarms", "alarms": list(alarm_arns)}
    top = TITLE_HEIGHT + STATUS_HEIGHT
    widgets = [
        _widget("text", (0, 0, sum(COLUMN_WIDTHS), TITLE_HEIGHT), {"markdown": title}),
        _widget("alarm", (0, TITLE_HEIGHT, sum(COLUMN_WIDTHS), STATUS_HEIGHT), status),
    ]
    x = 0
    for column, width in zip(_columns(watched), COLUMN_WIDTHS, strict=True):
        heading = {"markdown": f"## {column.heading}\n{column.text}"}
        widgets.append(_widget("text", (x, top, width, HEADING_HEIGHT), heading))
        for row, graph in enumerate(column.graphs):
            y = top + HEADING_HEIGHT + row * GRAPH_HEIGHT
            widgets.append(_widget("metric", (x, y, width, GRAPH_HEIGHT), _graph(graph, region, alarms)))
        x += width
    return json.dumps({"widgets": widgets})


def _widget(kind: str, box: tuple[int, int, int, int], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a widget; the box is its column, row, width and height on the grid."""
    x, y, width, height = box
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _graph(graph: Graph, region: str, alarms: Sequence[Alarm]) -> dict[str, Any]:
    metrics = [entry for number, line in enumerate(graph.lines) for entry in _entries(f"l{number}", line)]
    crossed = [alarm for alarm in alarms if alarm.kind in graph.alarms]
    # Variants share their thresholds, except for counts of instances.
    thresholds = {
        f"alarm: {alarm.id if alarm.kind == 'at-maximum' else alarm.kind}": alarm.threshold * alarm.scale
        for alarm in crossed
    }
    properties = {
        "title": graph.title,
        "region": region,
        "view": "timeSeries",
        # What an alarm sees, so that its threshold can be compared.
        "period": max((alarm.period_seconds for alarm in crossed), default=60),
        "yAxis": {"left": {"min": 0, "showUnits": False}},
        "metrics": metrics,
    }
    horizontal = [{"label": label, "value": round(value, 3)} for label, value in thresholds.items()]
    return {**properties, "annotations": {"horizontal": horizontal}} if horizontal else properties


def _entries(id_: str, line: Line) -> list[list[Any]]:
    """Return a line as CloudWatch's metrics array has it: what is computed needs its metrics beside it, unseen."""
    if isinstance(line.shows, Formula):
        inputs = {f"{id_}{name}": metric for name, metric in line.shows.metrics.items()}
        expression = line.shows.over(id_)
    elif line.scale != 1:
        inputs, expression = {f"{id_}m": line.shows}, f"{id_}m"
    else:
        return [_entry(line.shows, {"label": line.label})]
    expression = expression if line.scale == 1 else f"{expression} * {line.scale:g}"
    hidden = [_entry(metric, {"id": key, "visible": False}) for key, metric in inputs.items()]
    return [*hidden, [{"expression": expression, "id": id_, "label": line.label}]]


def _entry(metric: Metric, options: Mapping[str, Any]) -> list[Any]:
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.statistic, **options}]


def _columns(watched: WatchedPipeline) -> tuple[Column, ...]:
    return _queue(watched), _function(watched), _handler(watched), _endpoint(watched), _results(watched)


def _queue(watched: WatchedPipeline) -> Column:
    age = Line(label="oldest message", shows=watched.queue("ApproximateAgeOfOldestMessage", "Maximum"))
    states = {"waiting": "Visible", "being processed": "NotVisible", "delayed": "Delayed"}
    flow = {"in": "NumberOfMessagesSent", "out": "NumberOfMessagesDeleted"}
    messages = [
        Line(label=label, shows=watched.queue(f"ApproximateNumberOfMessages{state}", "Maximum"))
        for label, state in states.items()
    ]
    graphs = [
        Graph(title="Age (s)", lines=[age], alarms=("queue-age",)),
        Graph(
            title="Time to drain (s)",
            lines=[Line(label="at the present rate", shows=watched.drain_seconds)],
            alarms=("drain-time",),
        ),
        Graph(title="Messages", lines=messages),
        Graph(
            title="Messages a minute",
            lines=[Line(label=label, shows=watched.queue(name, "Sum")) for label, name in flow.items()],
        ),
    ]
    return Column(heading="Queue", text=watched.queue_name, graphs=[*graphs, *_fairness(watched)])


def _fairness(watched: WatchedPipeline) -> Sequence[Graph]:
    """Return the graphs of a standard queue's message groups, if an alarm watches them."""
    settings = watched.settings.monitoring
    if settings is None or (settings.quiet_groups_age_seconds is None and settings.noisy_groups is None):
        return ()
    states = {"waiting": "Visible", "being processed": "NotVisible", "delayed": "Delayed"}
    age = watched.queue("ApproximateAgeOfOldestMessageInQuietGroups", "Maximum")
    quiet = [
        Line(label=label, shows=watched.queue(f"ApproximateNumberOfMessages{state}InQuietGroups", "Maximum"))
        for label, state in states.items()
    ]
    noisy = Line(label="noisy", shows=watched.queue("ApproximateNumberOfNoisyGroups", "Maximum"))
    return (
        Graph(title="Age in quiet groups (s)", lines=[Line(label="oldest", shows=age)], alarms=("quiet-groups-age",)),
        Graph(title="Messages in quiet groups", lines=quiet),
        Graph(title="Noisy groups", lines=[noisy], alarms=("noisy-groups",)),
    )


FAILED = ("function-errors", "function-throttles", "dropped-as-loop")


def _function(watched: WatchedPipeline) -> Column:
    names = ("Errors", "Throttles", "RecursiveInvocationsDropped")
    failed = [Line(label=name, shows=watched.function(name, "Sum")) for name in names]
    durations = [
        Line(label=label, shows=watched.function("Duration", statistic))
        for label, statistic in (("median", "p50"), ("longest", "Maximum"))
    ]
    invocations = Line(label="Invocations", shows=watched.function("Invocations", "Sum"))
    concurrent = Line(label="at once", shows=watched.function("ConcurrentExecutions", "Maximum"))
    return Column(
        heading="Function",
        text=watched.function_name,
        graphs=(
            Graph(title="Duration (ms)", lines=durations, alarms=("function-duration",)),
            Graph(title="Failed in 5 minutes", lines=failed, alarms=FAILED),
            Graph(title="Invocations a minute", lines=[invocations]),
            Graph(title="Concurrency", lines=[concurrent]),
        ),
    )


def _handler(watched: WatchedPipeline) -> Column:
    outcomes = {"scored": "RecordsSucceeded", "returned": "RecordsReturned", "dead-lettered": "RecordsDeadLettered"}
    unscored = Line(label="returned or dead-lettered", shows=watched.unscored)
    return Column(
        heading="Handler",
        text="its own metrics, by record and request",
        graphs=(
            Graph(title="Not scored (%)", lines=[unscored], alarms=("unscored-records",)),
            Graph(title="Records a minute", lines=_handler_lines(watched, outcomes)),
            Graph(
                title="Requests that failed a minute",
                lines=_handler_lines(watched, {name: name for name in ("Throttles", "ModelErrors", "Timeouts")}),
            ),
            Graph(
                title="Records in a request",
                lines=[Line(label="average", shows=watched.handler("RecordsPerRequest", "Average"))],
            ),
        ),
    )


def _handler_lines(watched: WatchedPipeline, names: Mapping[str, str]) -> list[Line]:
    return [Line(label=label, shows=watched.handler(name)) for label, name in names.items()]


def _endpoint(watched: WatchedPipeline) -> Column:
    latency, errors = list[Line](), list[Line]()
    for variant in watched.variants:
        latency += [
            Line(
                label=f"{variant} {percentile}",
                shows=watched.variant(variant, "ModelLatency", percentile),
                scale=1 / 1000,
            )
            for percentile in ("p50", "p99")
        ]
        errors += [
            Line(
                label=f"{variant} {code}xx",
                shows=watched.variant(variant, f"Invocation{code}XXErrors", "Average"),
                scale=100,
            )
            for code in "45"
        ]
    return Column(
        heading="Endpoint",
        text=watched.endpoint_name,
        graphs=(
            Graph(title="Model latency (ms)", lines=latency, alarms=("model-latency",)),
            Graph(title="Requests that failed (%)", lines=errors, alarms=("client-errors", "server-errors")),
            *_capacity(watched),
        ),
    )


def _capacity(watched: WatchedPipeline) -> list[Graph]:
    if watched.is_async:
        lines = [Line(label="requests", shows=watched.endpoint("ApproximateBacklogSize", "Maximum"))]
        age = [Line(label="oldest request", shows=watched.endpoint("ApproximateAgeOfOldestRequest", "Maximum"))]
        instances = [Line(label="instances", shows=watched.instances(watched.variants[0]))]
        return [
            Graph(title="Backlog", lines=lines),
            Graph(title="Age of requests (s)", lines=age, alarms=("request-age",)),
            Graph(title="Instances", lines=instances, alarms=("at-maximum",)),
        ]
    requests = [Line(label=v, shows=watched.variant(v, "Invocations", "Sum")) for v in watched.variants]
    graphs = [Graph(title="Requests a minute", lines=requests)]
    if watched.settings.inference.inference_component_name is None:
        title = "Concurrency in use (%)" if watched.is_serverless else "Instances"
        lines = [_in_use(watched, variant) for variant in watched.variants]
        graphs.append(Graph(title=title, lines=lines, alarms=("at-maximum",)))
    return graphs


def _in_use(watched: WatchedPipeline, variant: str) -> Line:
    if watched.is_serverless:
        used = watched.variant(variant, "ServerlessConcurrentExecutionsUtilization", "Maximum")
        return Line(label=variant, shows=used, scale=100)
    return Line(label=variant, shows=watched.instances(variant))


def _results(watched: WatchedPipeline) -> Column:
    waiting = Line(label="waiting", shows=watched.dead_letters("ApproximateNumberOfMessagesVisible", "Maximum"))
    sent = Line(label="results", shows=watched.results())
    sink = Line(label="average", shows=watched.handler("SinkLatency", "Average"))
    graphs = [
        Graph(title="Dead letters", lines=[waiting], alarms=("dead-letters",)),
        Graph(title="Results a minute", lines=[sent]),
        Graph(title="Time to send them (ms)", lines=[sink]),
    ]
    counts = [(name, watched.notification_function(name, "Sum")) for name in ("Invocations", "Errors")]
    if lines := [Line(label=name, shows=metric) for name, metric in counts if metric is not None]:
        failed = watched.variant(watched.variants[0], "NotificationFailures", "Sum")
        lines.append(Line(label="not notified of", shows=failed))
        alarms = ("notification-errors", "untold-answers")
        graphs.append(Graph(title="Notifications in 5 minutes", lines=lines, alarms=alarms))
    return Column(
        heading="Results", text=f"{watched.settings.results.sink}; {watched.dead_letter_queue_name}", graphs=graphs
    )
