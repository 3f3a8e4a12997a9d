"""Pictures are uploaded to a bucket, and classified: S3 notification, queue, endpoint, and a result that names the key.

The bucket exists, and is told once where to send its notifications:

    aws s3api put-bucket-notification-configuration --bucket shop-pictures --notification-configuration '{
      "QueueConfigurations": [{"QueueArn": "arn:aws:sqs:eu-central-1:ACCOUNT:pictures-labels-work",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "uploads/"}]}}}]}'

After `aws s3 cp cat.png s3://shop-pictures/uploads/cat.png` the result's data is
{"endpoint": …, "inputLocation": "s3://shop-pictures/uploads/cat.png", "result": [{"label": …, "score": …}, …]}.
"""

from constructs_lib import (
    EndpointSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferenceSettings,
    PipelineSettings,
    QueueSettings,
    ServerlessCapacity,
    ServicePrincipal,
    StackSettings,
    synthesize,
)

MODEL = HuggingFaceModel(
    model_id="google/vit-base-patch16-224",
    task="image-classification",
    # The head of a branch moves; a commit does not.
    revision="3f49326eb077187dfe1c2a2bb15fbd74e6ab91e3",
)

LABELS = PipelineSettings(
    endpoint=EndpointSettings(model=MODEL, capacity=ServerlessCapacity(memory_mib=4096, max_concurrency=20)),
    queue=QueueSettings(
        senders=(ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::shop-pictures"),)
    ),
    # `single` sends the object's bytes with its content type, for instance image/png.
    inference=InferenceSettings(codec="single", envelope="s3", input_location="s3://shop-pictures/uploads/"),
    # A cold container may take most of the 60 s that SageMaker gives it.
    function=FunctionSettings(timeout_seconds=90),
)

STACKS = {"pictures": StackSettings(region="eu-central-1", pipelines={"labels": LABELS})}

if __name__ == "__main__":
    synthesize(STACKS)
