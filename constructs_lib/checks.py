"""Everything that is out of bounds in a pipeline: each setting, each object, and across them."""

import json

from constructs_lib.chains import chain_violations, derive
from constructs_lib.limits import NAME_DESCRIPTION, NAME_PATTERN, ROLE_NAME_CHARACTERS, Pattern
from constructs_lib.settings import PipelineSettings
from constructs_lib.validation import Violation, check, holds

# The longest name made from the prefix: a role's, with the longest region name.
MAX_PREFIX_CHARACTERS = ROLE_NAME_CHARACTERS - len("-inference-ap-southeast-4")


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
    return violations + chain_violations(path, derive(settings))
