"""A queue, an endpoint and a role that exist already: only the function and its event source mapping are created."""

from constructs_lib import (
    ExistingEndpoint,
    ExistingQueue,
    ExistingRole,
    FunctionSettings,
    InferenceSettings,
    PipelineSettings,
    ResultsSettings,
    StackSettings,
    synthesize,
)

CHURN = PipelineSettings(
    # These settings must be those of the existing queue, since checks across resources use them.
    queue=ExistingQueue(
        name="crm-events",
        dead_letter_queue_name="crm-events-dead",
        visibility_timeout_seconds=360,
        max_receive_count=5,
        max_message_bytes=256 * 1024,
    ),
    endpoint=ExistingEndpoint(name="churn-2026", concurrent_requests=32),
    function=FunctionSettings(
        timeout_seconds=60,
        role=ExistingRole(arn="arn:aws:iam::123456789012:role/crm-inference"),
    ),
    inference=InferenceSettings(codec="instances"),
    results=ResultsSettings(sink="s3", location="s3://crm-scores/churn/"),
)

STACKS = {"crm": StackSettings(region="eu-central-1", pipelines={"churn": CHURN})}

if __name__ == "__main__":
    synthesize(STACKS)
