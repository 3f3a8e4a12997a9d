"""Documents become vectors: messages with texts, Text Embeddings Inference on CPUs, and vectors in S3 as JSON lines.

Send {"inputs": "The text of a passage"}. An object below s3://shop-vectors/passages/ has a CloudEvent a line: its data
is {"endpoint": …, "result": [0.013, -0.046, …]}, and its subject the message's id. The bucket exists. Rerankers are
served likewise: a record is {"query": "…", "texts": ["…", "…"]} then, with codec `single`.
"""

from constructs_lib import (
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    ResultsSettings,
    StackSettings,
    TextEmbeddingsModel,
    synthesize,
)

MODEL = TextEmbeddingsModel(
    model_id="BAAI/bge-base-en-v1.5",
    # The head of a branch moves; a commit does not.
    revision="a5beb1e3e68b9ab74eb54cfd186867f64f240e1a",
    million_parameters=109,
    max_client_batch_size=64,
)

PASSAGES = PipelineSettings(
    endpoint=EndpointSettings(
        model=MODEL,
        capacity=InstanceCapacity(
            instance_type="ml.c5.2xlarge", min_instances=1, max_instances=4, concurrent_requests_per_instance=4
        ),
    ),
    # As many texts a request as the server takes; it puts them into batches by their tokens itself.
    inference=InferenceSettings(codec="huggingface", max_records_per_request=64),
    event_source=EventSourceSettings(batch_size=500, batching_window_seconds=5),
    function=FunctionSettings(timeout_seconds=90),
    results=ResultsSettings(sink="s3", location="s3://shop-vectors/passages/"),
    acknowledged={"batch-over-payload": "passages are a few KB: Lambda cuts the rare batch over 6 MB"},
)

STACKS = {"search": StackSettings(region="eu-central-1", pipelines={"passages": PASSAGES})}

if __name__ == "__main__":
    synthesize(STACKS)
