"""A chain: the first pipeline detects a text's language, and the model for that language rates it.

Send {"inputs": "Guten Morgen", "ticket": "T-17"}. The first pipeline's results leave by a topic, each with its text; by
its label each comes to one queue of the second stage. The last result has the ticket as its subject, and `causationid`
is the first one's id.
"""

from dataclasses import replace

from constructs_lib import (
    EndpointSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    PipelineSettings,
    ResultsOf,
    ResultsSettings,
    ServerlessCapacity,
    StackSettings,
    synthesize,
)

FUNCTION = FunctionSettings(timeout_seconds=90)
CAPACITY = ServerlessCapacity(memory_mib=4096, max_concurrency=4)
# What goes on with each result, and so to the next stage: the text, and whose it is.
RESULTS = ResultsSettings(keep_members=("inputs", "ticket"), correlation="/ticket")


def model(model_id: str) -> EndpointSettings:
    return EndpointSettings(model=HuggingFaceModel(model_id=model_id, task="text-classification"), capacity=CAPACITY)


LANGUAGE = PipelineSettings(
    endpoint=model("papluca/xlm-roberta-base-language-detection"),
    function=FUNCTION,
    inference=InferenceSettings(parameters={"truncation": True}),
    results=replace(RESULTS, sink="sns"),
)


def rating(model_id: str) -> PipelineSettings:
    """Return a pipeline of the second stage: its messages are the first one's results."""
    return PipelineSettings(
        endpoint=model(model_id),
        function=FUNCTION,
        inference=InferenceSettings(parameters={"truncation": True}, envelope="cloudevents"),
        # Without a correlation of its own a result has the subject of the event that it came in.
        results=replace(RESULTS, correlation=None),
    )


def labelled(rule: object) -> ResultsOf:
    return ResultsOf(pipeline="language", matching={"data": {"result": {"label": [rule]}}})


STACKS = {
    "reviews": StackSettings(
        region="eu-central-1",
        pipelines={
            "language": LANGUAGE,
            "german": rating("oliverguhr/german-sentiment-bert"),
            "english": rating("distilbert/distilbert-base-uncased-finetuned-sst-2-english"),
            "others": rating("cardiffnlp/twitter-xlm-roberta-base-sentiment"),
        },
        # Whatever has no model of its own comes to the one for all others: nothing is left out.
        feeds={
            "german": labelled("de"),
            "english": labelled("en"),
            "others": labelled({"anything-but": ["de", "en"]}),
        },
    )
}

if __name__ == "__main__":
    synthesize(STACKS)
