"""A run, from the synthesized stack to the report."""

import contextlib
import time
from collections.abc import Iterator, Sequence

from rich.console import Console

from local.display import Display, table_rows
from local.exchange import Exchange
from local.layers import importable
from local.messages import Sample, read_samples
from local.options import Options
from local.outcome import Outcome
from local.output import OutputFolder
from local.refusal import require_runnable
from local.report import Setting, write_report
from local.running_stack import RunningStack
from local.serving import serving_of
from local.synthesis import synthesize
from local.template import Template


def run(options: Options, console: Console) -> int:
    """Run once; return the exit status: 0 if every message had the outcome that it should.

    Raises LocalRunError if the run could not be finished.
    """
    samples = read_samples(options.messages)
    with OutputFolder(options.report) as output:
        return 0 if LocalRun(options, output, Display(console)).run(samples) else 1


class LocalRun:
    """The steps of a run, in order."""

    def __init__(self, options: Options, output: OutputFolder, display: Display) -> None:
        self._options = options
        self._output = output
        self._display = display

    def run(self, samples: Sequence[Sample]) -> bool:
        """Return whether every message had the outcome that it should."""
        with self._running(samples) as stack:
            passed = self._report(self._exchange(stack), stack)
            if self._options.keep:
                self._keep(stack)
        return passed

    def outcome(self, samples: Sequence[Sample]) -> Outcome:
        """Return what became of the messages, without a report."""
        with self._running(samples) as stack:
            return self._exchange(stack)

    @contextlib.contextmanager
    def _running(self, samples: Sequence[Sample]) -> Iterator[RunningStack]:
        template = self._synthesize()
        require_runnable(template)
        serving = serving_of(template, self._options, samples)
        with (
            importable(serving.layers),
            RunningStack(template, serving, self._options, self._output, self._display) as stack,
        ):
            yield stack

    def _exchange(self, stack: RunningStack) -> Outcome:
        exchange = Exchange(self._options, stack)
        with self._display.progress(len(exchange.messages)) as ticker:
            return exchange.run(ticker)

    def _synthesize(self) -> Template:
        """Return the template of the pipeline to run, synthesized unless the options name one."""
        options = self._options
        with self._display.step("Synthesize") as remarks:
            path = options.template or synthesize(options.app, options.stack, self._output.synthesized)
            template = Template.load(path).of_pipeline(options.pipeline)
            remarks.append(f"{path}")
        return template

    def _report(self, outcome: Outcome, stack: RunningStack) -> bool:
        """Write and show the numbers of the run; return whether every message had the outcome that it should."""
        deployment, options = stack.deployment, self._options
        setting = Setting(
            stack.chain,
            deployment,
            deployment.template.stack,
            stack.serving.names,
            options.seed,
            options.command(),
        )
        summary, page = write_report(self._output, outcome, setting)
        self._display.table(table_rows(summary))
        self._display.line(f"Report: {page}")
        self._display.verdict(summary["complaints"], outcome.moved_by_sqs)
        return not summary["complaints"]

    def _keep(self, stack: RunningStack) -> None:
        """Show how to reach the running stack, and wait for the interrupt."""
        emulator, chain = stack.emulator, stack.chain
        self._display.line(
            "\nStill running, until Ctrl-C. In another terminal:\n"
            f"  export AWS_ENDPOINT_URL={emulator.url}\n"
            f"  export AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={stack.endpoint.url}\n"
            f"{_exports(stack.control_plane.url)}"
            f"  export AWS_CA_BUNDLE={emulator.certificate.authority}\n"
            f"  export AWS_ACCESS_KEY_ID={emulator.credentials.access_key}\n"
            f"  export AWS_SECRET_ACCESS_KEY={emulator.credentials.secret}\n"
            f"  export AWS_DEFAULT_REGION={emulator.aws.region}\n"
            + "\n".join(
                f"{label:<17} {place}"
                for label, place in (
                    *(("Endpoint", one.settings.endpoint_name) for one in chain.pipelines),
                    ("Queue", chain.first.queue.url),
                    *(("Results", one.sink.target) for one in chain.last),
                    *(("Dead-letter queue", one.dead_letters.url) for one in chain.pipelines),
                )
            )
        )
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
                emulator.require_alive()


def _exports(url: str) -> str:
    """Return the lines that point the services of the control plane at it."""
    services = ("SAGEMAKER", "APPLICATION_AUTO_SCALING", "CLOUDWATCH")
    return "".join(f"  export AWS_ENDPOINT_URL_{service}={url}\n" for service in services)
