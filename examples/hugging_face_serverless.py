"""Sentiment of reviews: a model of the Hugging Face Hub on a serverless endpoint, which costs nothing when idle.

Send {"inputs": "Arrived two days early, works like a charm."}; the result's data is [{"label": …, "score": …}].
"""

from constructs_lib import (
    EndpointSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    PipelineSettings,
    ServerlessCapacity,
    StackSettings,
    synthesize,
)

MODEL = HuggingFaceModel(
    model_id="distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    task="text-classification",
    # The head of a branch moves; a commit does not.
    revision="714eb0fa89d2f80546fda750413ed43d93601a13",
)

REVIEWS = PipelineSettings(
    endpoint=EndpointSettings(model=MODEL, capacity=ServerlessCapacity(memory_mib=4096, max_concurrency=20)),
    # The model reads 512 tokens; `truncation` lets it take longer reviews.
    inference=InferenceSettings(parameters={"truncation": True}, sort_by_length=True),
    # A cold container may take most of the 60 s that SageMaker gives it.
    function=FunctionSettings(timeout_seconds=90),
)

STACKS = {"reviews": StackSettings(region="eu-central-1", pipelines={"sentiment": REVIEWS})}

if __name__ == "__main__":
    synthesize(STACKS)
