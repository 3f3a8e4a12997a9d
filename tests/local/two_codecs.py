"""An app of two codecs: a text is labelled, and what is in two of the languages a language model answers."""

from constructs_lib import (
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    LanguageModel,
    PipelineSettings,
    QueueSettings,
    ResultsOf,
    ResultsSettings,
    ServerlessCapacity,
    StackSettings,
    synthesize,
)

LABEL = PipelineSettings(
    endpoint=EndpointSettings(
        model=HuggingFaceModel(model_id="papluca/xlm-roberta-base-language-detection", task="text-classification"),
        capacity=ServerlessCapacity(memory_mib=4096, max_concurrency=4),
    ),
    function=FunctionSettings(timeout_seconds=90),
    results=ResultsSettings(sink="eventbridge", keep_members=("inputs",)),
)
ANSWER = PipelineSettings(
    endpoint=EndpointSettings(
        model=LanguageModel(model_id="Qwen/Qwen2.5-7B-Instruct", max_model_tokens=8192),
        capacity=InstanceCapacity(
            instance_type="ml.g6e.xlarge",
            concurrent_requests_per_instance=32,
            inference_ami_version="al2-ami-sagemaker-inference-gpu-3-1",
        ),
    ),
    inference=InferenceSettings(
        codec="chat",
        prompt_template="Answer this mail:\n\n{inputs}",
        parameters={"max_tokens": 50},
        envelope="cloudevents",
        answer_tokens_per_second=20,
    ),
    queue=QueueSettings(max_message_bytes=1048576),
    event_source=EventSourceSettings(batch_size=8, maximum_concurrency=2),
    function=FunctionSettings(timeout_seconds=180),
)
STACKS = {
    "mails": StackSettings(
        region="eu-central-1",
        pipelines={"label": LABEL, "answer": ANSWER},
        feeds={"answer": ResultsOf(pipeline="label", matching={"data": {"result": {"label": ["de", "en"]}}})},
    )
}
if __name__ == "__main__":
    synthesize(STACKS)
