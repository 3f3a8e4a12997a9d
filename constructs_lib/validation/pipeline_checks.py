"""Everything that is out of bounds in a pipeline: each setting, each object, and across them."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from constructs_lib.settings import ExistingEndpoint, PipelineSettings
from constructs_lib.validation.checker import Violation, check, holds, independent
from constructs_lib.validation.cross_resource import chain_violations
from constructs_lib.validation.derived import derive
from constructs_lib.validation.environment import environment_violations, handler_settings
from constructs_lib.validation.limits import (
    LONGEST_REGION,
    NAME_DESCRIPTION,
    NAME_PATTERN,
    ROLE_NAME_CHARACTERS,
    Pattern,
)
from constructs_lib.validation.regions import misplaced

# The longest name that begins with the prefix: a role's, with the longest region name.
MAX_PREFIX_CHARACTERS = ROLE_NAME_CHARACTERS - len(f"-inference-{LONGEST_REGION}")

# These two may be of another region: a sender's own, and the one that holds the secret.
ANYWHERE = ("source_arn", "token_secret_arn")


def check_pipeline(path: str, name: str, settings: PipelineSettings) -> list[Violation]:
    """Return everything that is out of bounds, without building anything."""
    violations = check(path, settings)
    prefix = Pattern(
        "name",
        f"(?=.{{1,{MAX_PREFIX_CHARACTERS}}}$){NAME_PATTERN}",
        f"1 to {MAX_PREFIX_CHARACTERS} {NAME_DESCRIPTION}",
        f"SageMaker EndpointName, and IAM role names of {ROLE_NAME_CHARACTERS} with suffix and region",
    )
    if not holds(prefix, name):
        violations.append(Violation(path, "name", name, prefix.description, prefix.reason))
    if any(violation.wrong_type for violation in violations):
        return violations
    try:
        json.dumps(settings.inference.parameters, allow_nan=False)
    except (TypeError, ValueError) as error:
        parameters = settings.inference.parameters
        violations.append(Violation(path, "inference.parameters", parameters, "a JSON object", str(error)))
    violations += independent(lambda tried: chain_violations(path, derive(tried)), settings, violations)
    return violations or list(_environment_violations(path, name, derive(settings)))


def _environment_violations(path: str, name: str, derived: PipelineSettings) -> Iterator[Violation]:
    """Yield that Lambda would refuse what the function reads, but for what is known only once it is deployed."""
    unknown = "${}"
    endpoint = derived.endpoint.name if isinstance(derived.endpoint, ExistingEndpoint) else name
    target = derived.results.location if derived.results.sink == "s3" else unknown
    environment = handler_settings(
        derived,
        endpoint_name=endpoint,
        queue_url=unknown,
        dead_letter_queue_url=unknown,
        result_target=target or "",
        table_name=unknown,
    )
    yield from environment_violations(path, "function.environment", environment)


def region_violations(path: str, settings: Any, region: str, prefix: str = "") -> Iterator[Violation]:
    """Yield what a settings object, and those inside it, name in another region or partition than the stack's."""
    for f in fields(settings):
        value, name = getattr(settings, f.name), prefix + f.name
        items = (
            [(f"{name}[{i}]", item) for i, item in enumerate(value)] if isinstance(value, tuple) else [(name, value)]
        )
        for item_name, item in items:
            if is_dataclass(item):
                yield from region_violations(path, item, region, f"{item_name}.")
            elif isinstance(item, str) and (why := misplaced(item, region, anywhere=f.name in ANYWHERE)):
                yield Violation(path, item_name, item, *why)
