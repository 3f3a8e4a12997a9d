"""The command behind `make capacity`: `python -m capacity`."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from capacity.answer import answer, as_json, lines
from capacity.brief import brief
from capacity.deployed import Pipeline
from capacity.options import Options, parse
from capacity.peers import measured_peer
from capacity.prices import Prices
from capacity.profile import aws_profile
from capacity.reading import pipelines_of
from capacity.work import Work
from local.errors import LocalRunError, UsageError
from local.output import OutputFolder
from local.synthesis import stacks_in, synthesize_all
from local.template import Template

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 answered, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        options = parse(arguments)
        print(_brief(options) if options.brief else _answers(options))
    except LocalRunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _answers(options: Options) -> str:
    """Return the answer for each pipeline, as text or as JSON."""
    peer = measured_peer()
    found = [
        answer(_work(pipeline, options), options.rate, Prices.load(pipeline.region, options.prices), peer)
        for pipeline in _pipelines(options)
    ]
    if options.json:
        return json.dumps([as_json(one) for one in found], indent=2)
    profile = aws_profile(options.round_trip)
    return "\n\n".join(["\n".join(lines(one)) for one in found] + [f"Times besides the model's: {profile.origin}."])


def _brief(options: Options) -> str:
    """Return a line for each pipeline that is synthesized already."""
    folder = Path(os.environ.get("CDKTF_OUTDIR", "cdktf.out"))
    found = [p for path in stacks_in(folder).values() for p in pipelines_of(Template.load(path))]
    width = max(len(pipeline.path) for pipeline in found)
    rows = [brief(_work(pipeline, options), Prices.load(pipeline.region), width) for pipeline in found]
    model = "make capacity says it for yours" if options.model == parse([]).model else "as set"
    return "\n".join([f"With a model of {options.model.text} ({model}):", *rows])


def _work(pipeline: Pipeline, options: Options) -> Work:
    return Work(pipeline, options.model, aws_profile(options.round_trip), options.circumstances)


def _pipelines(options: Options) -> list[Pipeline]:
    """Return the pipelines that are asked for. Raises UsageError if there are none."""
    paths = [options.template] if options.template else _synthesized(options)
    found = [pipeline for path in paths for pipeline in pipelines_of(Template.load(path))]
    chosen = [pipeline for pipeline in found if options.pipeline in (None, pipeline.name)]
    if not chosen:
        raise UsageError(
            f"there is no pipeline {options.pipeline}, but there are: {', '.join(one.path for one in found)}"
        )
    return chosen


def _synthesized(options: Options) -> list[Path]:
    with OutputFolder(options.report) as output:
        stacks = synthesize_all(options.app, output.synthesized)
    if options.stack is None:
        return list(stacks.values())
    if options.stack not in stacks:
        raise UsageError(f"there is no stack {options.stack}; {options.app} has {', '.join(sorted(stacks))}")
    return [stacks[options.stack]]


if __name__ == "__main__":
    sys.exit(main())
