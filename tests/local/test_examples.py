"""Examples run on the embedded AWS, or say in one line why they can't."""

import json
from pathlib import Path

import pytest

from local.synthesis import synthesize
from tests.local.conftest import RunLocally


def run(run_locally: RunLocally, tmp_path: Path, name: str, *arguments: object) -> tuple[dict[str, object], str]:
    """Return report and output of a run of the example in which all went as it should."""
    done = run_locally("--app", f"examples.{name}", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((tmp_path / "report" / "report.json").read_text()), done.stdout


def test_hugging_face_serverless_scores_every_good_message(run_locally: RunLocally, tmp_path: Path) -> None:
    report, _ = run(run_locally, tmp_path, "hugging_face_serverless", "--count", 200)
    assert (report["stack"], report["sent"], report["succeeded"], report["lost"]) == ("reviews", 200, 196, 0)
    assert report["command"] == (
        'make demo ARGS="--count 200 --seed 0 --poison 0.02 --app examples.hugging_face_serverless"'
    )
    assert "groups" not in report


def test_fifo_results_come_in_the_order_of_each_group(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "fifo_per_group", "--count", 200, "--poison", 0.1)
    assert (report["succeeded"], report["lost"], report["left_in_queue"]) == (180, 0, 0)
    assert report["groups"] == {"total": 10, "out_of_order": 0}
    assert "message groups 10 out of order 0" in " ".join(output.split())
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Each is of one of 10 message groups, whose results came in the order of their messages" in page


def test_of_several_pipelines_the_one_named_runs_alone(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "several_models", "--pipeline", "topic", "--count", 100)
    assert report["succeeded"] == 98
    assert "support-topic-work" in output
    assert "support-language" not in output


def test_what_the_first_stage_says_decides_which_second_one_a_message_gets(
    run_locally: RunLocally, tmp_path: Path
) -> None:
    report, output = run(run_locally, tmp_path, "two_stages", "--count", 80, "--poison", 0.1)
    assert (report["succeeded"], report["checked"], report["lost"], report["left_in_queue"]) == (72, 72, 0, 0)
    languages, ends = report["accuracy_by_language"], report["results_of"]
    assert isinstance(languages, dict)
    assert isinstance(ends, dict)
    assert report["accuracy"] == 1
    assert ends["german"] == languages["de"]["scored"]
    assert ends["english"] == languages["en"]["scored"]
    assert sum(ends.values()) == 72
    assert "reviews-language-results" in output
    assert "Its results feed english, german, others" in (tmp_path / "report" / "report.html").read_text()


def test_rows_of_numbers_are_scored_for_a_codec_that_takes_them(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "xgboost_csv_autoscaling", "--count", 100, "--poison", 0.1)
    assert (report["succeeded"], report["checked"], report["lost"]) == (90, 90, 0)
    assert report["dead_lettered"] == {"total": 10, "malformed": 10}
    assert (report["accuracy"], report["accuracy_by_language"]) == (None, {})
    assert "Serve the model" in output
    assert "a logistic regression, http://127.0.0.1:" in output


def test_locked_down_runs_and_lists_the_arguments_without_effect(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "locked_down", "--count", 100, "--poison", 0.1)
    assert report["succeeded"] == 90
    assert "claims-triage-idempotency" in output
    assert "without effect there: aws_sqs_queue kms_data_key_reuse_period_seconds, kms_master_key_id\n" in output
    assert "kms_data_key_reuse_period_seconds" in (tmp_path / "report" / "report.html").read_text()


def test_a_right_on_the_idempotency_table_that_is_missing_is_named(run_locally: RunLocally, tmp_path: Path) -> None:
    template = synthesize("examples.locked_down", None, tmp_path / "synthesized")
    text = template.read_text()
    assert text.count('dynamodb:PutItem\\", ') == 1
    template.write_text(text.replace('\\"dynamodb:PutItem\\", ', ""))
    done = run_locally("--template", template, "--count", 20)
    role = "arn:aws:iam::123456789012:role/claims-triage-inference-eu-central-1"
    table = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims-triage-idempotency"
    assert done.stderr == f"error: denied: {role} must be allowed dynamodb:PutItem on {table}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "bring_your_own",
            "the stack crm can't run on the embedded AWS: the queue crm-events-dead exists already, elsewhere; "
            "the queue crm-events exists already, elsewhere; the endpoint churn-2026 exists already, elsewhere; "
            "the role arn:aws:iam::123456789012:role/crm-inference exists already, elsewhere; "
            "its results go to s3, and the local run receives them from sqs",
        ),
        (
            "async_scale_to_zero",
            "the stack calls can't run on the embedded AWS: its endpoint is asynchronous, and the local one is not; "
            "its results go to eventbridge, and the local run receives them from sqs",
        ),
        (
            "images_from_s3",
            "the stack pictures can't run on the embedded AWS: "
            "its messages come in the envelope s3, and the local run sends them bare",
        ),
        ("several_models", "--pipeline must name one: the stack support has language, sentiment, topic"),
        (
            "two_stages --pipeline german",
            "the stack reviews can't run on the embedded AWS: its messages come in the envelope cloudevents, and the "
            "local run sends them bare",
        ),
    ],
)
def test_an_example_that_cannot_run_says_why(run_locally: RunLocally, name: str, message: str) -> None:
    done = run_locally("--app", *f"examples.{name}".split())
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--app", "examples.none"], "there is no module examples.none"),
        (["--app", "constructs_lib.validation.limits"], "constructs_lib.validation.limits synthesizes no stacks"),
        (["--app", "examples.fifo_per_group", "--stack", "x"], "there is no stack x; examples.fifo_per_group has chat"),
        (["--pipeline", "topic"], "there is no pipeline topic; the stack dev has language"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(run_locally: RunLocally, arguments: list[str], message: str) -> None:
    done = run_locally(*arguments)
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")
