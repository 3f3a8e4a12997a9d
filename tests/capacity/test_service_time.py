"""The model's time: each of its forms, and one clear line for what is none."""

import json
from pathlib import Path

import pytest

from capacity.service_time import parse_service_time
from local.errors import UsageError


@pytest.mark.parametrize(
    ("text", "records", "seconds"),
    [
        ("20ms+0.5ms", 10, 0.025),
        ("30s", 7, 30.0),
        ("1=20ms,8=24ms,32=36ms", 1, 0.020),
        ("1=20ms,8=24ms,32=36ms", 20, 0.030),
        ("1=20ms,8=24ms,32=36ms", 64, 0.052),
        ("16=8ms", 3, 0.008),
    ],
)
def test_the_time_of_a_request(text: str, records: int, seconds: float) -> None:
    assert parse_service_time(text).seconds(records) == pytest.approx(seconds)


FORMS = "20ms+0.5ms (a request and each record), 1=20ms,8=24ms (by records in a request), or a report.json of make demo"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("fast", f"--model 'fast' is not {FORMS}"),
        ("20ms+1ms+1ms", f"--model '20ms+1ms+1ms' is not {FORMS}"),
        ("-20ms", f"--model '-20ms' is not {FORMS}"),
        ("0ms", "--model '0ms' takes no time at all; it must be more than 0"),
        ("2h", "--model '2h': 7200 s is over the 3600 s that SageMaker allows"),
        ("0=20ms", "--model '0=20ms': '0=20ms' does not begin with a number of records of at least 1"),
        ("1=20", "--model '1=20': '20' has no unit; is it 20ms or 20s?"),
        ("1=fast", "--model '1=fast': 'fast' is not a duration such as 20ms, 1.5s or 2h"),
        ("4", "--model '4': 4 has no unit; is it 4ms or 4s?"),
        ("20ms+0.5", "--model '20ms+0.5': 0.5 has no unit; is it 0.5ms or 0.5s?"),
        ("1=20ms,1=30ms", "--model '1=20ms,1=30ms': 1 records are there twice"),
        ("absent.json", "--model absent.json: No such file or directory"),
    ],
)
def test_what_is_no_time_gets_one_line(text: str, error: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_service_time(text)
    assert str(raised.value) == error


def test_a_report_of_the_demo_gives_the_line_through_its_requests(tmp_path: Path) -> None:
    by_records = {
        "1": {"requests": 5, "mean": 4.0},
        "3": {"requests": 1, "mean": 8.0},
        "10": {"requests": 90, "mean": 22.0},
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"request_ms_by_records": by_records}))
    model = parse_service_time(str(path))
    assert model.seconds(1) == pytest.approx(0.004)
    assert model.seconds(10) == pytest.approx(0.022)
    assert model.text == "2 ms + 2 ms a record, of report.json"


def test_another_json_is_not_taken_for_a_report(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("[]")
    with pytest.raises(UsageError) as raised:
        parse_service_time(str(path))
    assert str(raised.value) == f"--model {path} is not a report.json of make demo: it has no request_ms_by_records"


@pytest.mark.parametrize(
    ("table", "records", "seconds"),
    [
        ("1=20ms,8=10ms", 100, 0.01),  # noise of a measurement: not 0 at 15 records
        ("1=20ms,8=24ms", 15, 0.028),
        ("8=24ms,16=100ms", 1, 0.003),
        ("8=24ms,16=40ms", 4, 0.016),
        ("8=24ms", 1, 0.024),
    ],
)
def test_beyond_a_table_no_request_takes_no_time(table: str, records: float, seconds: float) -> None:
    assert parse_service_time(table).seconds(records) == pytest.approx(seconds)
