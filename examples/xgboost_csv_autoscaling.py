"""Fraud scores of payments: an XGBoost model on AWS's image, one CSV row a message, on instances that follow the load.

Send `4,129.90,0,1,17`; the result's data is the score.
"""

from constructs_lib import (
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    InferenceSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    QueueScaling,
    ResultsSettings,
    ScheduledCapacity,
    StackSettings,
    synthesize,
)

# AWS's own image; its account differs from region to region (SageMaker docs, "Docker Registry Paths").
XGBOOST = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1"

CAPACITY = InstanceCapacity(
    instance_type="ml.c5.large",
    min_instances=2,
    max_instances=10,
    concurrent_requests_per_instance=8,
    # The endpoint's own metric can't show that the queue falls behind.
    queue_scaling=QueueScaling(age_seconds=60, add_instances=2),
    schedule=(
        ScheduledCapacity(
            name="day", schedule="cron(0 7 ? * MON-FRI *)", timezone="Europe/Berlin", min_instances=4, max_instances=10
        ),
        ScheduledCapacity(
            name="night", schedule="cron(0 20 ? * * *)", timezone="Europe/Berlin", min_instances=2, max_instances=10
        ),
    ),
)

FRAUD = PipelineSettings(
    endpoint=EndpointSettings(
        model=ContainerModel(image_uri=XGBOOST, model_data_url="s3://my-models/fraud/model.tar.gz"),
        capacity=CAPACITY,
    ),
    # Rows are short: gather hundreds for up to a second, and score them in one request.
    event_source=EventSourceSettings(batch_size=500, batching_window_seconds=1),
    # Outside batch transform this image answers with one row, a score each.
    inference=InferenceSettings(codec="csv-row", max_records_per_request=250),
    # Scores are shorter still: one message has those of a whole request.
    results=ResultsSettings(max_events_per_message=250),
    monitoring=MonitoringSettings(subscribers=("payments-on-call@example.com",), queue_age_seconds=120),
    acknowledged={"batch-over-payload": "a row has a few hundred bytes, however large a message may be"},
)

STACKS = {"payments": StackSettings(region="eu-central-1", pipelines={"fraud": FRAUD})}

if __name__ == "__main__":
    synthesize(STACKS)
