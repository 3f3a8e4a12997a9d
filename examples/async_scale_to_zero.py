"""Transcripts of calls: minutes of work a message, on GPU instances that run only while there is work.

Send {"s3": "s3://my-calls/incoming/4711.wav"}; the function hands the object, as it lies there and with its own content
type, to the asynchronous endpoint, and a second function sends the result on when it is ready.
"""

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    InferenceSettings,
    PipelineSettings,
    ResultsSettings,
    StackSettings,
    synthesize,
)

TRANSCRIPTS = PipelineSettings(
    endpoint=EndpointSettings(
        model=ContainerModel(
            image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/whisper:3",
            model_data_url="s3://my-models/whisper/model.tar.gz",
        ),
        capacity=AsyncCapacity(
            instance_type="ml.g5.xlarge",
            request_location="s3://my-calls/requests/",
            output_location="s3://my-calls/answers/",
            failure_location="s3://my-calls/failures/",
            max_instances=3,
            concurrent_requests_per_instance=2,
            backlog_per_instance=4,
        ),
    ),
    inference=InferenceSettings(codec="single", input_location="s3://my-calls/incoming/"),
    # A long call's transcript is larger than an event may be.
    results=ResultsSettings(sink="eventbridge", overflow_location="s3://my-calls/transcripts/"),
)

STACKS = {"calls": StackSettings(region="eu-central-1", pipelines={"transcripts": TRANSCRIPTS})}

if __name__ == "__main__":
    synthesize(STACKS)
