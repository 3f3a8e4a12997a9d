"""An app with a mistake in its settings."""

from constructs_lib import EndpointSettings, ExistingEndpoint, PipelineSettings

ENDPOINT: EndpointSettings | ExistingEndpoint = ExistingEndpoint(name="theirs", concurrent_requests=1)
PIPELINE = PipelineSettings(endpoints=ENDPOINT)  # type: ignore[call-arg]
