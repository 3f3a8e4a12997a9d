"""A stack with more than the defaults runs too; arguments without effect here are listed by name."""

import re
from pathlib import Path

from constructs_lib import (
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    PipelineSettings,
    ProvisionedPollers,
    QueueSettings,
    ResultsSettings,
    ServerlessCapacity,
    StackSettings,
    VpcSettings,
    add_stacks,
)

from cdktf import App

from tests.local.conftest import RunLocally

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
FUNCTION = FunctionSettings(
    timeout_seconds=90,
    alias="live",
    provisioned_concurrency=2,
    environment_key_arn=KEY,
    log_key_arn=KEY,
    vpc=VpcSettings(subnet_ids=("subnet-0a",), security_group_ids=("sg-0b",)),
)


def _synthesize(folder: Path, event_source: EventSourceSettings) -> Path:
    pipeline = PipelineSettings(
        endpoint=EndpointSettings(
            model=HuggingFaceModel(model_id="owner/model", task="text-classification"), capacity=ServerlessCapacity()
        ),
        queue=QueueSettings(kms_key_arn=KEY),
        function=FUNCTION,
        event_source=event_source,
        inference=InferenceSettings(max_request_bytes=128 * 1024),
        results=ResultsSettings(kms_key_arn=KEY, max_events_per_message=100),
    )
    app = App(outdir=str(folder))
    add_stacks(app, {"dev": StackSettings(region="eu-central-1", pipelines={"language": pipeline})})
    app.synth()
    return folder / "stacks" / "dev" / "cdk.tf.json"


def test_an_alias_a_network_filters_pollers_keys_and_lists_of_results_do_not_stop_a_run(
    run_locally: RunLocally, tmp_path: Path
) -> None:
    source = EventSourceSettings(
        provisioned_pollers=ProvisionedPollers(maximum=2), filters=({"body": {"lang": ["en"]}},), filter_key_arn=KEY
    )
    done = run_locally("--template", _synthesize(tmp_path / "out", source), "--count", 40, "--poison", 0.1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"aws_lambda_alias\s+live$", done.stdout, re.MULTILINE)
    assert "aws_lambda_provisioned_concurrency_config" in done.stdout
    for argument in ("filter_criteria", "provisioned_poller_config", "vpc_config", "kms_master_key_id"):
        assert argument in done.stdout
