"""Each example synthesizes, and shows what it is there to show."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.constructs.synthesized import Synthesized
from tests.examples.conftest import Example

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))

NETWORK = {
    "subnet_ids": ["subnet-0a1b2c3d4e5f60718", "subnet-18f7e6d5c4b3a2910"],
    "security_group_ids": ["sg-0fedcba9876543210"],
}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0f6ab3ea-8a1c-4b2b-9d0c-51ad2d9cc39e"


def environment(stack: Synthesized, function: str) -> dict[str, str]:
    """Return the variables of the function."""
    variables: dict[str, str] = stack.one("aws_lambda_function", function)["environment"]["variables"]
    return variables


@pytest.mark.parametrize("name", EXAMPLES)
def test_as_a_program_it_writes_terraform_json(name: str, tmp_path: Path) -> None:
    variables = {**os.environ, "CDKTF_OUTDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{name}"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    ((stack, written),) = json.loads((tmp_path / "manifest.json").read_bytes())["stacks"].items()
    document = json.loads((tmp_path / written["synthesizedStackPath"]).read_bytes())
    assert document["//"]["metadata"]["stackName"] == stack
    for function in document["resource"]["aws_lambda_function"].values():
        # Code that is signed goes by a bucket.
        zips = (
            [function["filename"]]
            if "filename" in function
            else [unsigned["source"] for unsigned in document["resource"]["aws_s3_object"].values()]
        )
        assert all((tmp_path / "stacks" / stack / path).exists() for path in zips)


def test_the_readme_names_every_example() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\((\w+)\.py\) \|", (ROOT / "examples" / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == [(name, name) for name in EXAMPLES]


def test_hugging_face_serverless_pins_the_model_and_has_no_instances(example: Example) -> None:
    stack = example("hugging_face_serverless")
    (variant,) = stack.one("aws_sagemaker_endpoint_configuration")["production_variants"]
    assert variant["serverless_config"] == {"memory_size_in_mb": 4096, "max_concurrency": 20}
    container = stack.one("aws_sagemaker_model")["primary_container"]
    assert container["environment"] == {
        "HF_MODEL_ID": "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
        "HF_TASK": "text-classification",
        "HF_MODEL_REVISION": "714eb0fa89d2f80546fda750413ed43d93601a13",
    }
    assert stack.all("aws_appautoscaling_target") == {}
    variables = environment(stack, "function")
    assert variables["SORT_BY_LENGTH"] == "true"
    assert json.loads(variables["PARAMETERS"]) == {"truncation": True}


def test_fifo_per_group_keeps_the_order_of_each_group_at_high_throughput(example: Example) -> None:
    stack = example("fifo_per_group")
    queues = stack.all("aws_sqs_queue")
    assert {queue["name"] for queue in queues.values()} == {
        "chat-moderation-work.fifo",
        "chat-moderation-work-dlq.fifo",
        "chat-moderation-results.fifo",
    }
    assert all(queue["fifo_queue"] for queue in queues.values())
    work = queues["moderation_work_queue"]
    assert (work["deduplication_scope"], work["fifo_throughput_limit"]) == ("messageGroup", "perMessageGroupId")
    assert work["content_based_deduplication"] is True
    assert stack.one("aws_lambda_event_source_mapping")["maximum_batching_window_in_seconds"] == 0
    assert environment(stack, "function")["FIFO_DEAD_LETTERS"] == "true"


def test_xgboost_follows_load_queue_and_clock(example: Example) -> None:
    stack = example("xgboost_csv_autoscaling")
    policies = stack.all("aws_appautoscaling_policy").values()
    assert sorted(policy["policy_type"] for policy in policies) == ["StepScaling", "TargetTrackingScaling"]
    (steps,) = (policy["step_scaling_policy_configuration"] for policy in policies if "Step" in policy["policy_type"])
    assert steps["adjustment_type"] == "ChangeInCapacity"
    assert steps["step_adjustment"] == [{"metric_interval_lower_bound": "0", "scaling_adjustment": 2}]
    scheduled = stack.all("aws_appautoscaling_scheduled_action").values()
    assert {(action["schedule"], action["timezone"]) for action in scheduled} == {
        ("cron(0 7 ? * MON-FRI *)", "Europe/Berlin"),
        ("cron(0 20 ? * * *)", "Europe/Berlin"),
    }
    mapping = stack.one("aws_lambda_event_source_mapping")
    assert (mapping["batch_size"], mapping["maximum_batching_window_in_seconds"]) == (500, 1)
    variables = environment(stack, "function")
    assert (variables["CODEC"], variables["MAX_RECORDS_PER_REQUEST"]) == ("csv-row", "250")


def test_a_language_model_has_many_requests_in_flight(example: Example) -> None:
    stack = example("llm_chat")
    (image,) = stack.document["data"]["aws_sagemaker_prebuilt_ecr_image"].values()
    assert (image["repository_name"], image["image_tag"]) == ("djl-inference", "0.34.0-lmi16.0.0-cu128")
    container = stack.one("aws_sagemaker_model")["primary_container"]["environment"]
    assert container["HF_MODEL_ID"] == "Qwen/Qwen2.5-7B-Instruct"
    assert (container["OPTION_TENSOR_PARALLEL_DEGREE"], container["OPTION_MAX_MODEL_LEN"]) == ("1", "8192")
    variables = environment(stack, "function")
    names = ("CODEC", "CHAT_STYLE", "REQUESTS_IN_FLIGHT", "MAX_RESPONSE_BYTES", "PROMPT_TEMPLATE")
    assert [variables[name] for name in names] == [
        "chat", "openai", "32", "1048576", "Summarize this mail:\n\n{body}",
    ]  # fmt: skip
    assert stack.one("aws_lambda_event_source_mapping")["scaling_config"] == {"maximum_concurrency": 2}


def test_documents_become_vectors_in_s3(example: Example) -> None:
    stack = example("embeddings_tei")
    (image,) = stack.document["data"]["aws_sagemaker_prebuilt_ecr_image"].values()
    assert (image["repository_name"], image["image_tag"]) == ("tei-cpu", "2.0.1-tei1.8.2-cpu-py310-ubuntu22.04")
    container = stack.one("aws_sagemaker_model")["primary_container"]["environment"]
    assert (container["HF_MODEL_ID"], container["MAX_CLIENT_BATCH_SIZE"]) == ("BAAI/bge-base-en-v1.5", "64")
    variables = environment(stack, "function")
    names = ("CODEC", "MAX_RECORDS_PER_REQUEST", "RESULT_SINK", "RESULT_TARGET", "BATCH_INSIDE")
    assert [variables[name] for name in names] == ["huggingface", "64", "s3", "s3://shop-vectors/passages/", "false"]


def test_async_goes_to_zero_and_a_second_function_is_notified_of_the_answers(example: Example) -> None:
    stack = example("async_scale_to_zero")
    asynchronous = stack.one("aws_sagemaker_endpoint_configuration")["async_inference_config"]
    assert asynchronous["client_config"] == {"max_concurrent_invocations_per_instance": 2}
    output = asynchronous["output_config"]
    assert (output["s3_output_path"], output["s3_failure_path"]) == (
        "s3://my-calls/answers/",
        "s3://my-calls/failures/",
    )
    topics = {f"${{{stack.reference('aws_sns_topic', name)}.arn}}" for name in ("success", "error")}
    subscriptions = stack.all("aws_sns_topic_subscription").values()
    assert {subscription["topic_arn"] for subscription in subscriptions} == topics
    assert {subscription["protocol"] for subscription in subscriptions} == {"lambda"}
    assert len(stack.all("aws_lambda_function")) == 2
    target = stack.one("aws_appautoscaling_target")
    assert (target["min_capacity"], target["max_capacity"]) == (0, 3)


def test_two_stages_leaves_no_label_without_a_model(example: Example) -> None:
    stack = example("two_stages")
    subscriptions = stack.all("aws_sns_topic_subscription")
    labels = {
        name.partition("_")[0]: json.loads(subscription["filter_policy"])["data"]["result"]["label"]
        for name, subscription in subscriptions.items()
    }
    named = [label for name in ("german", "english") for label in labels[name]]
    assert labels["others"] == [{"anything-but": named}]
    first, second = (environment(stack, f"{name}_function") for name in ("language", "german"))
    assert (first["CORRELATION"], second["CORRELATION"], second["ENVELOPE"]) == ("/ticket", "", "cloudevents")
    assert json.loads(first["KEEP_MEMBERS"]) == ["inputs", "ticket"]


def test_several_models_share_traffic_watch_and_roll_back(example: Example) -> None:
    stack = example("several_models")
    configuration = "aws_sagemaker_endpoint_configuration"
    shares = stack.one(configuration, "language")["production_variants"]
    assert [(share["variant_name"], share["initial_variant_weight"]) for share in shares] == [
        ("primary", 9), ("newcomer", 1),
    ]  # fmt: skip
    (shadow,) = stack.one(configuration, "sentiment")["shadow_production_variants"]
    assert (shadow["variant_name"], shadow["initial_variant_weight"]) == ("candidate", 1)
    deployment = stack.one("aws_sagemaker_endpoint", "topic")["deployment_config"]
    routing = deployment["blue_green_update_policy"]["traffic_routing_configuration"]
    assert (routing["type"], routing["canary_size"]) == ("CANARY", {"type": "CAPACITY_PERCENT", "value": 10})
    alarms = {alarm["alarm_name"] for alarm in deployment["auto_rollback_configuration"]["alarms"]}
    assert alarms == {"support-topic.primary-rollback-errors", "support-topic.primary-rollback-latency"}
    assert len(stack.all("aws_lambda_event_source_mapping")) == 3


def test_several_models_have_rights_on_their_own_endpoint_only(example: Example) -> None:
    stack = example("several_models")
    for pipeline in ("language", "sentiment", "topic"):
        (statement,) = stack.policies(f"{pipeline}_function")["invoke-endpoint"]
        (resource,) = statement["Resource"]
        assert resource.endswith(f":endpoint/support-{pipeline}")


def test_own_codec_comes_from_a_layer_of_its_name(example: Example) -> None:
    stack = example("own_codec")
    (layer,) = stack.one("aws_lambda_function")["layers"]
    folder = ROOT / "examples" / "layers" / layer.split(":")[6]
    module, _, function = environment(stack, "function")["CODEC"].partition(":")
    assert f"def {function}(_: HandlerSettings)" in (folder / "python" / f"{module}.py").read_text()


def test_bring_your_own_creates_no_queue_and_no_endpoint_and_no_role(example: Example) -> None:
    stack = example("bring_your_own")
    created = set(stack.document["resource"])
    assert not {kind for kind in created if kind.startswith(("aws_sqs_", "aws_sagemaker_", "aws_appautoscaling_"))}
    assert "aws_iam_role" not in created
    assert stack.one("aws_lambda_function")["role"] == "arn:aws:iam::123456789012:role/crm-inference"
    assert {policy["role"] for policy in stack.all("aws_iam_role_policy").values()} == {"crm-inference"}
    variables = environment(stack, "function")
    assert (variables["ENDPOINT_NAME"], variables["RESULT_SINK"]) == ("churn-2026", "s3")
    assert variables["RESULT_TARGET"] == "s3://crm-scores/churn/"


def test_locked_down_has_its_own_key_on_all_that_rests(example: Example) -> None:
    stack = example("locked_down")
    queues = stack.all("aws_sqs_queue").values()
    assert ({queue["kms_master_key_id"] for queue in queues}, len(queues)) == ({KEY}, 3)
    assert stack.one("aws_dynamodb_table")["server_side_encryption"] == {"enabled": True, "kms_key_arn": KEY}
    configuration = stack.one("aws_sagemaker_endpoint_configuration")
    assert (configuration["kms_key_arn"], configuration["data_capture_config"]["kms_key_id"]) == (KEY, KEY)
    logs = stack.all("aws_cloudwatch_log_group").values()
    assert {(group["kms_key_id"], group["retention_in_days"]) for group in logs} == {(KEY, 365)}
    assert stack.one("aws_lambda_function")["kms_key_arn"] == KEY
    assert stack.one("aws_sns_topic")["kms_master_key_id"] == KEY


def test_locked_down_runs_signed_code_in_its_network_behind_an_alias(example: Example) -> None:
    stack = example("locked_down")
    function = stack.one("aws_lambda_function")
    assert function["vpc_config"] == NETWORK
    assert function["code_signing_config_arn"].endswith(":csc-0123456789abcdefg")
    job = stack.one("aws_signer_signing_job")
    assert (job["profile_name"], job["destination"]) == (
        "claims",
        {"s3": {"bucket": "claims-code", "prefix": "signed/"}},
    )
    assert stack.reference("aws_signer_signing_job") in function["s3_key"]
    alias = f"${{{stack.reference('aws_lambda_alias')}.arn}}"
    assert stack.one("aws_lambda_event_source_mapping")["function_name"] == alias


def test_alarms_reach_their_subscribers(example: Example) -> None:
    for name, subscriber in (
        ("locked_down", "claims-on-call@example.com"),
        ("xgboost_csv_autoscaling", "payments-on-call@example.com"),
    ):
        stack = example(name)
        assert stack.one("aws_sns_topic_subscription")["endpoint"] == subscriber
        topic = f"arn:PARTITION:sns:eu-central-1:ACCOUNT:{stack.one('aws_sns_topic')['name']}"
        alarms = stack.all("aws_cloudwatch_metric_alarm").items()
        notified = [alarm["alarm_actions"] for name, alarm in alarms if "_monitoring_" in name]
        assert len(notified) > 5
        assert all([stack.readable(action) for action in actions] == [topic] for actions in notified)
        assert len(stack.all("aws_cloudwatch_dashboard")) == 1


def test_locked_down_gives_the_containers_its_network_and_no_way_out(example: Example) -> None:
    stack = example("locked_down")
    model = stack.one("aws_sagemaker_model")
    assert model["enable_network_isolation"] is True
    assert model["vpc_config"] == {
        "subnets": NETWORK["subnet_ids"],
        "security_group_ids": NETWORK["security_group_ids"],
    }
    assert "@sha256:" in model["primary_container"]["image"]


def test_locked_down_keeps_its_state_in_s3_and_rolls_a_bad_model_back(example: Example) -> None:
    stack = example("locked_down")
    backend = stack.document["terraform"]["backend"]["s3"]
    assert (backend["encrypt"], backend["use_lockfile"]) == (True, True)
    deployment = stack.one("aws_sagemaker_endpoint")["deployment_config"]
    assert len(deployment["auto_rollback_configuration"]["alarms"]) == 2
