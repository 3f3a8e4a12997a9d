"""Several pipelines in one stack, one with two models that share the traffic, and one with a shadow variant.

Adding a pipeline changes nothing of the others: each has its own queue, function, endpoint and rights.
"""

from dataclasses import replace

from constructs_lib import (
    Deployment,
    EndpointSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    StackSettings,
    Variant,
    synthesize,
)

INSTANCES = InstanceCapacity(instance_type="ml.c5.xlarge", min_instances=1, max_instances=4)
FUNCTION = FunctionSettings(timeout_seconds=90)
INFERENCE = InferenceSettings(parameters={"truncation": True})


def classifier(model_id: str) -> HuggingFaceModel:
    return HuggingFaceModel(model_id=model_id, task="text-classification")


LANGUAGE = PipelineSettings(
    endpoint=EndpointSettings(
        model=classifier("papluca/xlm-roberta-base-language-detection"),
        capacity=INSTANCES,
        # Nine requests in ten; the newcomer gets the tenth one.
        weight=9,
        more_variants=(
            Variant(name="newcomer", capacity=INSTANCES, model=classifier("qanastek/51-languages-classifier")),
        ),
    ),
    inference=INFERENCE,
    function=FUNCTION,
)

SENTIMENT = PipelineSettings(
    endpoint=EndpointSettings(
        model=classifier("cardiffnlp/twitter-xlm-roberta-base-sentiment"),
        capacity=INSTANCES,
        # Gets copies of half the requests; its answers are only recorded.
        shadow=Variant(
            name="candidate",
            capacity=INSTANCES,
            model=classifier("nlptown/bert-base-multilingual-uncased-sentiment"),
            weight=1,
        ),
    ),
    inference=INFERENCE,
    function=FUNCTION,
)

TOPIC = PipelineSettings(
    endpoint=EndpointSettings(
        model=classifier("classla/multilingual-IPTC-news-topic-classifier"),
        # The first step of a canary is an instance at least, and half of them at most.
        capacity=replace(INSTANCES, min_instances=2),
        # A tenth of the instances first; back to the old model when requests fail or slow down.
        deployment=Deployment(strategy="canary", step_percent=10, rollback_latency_ms=2000),
    ),
    inference=INFERENCE,
    function=FUNCTION,
)

STACKS = {
    "support": StackSettings(
        region="eu-central-1", pipelines={"language": LANGUAGE, "sentiment": SENTIMENT, "topic": TOPIC}
    )
}

if __name__ == "__main__":
    synthesize(STACKS)
