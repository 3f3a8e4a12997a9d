"""Everything that is out of bounds in a pipeline: each setting, each object, and across them."""

import json
from collections.abc import Iterator

from constructs_lib.chains import chain_violations, derive, unknown_at_synth
from constructs_lib.endpoint_relations import endpoint_models
from constructs_lib.limits import NAME_DESCRIPTION, NAME_PATTERN, ROLE_NAME_CHARACTERS, Pattern
from constructs_lib.settings import EndpointSettings, ExistingEndpoint, PipelineSettings
from constructs_lib.validation import Violation, check, holds, is_unresolved

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
    violations += [
        Violation(path, f"endpoint.{place}", url, "s3:// and what follows", "the role's rights are made from it")
        for place, url in _endpoint_urls(settings.endpoint)
        if is_unresolved(url) and not url.startswith("s3://")  # no pattern was put to a reference
    ]
    try:
        json.dumps(settings.inference.parameters, allow_nan=False)
    except (TypeError, ValueError) as error:
        parameters = settings.inference.parameters
        violations.append(Violation(path, "inference.parameters", parameters, "a JSON object", str(error)))
    violations += unknown_at_synth(path, settings)
    if any(violation.wrong_type for violation in violations):
        return violations
    return violations + chain_violations(path, derive(settings))


def _endpoint_urls(settings: EndpointSettings | ExistingEndpoint) -> Iterator[tuple[str, str]]:
    """Yield the S3 URLs of an endpoint's settings, and where they are set."""
    if isinstance(settings, ExistingEndpoint):
        return
    holders = {**dict(endpoint_models(settings)), "capacity": settings.capacity, "data_capture": settings.data_capture}
    names = ("model_data_url", "model_data_prefix", "bundle_location", "location")
    for place, holder in holders.items():
        for name in (*names, "input_location", "output_location", "failure_location"):
            if url := getattr(holder, name, None):
                yield f"{place}.{name}", url
