"""The command behind `make capacity`: `python -m capacity`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from capacity.answer import Answer, answer, as_json, lines
from capacity.brief import IDLE_RATE, brief
from capacity.deployed import Pipeline
from capacity.options import DEFAULT_MODEL, Options, parse
from capacity.page import as_text, numbers, render
from capacity.peers import measured_peer
from capacity.prices import Prices
from capacity.profile import aws_profile
from capacity.reading import pipelines_of
from capacity.service_time import ServiceTime, chat_time, parse_service_time
from capacity.study import study
from capacity.study_text import study_lines
from capacity.work import Work
from local.command import guarded
from local.errors import LocalRunError, UsageError
from local.output import OutputFolder
from local.synthesis import stacks_in, synthesize_all
from local.template import Template


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 answered, 1 failed, 2 wrong usage, 130 interrupted."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    options = parse(arguments)
    print(_brief(options) if options.brief else _answers(options), flush=True)
    return 0


def _answers(options: Options) -> str:
    """Return what was found of each pipeline, as text or as JSON; write the page, unless formulas alone are asked."""
    found = [_answer(pipeline, options) for pipeline in _pipelines(options)]
    if options.formulas:
        content = [as_json(one) for one in found]
        texts = ["\n".join(lines(one)) for one in found]
    else:
        prices = {one.work.pipeline.region: _prices(one.work.pipeline, options) for one in found}
        studies = [study(one, options.arrivals, prices[one.work.pipeline.region], options.start) for one in found]
        content = [numbers(one) for one in studies]
        texts = ["\n".join(study_lines(one)) for one in studies]
        with OutputFolder(options.report) as output:
            page = output.write_report(as_text(content) + "\n", render(studies, prices, options.command))[1]
        texts.append(f"Page: {page}")
    if options.json:
        return as_text(content)
    profile = aws_profile(options.round_trip)
    return "\n\n".join([*texts, f"Times besides the model's: {profile.origin}."])


def _answer(pipeline: Pipeline, options: Options) -> Answer:
    rate = options.arrivals.lasting
    return answer(_work(pipeline, options), rate or IDLE_RATE, _prices(pipeline, options), measured_peer())


def _prices(pipeline: Pipeline, options: Options) -> Prices:
    return Prices.load(pipeline.region, options.prices)


def _brief(options: Options) -> str:
    """Return a line for each pipeline, and the reason where there can be none."""
    found, unread = list[Pipeline](), list[str]()
    for path in _paths(options):
        try:
            found += pipelines_of(Template.load(path))
        except LocalRunError as error:
            unread.append(f"no capacity is known: {error}")
    width = max((len(pipeline.path) for pipeline in found), default=0)
    rows = [brief(_work(pipeline, options), Prices.load(pipeline.region), width) for pipeline in found]
    texts = dict.fromkeys(_model(pipeline, options).text for pipeline in found)
    model = "make capacity says it for yours" if options.model is None else "as set"
    return "\n".join([f"With a model of {' or '.join(texts)} ({model}):", *rows, *unread])


def _work(pipeline: Pipeline, options: Options) -> Work:
    return Work(pipeline, _model(pipeline, options), aws_profile(options.round_trip), options.circumstances)


def _model(pipeline: Pipeline, options: Options) -> ServiceTime:
    if options.model is not None:
        return options.model
    return chat_time(pipeline.handler.parameters) if pipeline.is_chat else parse_service_time(DEFAULT_MODEL)


def _pipelines(options: Options) -> list[Pipeline]:
    """Return the pipelines that are asked for. Raises UsageError if there are none."""
    found = [pipeline for path in _paths(options) for pipeline in pipelines_of(Template.load(path))]
    chosen = [pipeline for pipeline in found if options.pipeline in (None, pipeline.name)]
    if not chosen:
        raise UsageError(
            f"there is no pipeline {options.pipeline}, but there are: {', '.join(one.path for one in found)}"
        )
    return chosen


def _paths(options: Options) -> list[Path]:
    """Return the files of the stacks that are asked for; the app is synthesized unless the options name what it was."""
    if options.template:
        return [options.template]
    if options.synthesized:
        stacks = stacks_in(options.synthesized)
    else:
        with OutputFolder(options.report) as output:
            stacks = synthesize_all(options.app, output.synthesized)
    if options.stack is None:
        return list(stacks.values())
    if options.stack not in stacks:
        raise UsageError(f"there is no stack {options.stack}; {options.app} has {', '.join(sorted(stacks))}")
    return [stacks[options.stack]]


if __name__ == "__main__":
    sys.exit(main())
