"""The tables and the page of a rehearsal."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from local.output import OutputFolder
from rehearsal.options import Options
from rehearsal.record import Record, Step
from rehearsal.report import timeline, write_report
from rehearsal.tables import change_rows, show_tables, step_rows
from rehearsal.terraform import Applied, Change, Work

APPLIED = Applied(
    seconds=10.0,
    works=[
        Work("aws_sqs_queue.language_work_queue_AAAAAAAA", "create", 5.0, 10.0),
        Work("aws_iam_role.language_function_role_BBBBBBBB", "create", 1.0, 1.5),
        Work("aws_sqs_queue.language_work_dead-letter_queue_CCCCCCCC", "create", 2.0, None),
    ],
)


@pytest.fixture
def record() -> Record:
    queue = Change("aws_sqs_queue.language_work_queue_AAAAAAAA", ("create",))
    return Record(
        steps=[
            Step("dev", "plan", 2.0, changes=[queue], plan="+ <queue>"),
            Step("dev", "apply", 10.0, applied=APPLIED),
            Step("dev", "score", 1.0, skipped=True, remark="calls: not scored, its endpoint is asynchronous"),
            Step("prod", "plan", 3.04),
            Step("prod", "apply", 8.0, failure="no rights"),
            Step("prod", "memory: copy", 1.0, settings=["pipelines.language.function.memory_mib: 512 -> 1024"]),
            Step("prod", "memory: plan", 4.0, changes=[queue, queue], plan="~ <function>"),
            Step("prod", "memory: second plan", 1.0),
            Step("prod", "variants: apply, refused", 1.0),
            Step("prod", "max: copy", 1.0, skipped=True, remark="not changed: its endpoint is serverless"),
            Step("prod", "min: apply", 1.0, failure="SageMaker refused"),
        ],
        notes={"dev": [], "prod": ["provider 5.100.0 in place of 6.25.0"]},
    )


def test_steps_are_rows_and_stacks_are_columns(record: Record) -> None:
    assert list(step_rows(record)) == [
        ["seconds", "dev", "prod"],
        ["plan", "2.0", "3.0"],
        ["apply", "10.0", "failed"],
        ["score", "skipped", "-"],
        ["changes", "-", "failed"],
        ["in all", "13", "20"],
    ]


def test_each_change_is_a_row_with_what_came_of_it(record: Record) -> None:
    assert list(change_rows(record)) == [
        ["memory", "prod", "2", "6", "as expected, second plan empty"],
        ["variants", "prod", "0", "1", "as expected"],
        ["max", "prod", "0", "1", "not changed: its endpoint is serverless"],
        ["min", "prod", "0", "1", "SageMaker refused"],
    ]


def test_the_tables_are_printed_whole(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    show_tables(record, Console(width=120))
    printed = capsys.readouterr().out
    for row in (*step_rows(record), *change_rows(record)):
        assert any(all(cell in line for cell in row) for line in printed.splitlines()), row


def test_the_timeline_is_by_part_in_the_order_of_beginning() -> None:
    found = timeline(APPLIED)
    assert {part: [bar.left for bar in bars] for part, bars in found.items()} == {
        "language / function": [10.0],
        "language / work": [20.0, 50.0],
    }
    (role,), (dead_letters, queue) = found.values()
    assert (role.width, role.seconds, role.failed) == (5.0, 0.5, False)
    assert (queue.width, queue.seconds, queue.failed) == (50.0, 5.0, False)
    assert (dead_letters.width, dead_letters.failed) == (80.0, True), "what never ended is marked, up to the end"


def test_the_page_needs_no_other_file_and_escapes_what_it_shows(record: Record, tmp_path: Path) -> None:
    with OutputFolder(tmp_path) as output:
        page = write_report(output, record, Options()).read_text()
    for text in ("Failed: the life of dev, prod", "+ &lt;queue&gt;", "prod: memory: plan, 2 resources",
                 "pipelines.language.function.memory_mib: 512 -&gt; 1024", "provider 5.100.0 in place of 6.25.0",
                 "SageMaker refused"):  # fmt: skip
        assert text in page
    assert [mark for mark in ("src=", "href=", "<script", "http://", "https://", "url(") if mark in page] == []
    numbers = json.loads((tmp_path / "report.json").read_text())
    assert numbers["passed"] is False
    assert numbers["steps"][0]["changes"] == ["+ aws_sqs_queue.language_work_queue_AAAAAAAA"]
