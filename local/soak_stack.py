"""The stack of the soak: the dev stack's pipeline, with short timeouts, so that a killed function delays little."""

import sys

from constructs_lib import (  # first: it makes importing cdktf fast
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    QueueSettings,
    SettingsError,
    StackSettings,
    add_stacks,
)

from cdktf import App

FUNCTION_TIMEOUT_SECONDS = 10

SOAK = PipelineSettings(
    endpoint=EndpointSettings(
        model=HuggingFaceModel(model_id="papluca/xlm-roberta-base-language-detection", task="text-classification"),
        capacity=InstanceCapacity(instance_type="ml.c5.xlarge"),
    ),
    queue=QueueSettings(
        # As long as the longest invocation, so that the messages of a killed one come again as soon as possible.
        visibility_timeout_seconds=FUNCTION_TIMEOUT_SECONDS,
        # Faults are frequent here, so it is one more than by default. With 10, a message that the function returns each
        # time would delay the end of the run by half an hour, since its pauses double.
        max_receive_count=6,
    ),
    function=FunctionSettings(timeout_seconds=FUNCTION_TIMEOUT_SECONDS),
    # The function's processes, the emulator, the model and the run share one computer.
    event_source=EventSourceSettings(maximum_concurrency=5),
    inference=InferenceSettings(max_request_bytes=128 * 1024, parameters={"truncation": True}),
)

STACKS = {"soak": StackSettings(region="eu-central-1", pipelines={"language": SOAK})}


if __name__ == "__main__":
    app = App()
    try:
        add_stacks(app, STACKS)
        app.synth()
    except SettingsError as error:
        sys.exit(str(error))
