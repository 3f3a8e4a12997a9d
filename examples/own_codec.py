"""Tickets to a triage service with a format of its own: the codec is in a layer, `layers/own_codec`, and matches ids.

Send `{"text": "Where is my order?"}`; the result's data is what the service says of it.
"""

from constructs_lib import (
    ContainerModel,
    EndpointSettings,
    FunctionSettings,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    StackSettings,
    synthesize,
)

TRIAGE = PipelineSettings(
    endpoint=EndpointSettings(
        model=ContainerModel(
            image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/triage:1.2",
            model_data_url="s3://my-models/triage/model.tar.gz",
        ),
        capacity=InstanceCapacity(instance_type="ml.c5.large", min_instances=2, max_instances=6),
    ),
    # A published version of the layer: docs/own-codec.md says how. The local run takes layers/own_codec, by its name.
    function=FunctionSettings(layers=("arn:aws:lambda:eu-central-1:123456789012:layer:own_codec:1",)),
    inference=InferenceSettings(codec="my_codec:make"),
)

STACKS = {"tickets": StackSettings(region="eu-central-1", pipelines={"triage": TRIAGE})}

if __name__ == "__main__":
    synthesize(STACKS)
