"""The stacks that exist, with their settings: language identification of support messages, as dev and as prod."""

from dataclasses import replace

from constructs_lib import (  # first: it makes importing cdktf fast
    Deployment,
    EndpointSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    ServerlessCapacity,
    StackSettings,
    add_stacks,
    synthesize,
)

from cdktf import App

REGION = "eu-central-1"

MODEL = HuggingFaceModel(model_id="papluca/xlm-roberta-base-language-detection", task="text-classification")

# A support message has a few KiB; one over 128 KiB is somebody's log file, and is dead-lettered rather than scored.
# The model reads 512 tokens; `truncation` lets it take longer texts.
INFERENCE = InferenceSettings(max_request_bytes=128 * 1024, parameters={"truncation": True})

# The first answer of a cold container may take most of the 60 s that SageMaker allows.
FUNCTION = FunctionSettings(timeout_seconds=90)


STACKS = {
    # Costs nothing while idle.
    "dev": StackSettings(
        region=REGION,
        pipelines={
            "language": PipelineSettings(
                endpoint=EndpointSettings(
                    model=MODEL, capacity=ServerlessCapacity(memory_mib=6144, max_concurrency=10)
                ),
                inference=INFERENCE,
                function=FUNCTION,
            )
        },
    ),
    # Always warm, in two availability zones, scaled by load, deployed with a canary, and watched.
    "prod": StackSettings(
        region=REGION,
        pipelines={
            "language": PipelineSettings(
                endpoint=EndpointSettings(
                    model=MODEL,
                    capacity=InstanceCapacity(instance_type="ml.c5.xlarge", min_instances=2, max_instances=8),
                    deployment=Deployment(strategy="canary"),
                ),
                inference=INFERENCE,
                function=replace(FUNCTION, alias="live"),
                monitoring=MonitoringSettings(),
            )
        },
    ),
}


def build_app(outdir: str | None = None) -> App:
    app = App(outdir=outdir)
    add_stacks(app, STACKS)
    return app


if __name__ == "__main__":
    synthesize(STACKS)
