"""The project's own stacks and every example: each pipeline is read, priced and simulated."""

import importlib
from pathlib import Path

from constructs_lib import add_stacks

import pytest
from cdktf import App

from capacity.answer import answer
from capacity.prices import Prices
from capacity.profile import AWS
from capacity.reading import pipelines_of
from capacity.service_time import parse_service_time
from capacity.simulation.arrivals import parse_arrivals
from capacity.simulation.fluid import Fluid
from capacity.work import Work
from handler.codecs import codec_for
from local.template import Template

ROOT = Path(__file__).parents[2]
APPS = ["main", *sorted(f"examples.{path.stem}" for path in (ROOT / "examples").glob("*.py"))]


@pytest.mark.parametrize("app", APPS)
def test_every_pipeline_has_an_answer(app: str, tmp_path: Path) -> None:
    module = importlib.import_module(app)
    synthesized = App(outdir=str(tmp_path))
    stacks = add_stacks(synthesized, module.STACKS)
    synthesized.synth()
    for id_, stack in stacks.items():
        found = pipelines_of(Template.load(tmp_path / "stacks" / id_ / "cdk.tf.json"))
        assert [pipeline.name for pipeline in found] == sorted(stack.pipelines)
        for pipeline in found:
            work = Work(pipeline, parse_service_time("20ms+0.5ms"), AWS)
            said = answer(work, 5.0, Prices.load(pipeline.region), None)
            own = codec_for(pipeline.handler) if ":" not in pipeline.handler.codec else None
            assert own is None or pipeline.records_per_request() <= own.max_records, "the codec takes fewer a request"
            assert said.steady.stable, f"{pipeline.path} does not carry five messages a second"
            assert said.usd_a_month > 0
            course = Fluid(work).run(parse_arrivals("5", hours=0.1))
            assert course.done.sum() == pytest.approx(5 * 360, rel=0.05)
