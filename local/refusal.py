"""The parts of a stack that the local run can't carry out: it is refused before anything is started."""

from collections.abc import Iterator, Mapping

from local.errors import UsageError
from local.sinks import ACTIONS
from local.template import MAPPING, Template


def require_runnable(template: Template) -> None:
    """Raise UsageError naming all obstacles, if there are any."""
    if obstacles := dict.fromkeys(_obstacles(template)):
        raise UsageError(f"the stack {template.stack} can't run on the embedded AWS: {'; '.join(obstacles)}")


def _obstacles(template: Template) -> Iterator[str]:
    configurations = template.of_type("aws_sagemaker_endpoint_configuration")
    if len(template.of_type(MAPPING)) > 1 and any("async_inference_config" in one.arguments for one in configurations):
        yield "one server answers all of a chain's requests, and one of its endpoints is asynchronous"
    for block in template.of_type(MAPPING):
        if block.arguments.get("enabled") is False:
            yield f"the event source of {block.part} is disabled, so messages would only wait"
    for block in template.of_type("aws_lambda_function"):
        variables: Mapping[str, str] = block.arguments.get("environment", {}).get("variables", {})
        if (sink := variables.get("RESULT_SINK", "sqs")) not in ACTIONS:
            yield f"its results go to {sink}, so nobody could see them"
