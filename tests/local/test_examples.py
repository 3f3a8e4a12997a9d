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


def test_a_language_model_gets_a_request_for_each_mail(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "llm_chat", "--count", 60, "--poison", 0.1)
    assert (report["succeeded"], report["checked"], report["lost"]) == (54, 54, 0)
    assert report["dead_lettered"] == {"total": 6, "malformed": 6}
    assert (report["records_per_request"], report["accuracy"]) == (1, None)
    assert "a stand-in for a language model's server, http://127.0.0.1:" in output


def test_vectors_of_documents_are_put_into_a_bucket(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "embeddings_tei", "--count", 60, "--poison", 0.1)
    assert (report["succeeded"], report["checked"], report["lost"]) == (54, 54, 0)
    assert "a stand-in for Text Embeddings Inference, http://127.0.0.1:" in output
    assert "s3://shop-vectors/passages/" in (tmp_path / "report" / "report.html").read_text()


def test_a_right_on_the_bucket_of_results_that_is_missing_is_named(run_locally: RunLocally, tmp_path: Path) -> None:
    template = synthesize("examples.embeddings_tei", None, tmp_path / "synthesized")
    text = template.read_text()
    assert "s3:PutObject" in text
    template.write_text(text.replace("s3:PutObject", "s3:PutObjectTagging"))
    done = run_locally("--template", template, "--count", 20)
    role = "arn:aws:iam::123456789012:role/search-passages-inference-eu-central-1"
    place = "arn:aws:s3:::shop-vectors/passages/any"
    assert done.stderr == f"error: denied: {role} must be allowed s3:PutObject on {place}\n"


def test_a_right_on_the_idempotency_table_that_is_missing_is_named(run_locally: RunLocally, tmp_path: Path) -> None:
    template = synthesize("examples.locked_down", None, tmp_path / "synthesized")
    text = template.read_text()
    assert text.count('dynamodb:PutItem\\", ') == 1
    template.write_text(text.replace('\\"dynamodb:PutItem\\", ', ""))
    done = run_locally("--template", template, "--count", 20)
    role = "arn:aws:iam::123456789012:role/claims-triage-inference-eu-central-1"
    table = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims-triage-idempotency"
    assert done.stderr == f"error: denied: {role} must be allowed dynamodb:PutItem on {table}\n"


def test_a_queue_a_role_and_an_endpoint_from_elsewhere_are_made_first(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "bring_your_own", "--count", 40, "--poison", 0.1)
    assert (report["succeeded"], report["checked"], report["lost"]) == (36, 36, 0)
    found = "bucket crm-scores; queue crm-events-dead; queue crm-events; role crm-inference"
    assert f"From elsewhere, made for this run: {found}\n" in output
    assert "Results in the bucket" in (tmp_path / "report" / "report.html").read_text()


def test_a_right_that_a_role_from_elsewhere_lacks_is_named(run_locally: RunLocally, tmp_path: Path) -> None:
    template = synthesize("examples.bring_your_own", None, tmp_path / "synthesized")
    template.write_text(template.read_text().replace("s3:::crm-scores/churn/*", "s3:::crm-scores/other/*"))
    done = run_locally("--template", template, "--count", 20)
    role, right = "arn:aws:iam::123456789012:role/crm-inference", "s3:PutObject on arn:aws:s3:::crm-scores/churn/any"
    assert done.stderr == f"error: denied: {role} must be allowed {right}\n"


def test_pictures_are_uploaded_and_classified(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "images_from_s3", "--count", 40, "--poison", 0.1)
    assert (report["succeeded"], report["checked"], report["accuracy"]) == (36, 36, 1.0)
    assert report["dead_lettered"] == {"total": 4, "malformed": 2, "too-large": 2}
    assert "container.py, http://127.0.0.1:" in output


def test_recordings_are_transcribed_by_an_asynchronous_endpoint(run_locally: RunLocally, tmp_path: Path) -> None:
    report, output = run(run_locally, tmp_path, "async_scale_to_zero", "--count", 20, "--poison", 0.1)
    assert (report["succeeded"], report["checked"], report["lost"]) == (18, 18, 0)
    assert report["dead_lettered"] == {"total": 2, "malformed": 2}
    assert "calls-transcripts-notify" in output


def test_a_right_that_the_endpoint_s_role_lacks_is_named(run_locally: RunLocally, tmp_path: Path) -> None:
    template = synthesize("examples.async_scale_to_zero", None, tmp_path / "synthesized")
    document = json.loads(template.read_text())
    policies = document["resource"]["aws_iam_role_policy"]
    (policy,) = [policy for name, policy in policies.items() if "endpoint_role_exchange-objects" in name]
    policy["policy"] = policy["policy"].replace("my-calls/answers/*", "my-calls/other/*")
    template.write_text(json.dumps(document))
    done = run_locally("--template", template, "--count", 20)
    role, right = "arn:aws:iam::123456789012:role/calls-transcripts-endpoint-eu-central-1", "s3:PutObject"
    assert done.stderr == f"error: denied: {role} must be allowed {right} on arn:aws:s3:::my-calls/answers/any\n"


def test_of_several_pipelines_one_must_be_named(run_locally: RunLocally) -> None:
    done = run_locally("--app", "examples.several_models")
    message = "--pipeline must name one: the stack support has language, sentiment, topic"
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")


def test_results_that_go_nowhere_are_refused(run_locally: RunLocally, tmp_path: Path) -> None:
    template = synthesize("examples.bring_your_own", None, tmp_path / "synthesized")
    template.write_text(template.read_text().replace('"RESULT_SINK": "s3"', '"RESULT_SINK": "none"'))
    done = run_locally("--template", template)
    message = "the stack crm can't run on the embedded AWS: its results go to none, so nobody could see them"
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--app", "examples.none"], "there is no module examples.none"),
        (["--app", "constructs_lib.validation.limits"], "constructs_lib.validation.limits did not synthesize: "
            "nothing was synthesized: end constructs_lib.validation.limits with "
            'if __name__ == "__main__": synthesize({"dev": StackSettings(…)})'),
        (["--app", "examples.fifo_per_group", "--stack", "x"], "there is no stack x; examples.fifo_per_group has chat"),
        (["--pipeline", "topic"], "there is no pipeline topic; the stack dev has language"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(run_locally: RunLocally, arguments: list[str], message: str) -> None:
    done = run_locally(*arguments)
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")
