"""Small pipelines as the capacity planning sees them, without a template."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib import PipelineSettings, StackSettings, add_stacks

from cdktf import App

from capacity.deployed import Endpoint, Function, Pipeline, Queue, Source, Variant, Watching
from capacity.profile import Profile
from capacity.reading import pipelines_of
from capacity.scaling_settings import Scaling
from capacity.service_time import parse_service_time
from capacity.work import Circumstances, Work
from handler.settings import HandlerSettings
from local.template import Template

# No time but the model's, so that figures can be worked out by hand.
IDEAL = Profile(
    name="ideal", invocation_cpu=0, request_cpu=0, record_cpu=0, call_cpu=0, round_trip=0, between=0, origin="none"
)
HANDLER = HandlerSettings(
    endpoint_name="e",
    dead_letter_queue_url="https://sqs/dead",
    result_target="https://sqs/results",
    queue_url="https://sqs/work",
    requests_in_flight=2,
)
SCALED = Variant(
    name="primary",
    instance_type="ml.c5.xlarge",
    instances=2,
    concurrent_requests=4,
    scaling=Scaling(minimum=2, maximum=8, metric="concurrent", target=2.8),
)


def pipeline(**changes: Any) -> Pipeline:
    """Return two to eight ml.c5.xlarge behind batches of ten, sixteen at once."""
    handler = replace(HANDLER, **{name: changes.pop(name) for name in list(changes) if hasattr(HANDLER, name)})
    return replace(
        Pipeline(
            stack="s",
            name="p",
            region="eu-central-1",
            queue=Queue(),
            source=Source(maximum_concurrency=16),
            function=Function(memory_mib=1769),
            handler=handler,
            endpoint=Endpoint(variants=[SCALED]),
            watching=Watching(),
        ),
        **changes,
    )


def work(
    model: str = "20ms+0.5ms",
    profile: Profile = IDEAL,
    circumstances: Circumstances = Circumstances(),
    **changes: Any,
) -> Work:
    return Work(pipeline(**changes), parse_service_time(model), profile, circumstances)


def synthesized(folder: Path, settings: PipelineSettings) -> Path:
    """Synthesize a stack with this pipeline as an app does, with the comments that `Testing.synth` leaves out."""
    app = App(outdir=str(folder))
    add_stacks(app, {"s": StackSettings(region="eu-central-1", pipelines={"p": settings})})
    app.synth()
    return folder / "stacks" / "s" / "cdk.tf.json"


def deployed(folder: Path, settings: PipelineSettings) -> Pipeline:
    """Synthesize a stack with this pipeline, and read it."""
    (found,) = pipelines_of(Template.load(synthesized(folder, settings)))
    return found
