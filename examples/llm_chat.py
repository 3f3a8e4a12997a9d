"""Mails to the support are summarized by a language model on one GPU: many requests in flight, and tokens counted.

Send the text of a mail. The result's data is {"endpoint": …, "result": {"text": "The customer …",
"finishReason": "stop", "inputTokens": 412, "outputTokens": 57}}.
"""

from constructs_lib import (
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    InferenceSettings,
    InstanceCapacity,
    LanguageModel,
    PipelineSettings,
    StackSettings,
    synthesize,
)

MODEL = LanguageModel(
    model_id="Qwen/Qwen2.5-7B-Instruct",
    # The head of a branch moves; a commit does not.
    revision="a09a35458c702b33eeacc393d103063234e8bc28",
    max_model_tokens=8192,
)

MAILS = PipelineSettings(
    endpoint=EndpointSettings(
        model=MODEL,
        capacity=InstanceCapacity(
            instance_type="ml.g6e.xlarge",
            min_instances=1,
            max_instances=2,
            # vLLM works on so many mails at once; the scaling target and the requests in flight derive from it.
            concurrent_requests_per_instance=32,
            # The image has CUDA 12.8: the instance's drivers must be newer than SageMaker's own.
            inference_ami_version="al2-ami-sagemaker-inference-gpu-3-1",
            model_download_timeout_seconds=1200,
            startup_timeout_seconds=1200,
        ),
    ),
    inference=InferenceSettings(
        codec="chat",
        system_prompt="You summarize mails to a shop's support in two sentences, in English.",
        prompt_template="Summarize this mail:\n\n{body}",
        parameters={"max_tokens": 200, "temperature": 0},
        # Measured once; an answer of 200 tokens then takes ten seconds while the GPU is busy.
        answer_tokens_per_second=20,
    ),
    event_source=EventSourceSettings(batch_size=64, batching_window_seconds=5, maximum_concurrency=2),
    # The container has 60 s for an answer, and the function time to wait for more than one.
    function=FunctionSettings(timeout_seconds=180),
    acknowledged={"batch-over-payload": "mails are short: 64 of them are below Lambda's 6 MB"},
)

STACKS = {"support": StackSettings(region="eu-central-1", pipelines={"mails": MAILS})}

if __name__ == "__main__":
    synthesize(STACKS)
