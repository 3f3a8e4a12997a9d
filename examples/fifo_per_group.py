"""Moderation of a chat: each room's messages are scored, and their results leave, in the order they came in.

Send {"inputs": "hello"} with the room as MessageGroupId; rooms go side by side.
"""

from constructs_lib import (
    EndpointSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    QueueSettings,
    StackSettings,
    synthesize,
)

MODEL = HuggingFaceModel(model_id="unitary/toxic-bert", task="text-classification")

MODERATION = PipelineSettings(
    queue=QueueSettings(fifo=True, high_throughput=True, content_based_deduplication=True),
    endpoint=EndpointSettings(
        model=MODEL, capacity=InstanceCapacity(instance_type="ml.c5.xlarge", min_instances=2, max_instances=6)
    ),
    # A message that can't be scored is dead-lettered, and its room goes on without it.
    inference=InferenceSettings(fifo_dead_letters=True, parameters={"truncation": True}),
    function=FunctionSettings(timeout_seconds=90),
)

STACKS = {"chat": StackSettings(region="eu-central-1", pipelines={"moderation": MODERATION})}

if __name__ == "__main__":
    synthesize(STACKS)
