"""The parts of a stack that the local run can't carry out: it is refused before anything is started."""

from collections.abc import Iterator, Mapping

from local.errors import UsageError
from local.template import Template


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
        if (sink := variables.get("RESULT_SINK", "sqs")) != "sqs":
            yield f"its results go to {sink}, and the local run receives them from sqs"
