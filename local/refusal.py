"""The parts of a stack that the local run can't carry out: it is refused before anything is started."""

from collections.abc import Iterator, Mapping

from local.errors import UsageError
from local.template import Template

# Settings of envelopes with which a message may be without one.
BARE = "refuse", "as-is", "auto", "extended-client"


def require_runnable(template: Template) -> None:
    """Raise UsageError naming all obstacles, if there are any."""
    if obstacles := dict.fromkeys(_obstacles(template)):
        raise UsageError(f"the stack {template.stack} can't run on the embedded AWS: {'; '.join(obstacles)}")


def _obstacles(template: Template) -> Iterator[str]:
    for block in template.of_type("data.aws_sqs_queue"):
        yield f"the queue {block.arguments['name']} exists already, elsewhere"
    for block in template.of_type("aws_sagemaker_endpoint_configuration"):
        if "async_inference_config" in block.arguments:
            yield "its endpoint is asynchronous, and the local one is not"
    endpoints = template.of_type("aws_sagemaker_endpoint")
    for block in template.of_type("aws_lambda_function"):
        variables: Mapping[str, str] = block.arguments.get("environment", {}).get("variables", {})
        if (name := variables.get("ENDPOINT_NAME")) and not endpoints:
            yield f"the endpoint {name} exists already, elsewhere"
        if not (role := block.arguments.get("role", "")).startswith("${"):
            yield f"the role {role} exists already, elsewhere"
        yield from _obstacles_of_handler(variables)


def _obstacles_of_handler(variables: Mapping[str, str]) -> Iterator[str]:
    if (envelope := variables.get("ENVELOPE", "refuse")) not in BARE:
        yield f"its messages come in the envelope {envelope}, and the local run sends them bare"
    if variables.get("BODY_ENCODING", "text") != "text":
        yield "its messages are in base64, and those of the local run are text"
    if (sink := variables.get("RESULT_SINK", "sqs")) not in ("sqs", "s3"):
        yield f"its results go to {sink}, and the local run receives them from sqs and s3"
