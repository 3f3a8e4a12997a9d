"""Dead letters against the embedded AWS: what a redrive keeps, leaves alone, and never repeats."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from handler.records import Reason, Record
from handler.settings import HandlerSettings
from handler.sinks import dead_letter_entry
from operate.clients import Clients
from operate.dead_letters import scan as scan_module
from operate.dead_letters.letter import REASONS, SOURCE_ID, WRITTEN_BY_HANDLER
from operate.dead_letters.scan import Scan
from operate.pipelines import QueueFacts
from tests.operate.conftest import Desk, Said, Stack, text_attributes


def letters(desk: Desk, stack: Stack, *arguments: object) -> Said:
    return desk("dead-letters", "--stack", stack.name, *arguments)


def bodies(messages: list[Any]) -> list[str]:
    return [message["Body"] for message in messages]


def test_list_counts_them_by_reason_and_gives_them_back(stack: Stack, desk: Desk) -> None:
    for number in range(12):
        stack.die(f"m{number}", "malformed", f"line {number}")
    stack.die("x", "model-error", "the model said no")
    stack.put("moved", {})
    said = letters(desk, stack, "list", "--json")
    found = json.loads(said.out)
    assert {reason: kind["letters"] for reason, kind in found["reasons"].items()} == {
        "malformed": 12,
        "model-error": 1,
        "none": 1,
    }
    assert (found["looked_at"], found["complete"], found["in_doubt"]) == (14, True, 0)
    assert stack.count(stack.dead) == (14, 0)
    shown = letters(desk, stack, "list").out
    assert [line.split()[:2] for line in shown.splitlines()[2:5]] == [
        ["malformed", "12"],
        ["model-error", "1"],
        ["none", "1"],
    ]
    assert "moved by SQS: its receives were used up" in shown
    assert shown.endswith("Each was received once more and hidden for as long as this took, 300 s at most.\n")


def test_each_reason_of_the_handler_can_be_asked_for(stack: Stack, desk: Desk) -> None:
    for reason in REASONS:
        stack.die(reason, reason) if reason != "none" else stack.put("none", {})
    for reason in REASONS:
        assert json.loads(letters(desk, stack, "list", "--json", "--reason", reason).out)["reasons"].keys() == {reason}
    said = letters(desk, stack, "list", "--reason", "vague")
    assert said.status == 2
    assert said.err.startswith("error: argument --reason: invalid choice: 'vague' (choose from ")


def test_a_reason_that_the_sender_wrote_is_no_reason_and_stays(stack: Stack, desk: Desk) -> None:
    own = text_attributes({"reason": "malformed", "detail": "of the sender", "sender": "x"})
    stack.put("moved by SQS", own)
    assert json.loads(letters(desk, stack, "list", "--json").out)["reasons"].keys() == {"none"}
    assert letters(desk, stack, "redrive", "--yes").status == 0
    (message,) = stack.received(stack.work)
    assert message["MessageAttributes"] == own


def test_a_scan_is_bounded_and_says_so(stack: Stack, desk: Desk) -> None:
    for number in range(25):
        stack.die(f"m{number}")
    said = letters(desk, stack, "list", "--scan", 12)
    assert "malformed  12" in said.out
    assert "The scan ended at its bound, 12 letters: there may be more (--scan N)." in said.out
    assert stack.count(stack.dead) == (25, 0)


def test_a_scan_during_which_letters_come_back_yields_each_once_and_ends(stack: Stack, monkeypatch: Any) -> None:
    ids = {stack.die(f"m{number}") for number in range(25)}
    monkeypatch.setattr(scan_module, "WAIT_SECONDS", 0)
    for seconds, expected in ((1, 25), (0, 10)):  # not hidden at all, the first ten come again and again
        monkeypatch.setattr(scan_module, "HOLD_SECONDS", seconds)
        clients = Clients()
        with Scan(clients.sqs, QueueFacts.read(clients.sqs, stack.dead), most=100) as scan:
            found = []
            for letter in scan.letters():
                found.append(letter.id)
                if len(found) == 20 and seconds:
                    time.sleep(1.1)
        assert len(found) == len(set(found)) == expected
        assert set(found) <= ids


def test_show_names_a_letter_by_its_id(stack: Stack, desk: Desk) -> None:
    ids = [stack.die(f"m{number}", detail=f"line {number}") for number in range(3)]
    said = letters(desk, stack, "show", "--id", ids[1])
    for line in (f"id            {ids[1]}", "reason        malformed", "message sent  m1", "detail        line 1"):
        assert line in said.out
    assert "1 dead letter shown." in said.out
    assert ids[0] not in said.out


def test_save_writes_all_that_a_letter_has(stack: Stack, desk: Desk, tmp_path: Path) -> None:
    id_ = stack.die("körper\n", attributes={"raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"}})
    assert letters(desk, stack, "save", tmp_path / "letters.jsonl").status == 0
    (line,) = (tmp_path / "letters.jsonl").read_text().splitlines()
    saved = json.loads(line)
    assert (saved["id"], saved["reason"], saved["sourceMessageId"], saved["body"]) == (
        id_,
        "malformed",
        "m1",
        "körper\n",
    )
    assert saved["messageAttributes"]["raw"] == {"DataType": "Binary.png", "BinaryValue": "00ff"}
    assert saved["attributes"].keys() >= {"SentTimestamp", "ApproximateReceiveCount"}
    assert stack.count(stack.dead) == (1, 0)


def test_a_redriven_message_has_what_the_original_had(stack: Stack, desk: Desk) -> None:
    own = {
        **text_attributes({"correlationId": "c1", "traceparent": "00-1-2-01"}),
        "raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
        "size": {"DataType": "Number.int", "StringValue": "7"},
    }
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
    system = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    stack.die("body", attributes=own, MessageSystemAttributes=system, MessageGroupId="tenant-1")
    assert letters(desk, stack, "redrive", "--yes").status == 0
    (message,) = stack.received(stack.work)
    assert message["Body"] == "body"
    assert message["MessageAttributes"] == {**own, **text_attributes({"sourceMessageId": "m1"})}
    assert message["Attributes"]["AWSTraceHeader"] == trace
    assert message["Attributes"]["MessageGroupId"] == "tenant-1"
    assert stack.count(stack.dead) == (0, 0)


def test_what_the_handler_writes_is_what_a_redrive_takes_away() -> None:
    record = Record("m1", "r", "body", 3, "arn:aws:sqs:eu-central-1:123456789012:q", attributes={"own": "1"})
    settings = HandlerSettings(endpoint_name="endpoint", dead_letter_queue_url="q")
    written = dead_letter_entry(record, settings, Reason.MALFORMED, "why").attributes
    assert written.keys() == {*WRITTEN_BY_HANDLER, SOURCE_ID, "own"}


def test_redrive_takes_the_reason_asked_for_and_leaves_the_others(stack: Stack, desk: Desk) -> None:
    for number in range(15):
        stack.die(f"m{number}", "malformed")
        stack.die(f"u{number}", "unprocessable")
    said = letters(desk, stack, "redrive", "--reason", "unprocessable", "--limit", 12, "--yes")
    assert said.out.splitlines()[-2] == "Redrive: 12 redriven"
    assert {body[0] for body in bodies(stack.received(stack.work))} == {"u"}
    assert stack.count(stack.dead) == (18, 0)


def test_on_a_fifo_queue_groups_keep_their_order(make_stack: Callable[..., Stack], desk: Desk) -> None:
    stack = make_stack(fifo=True)
    for number in range(12):
        stack.die(f"{number}", MessageGroupId=f"g{number % 2}")
    assert letters(desk, stack, "redrive", "--yes").status == 0
    by_group: dict[str, list[str]] = {}
    for message in stack.received(stack.work):
        by_group.setdefault(message["Attributes"]["MessageGroupId"], []).append(message["Body"])
    assert by_group == {"g0": ["0", "2", "4", "6", "8", "10"], "g1": ["1", "3", "5", "7", "9", "11"]}
    assert stack.count(stack.dead) == (0, 0)


def test_on_a_fifo_queue_a_scan_says_that_it_sees_ten_of_a_group(make_stack: Callable[..., Stack], desk: Desk) -> None:
    stack = make_stack(fifo=True)
    for number in range(13):
        stack.die(f"{number}")
    said = letters(desk, stack, "list")
    assert "malformed  10 " in said.out
    assert "Of a message group no more than its first ten can be seen." in said.out
    assert stack.count(stack.dead) == (13, 0)


def test_on_a_fifo_queue_nothing_overtakes_what_is_left_alone(make_stack: Callable[..., Stack], desk: Desk) -> None:
    stack = make_stack(fifo=True)
    for number, group in enumerate("aabab"):
        stack.die(f"{'bad' if number == 1 else number}", MessageGroupId=group)
    said = letters(desk, stack, "redrive", "--yes", "--edit", "grep -v bad")
    assert said.status == 1
    assert bodies(stack.received(stack.work)) == ["0", "2", "4"]
    assert sorted(bodies(stack.received(stack.dead))) == ["3", "bad"]
    assert "1 left alone: behind one of its message group that was left alone" in said.out


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("jq", None),
        ("sed s/old/new/", "new"),
        ("cat", "old"),
        ("printf %s", None),
        ("cat ; true", None),
        ("false", None),
    ],
)
def test_edit_changes_the_body_or_the_letter_stays(edit: str, expected: str | None, stack: Stack, desk: Desk) -> None:
    stack.die("old")
    said = letters(desk, stack, "redrive", "--yes", "--edit", edit)
    if expected is not None:
        assert (said.status, bodies(stack.received(stack.work))) == (0, [expected])
        return
    assert (said.status, stack.count(stack.work)) == (1, (0, 0))
    assert "1 left alone: the edit failed" in said.out
    assert bodies(stack.received(stack.dead)) == ["old"]


def test_no_shell_runs_an_edit(stack: Stack, desk: Desk, tmp_path: Path) -> None:
    stack.die("$(touch here)")
    for edit in (f"cat > {tmp_path}/a", f"cat; touch {tmp_path}/b", f"cat `touch {tmp_path}/c`", "cat | cat"):
        letters(desk, stack, "redrive", "--yes", "--edit", edit)
    assert list(tmp_path.glob("?")) == []
    assert letters(desk, stack, "redrive", "--yes", "--edit", "").err == (
        "error: --edit needs a command, for instance --edit 'jq -c .order'\n"
    )


def test_what_the_work_queue_refuses_stays(stack: Stack, desk: Desk) -> None:
    stack.emulator.aws.sqs.set_queue_attributes(QueueUrl=stack.work, Attributes={"MaximumMessageSize": "1024"})
    stack.die("x" * 2000)
    stack.die("short")
    said = letters(desk, stack, "redrive", "--yes")
    assert said.status == 1
    assert "Message must be shorter than 1024 bytes." in said.err
    assert bodies(stack.received(stack.work)) == ["short"]
    assert bodies(stack.received(stack.dead)) == ["x" * 2000]


def test_two_operators_never_have_the_same_letter(stack: Stack, desk: Desk) -> None:
    for number in range(12):
        stack.die(f"m{number}")
    clients = Clients()
    with Scan(clients.sqs, QueueFacts.read(clients.sqs, stack.dead)) as first:
        held = [letter.id for letter in first.letters()]
        said = letters(desk, stack, "redrive", "--yes")
        assert len(held) == 12
        assert "(about 0 wait, and 12 are hidden)" in said.out
        assert "Redrive: no such dead letter among 0" in said.out
    assert stack.count(stack.work) == (0, 0)
    assert stack.count(stack.dead) == (12, 0)


class Failing:
    """A client whose sends end with this error, before or after the queue took the message."""

    def __init__(self, error: Exception, client: Any = None) -> None:
        self._error, self._client = error, client

    def send_message(self, **arguments: Any) -> Any:
        if self._client is not None:
            self._client.send_message(**arguments)
        raise self._error


def client_error(status: int, code: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "said"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendMessage")


@pytest.mark.parametrize("arrived", [False, True])
@pytest.mark.parametrize(
    "error",
    [ReadTimeoutError(endpoint_url="https://sqs"), client_error(500, "InternalFailure")],
    ids=["silence", "500"],
)
def test_a_send_of_which_nobody_knows_is_left_in_doubt(
    error: Exception, arrived: bool, stack: Stack, desk: Desk, monkeypatch: Any
) -> None:
    id_ = stack.die("x")
    with monkeypatch.context() as patch:
        patch.setattr(Clients, "sqs_once", Failing(error, Clients().sqs if arrived else None))
        said = letters(desk, stack, "redrive", "--yes")
        assert said.status == 1
        assert f"error: stopped: whether {id_} was sent is not known, so it is left alone, in doubt: " in said.err
    assert stack.count(stack.dead) == (1, 0)
    said = letters(desk, stack, "redrive", "--yes")
    assert said.status == 1
    assert "1 in doubt: an earlier redrive was cut off while it was sent" in said.out
    assert f"{id_}: whether it was sent is not known; --again sends it, purge --id deletes it" in said.err
    assert json.loads(letters(desk, stack, "list", "--json").out)["in_doubt"] == 1
    if arrived:
        assert letters(desk, stack, "purge", "--id", id_, "--yes").status == 0
    else:
        assert letters(desk, stack, "redrive", "--again", "--yes").status == 0
    assert bodies(stack.received(stack.work)) == ["x"]
    assert stack.count(stack.dead) == (0, 0)


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="https://sqs"), client_error(403, "AccessDenied")],
    ids=["net", "403"],
)
def test_a_send_that_never_arrived_ends_the_redrive_and_is_not_in_doubt(
    error: Exception, stack: Stack, desk: Desk, monkeypatch: Any
) -> None:
    for number in range(3):
        stack.die(f"m{number}")
    with monkeypatch.context() as patch:
        patch.setattr(Clients, "sqs_once", Failing(error))
        said = letters(desk, stack, "redrive", "--yes")
        assert (said.status, said.err) == (1, f"error: {error}\n")
    assert letters(desk, stack, "redrive", "--yes").status == 0
    assert sorted(bodies(stack.received(stack.work))) == ["m0", "m1", "m2"]


def test_purge_deletes_the_reason_asked_for(stack: Stack, desk: Desk) -> None:
    stack.die("a", "malformed")
    stack.die("b", "too-large")
    said = letters(desk, stack, "purge", "--reason", "malformed", "--yes")
    assert "Delete dead letters with reason malformed for good (about 2 wait, and 0 are hidden)." in said.out
    assert "Purge: 1 deleted" in said.out
    assert bodies(stack.received(stack.dead)) == ["b"]
    assert Counter(bodies(stack.received(stack.work))) == {}
