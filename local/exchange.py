"""The exchange with a running stack: messages are sent, and their outcomes awaited."""

import functools
import time
from dataclasses import replace
from typing import Protocol

from local.alone import Alone
from local.display import Ticker
from local.emulator import Emulator
from local.endpoint import EndpointServer
from local.errors import LocalRunError
from local.faults import KillSchedule
from local.messages import UNKNOWN, Message, make_messages
from local.options import Options
from local.outcome import Disturbance, Outcome
from local.permissions import ChainPermissions
from local.pipeline import DeployedChain
from local.serving import Serving
from local.tally import Tally
from local.traffic import Traffic
from local.wire import Wire

# If the queue is FIFO.
MESSAGES_PER_GROUP = 20
POLL_SECONDS = 0.1
# After so long without an outcome, the queue is asked whether it holds any messages.
QUIET_SECONDS = 5
QUIET_ASYNC_SECONDS = 60


class LiveStack(Protocol):
    """A stack that messages flow through, whoever deployed it."""

    @property
    def emulator(self) -> Emulator: ...

    @property
    def endpoint(self) -> EndpointServer: ...

    @property
    def permissions(self) -> ChainPermissions: ...

    @property
    def chain(self) -> DeployedChain: ...

    @property
    def serving(self) -> Serving: ...


class Exchange:
    """Sends the messages, kills functions where the options ask for it, and waits for every outcome."""

    def __init__(self, options: Options, stack: LiveStack) -> None:
        self._options = options
        self._stack = stack
        self._wire = Wire(stack.emulator.aws, stack.chain.first)
        self.messages = self._make_messages()
        requests = options.count // stack.chain.first.mapping["batch_size"]
        self._kills = KillSchedule(options.kills, requests=requests, seed=options.seed)
        self._last_failure = "none"
        self._arrived = 0
        self._last_arrival = 0.0

    def run(self, ticker: Ticker) -> Outcome:
        """Return the outcome. Raises LocalRunError if the function can't run, or no more outcomes come."""
        stack, options = self._stack, self._options
        with Traffic(stack.emulator.aws, stack.chain, self.messages, options.max_outstanding) as traffic:
            self._last_arrival = time.monotonic()
            while self._arrived < len(self.messages) and not self._is_idle(traffic):
                time.sleep(POLL_SECONDS)
                self._read_failures()
                stack.emulator.require_alive()
                self._count_arrivals(traffic.arrived())
                ticker.update(self._arrived)
                for choice in self._kills.due(stack.endpoint.faults.requests):
                    stack.emulator.kill_function(choice)
            left_in_queue = traffic.settle(options.settle_seconds)
        self._forget_unlike(traffic.tally)
        return Outcome(traffic.tally, stack.endpoint.invocations, left_in_queue, self._disturbance())

    def _make_messages(self) -> list[Message]:
        """Return the messages, each with the result that it gets alone in a request."""
        options, pipeline, serving = self._options, self._stack.chain.first, self._stack.serving
        limit = pipeline.settings.max_request_bytes
        alone = Alone(pipeline.settings, serving.container)
        bodies = serving.bodies(limit, alone)
        if self._wire.contents_go_unread:
            bodies.kinds = ()
        messages = make_messages(
            serving.samples,
            count=options.count,
            poison_share=options.poison,
            seed=options.seed,
            limits=self._wire.limits,
            bodies=bodies,
            groups=max(1, options.count // MESSAGES_PER_GROUP) if pipeline.queue.fifo else 0,
        )
        result = functools.cache(alone.result)
        sent = self._wire.prepared(messages)
        return [
            message if message.poison else replace(message, result=result(message.body, message.file))
            for message in sent
        ]

    def _forget_unlike(self, tally: Tally) -> None:
        """Forget the expected result of each message that ended at a pipeline with another container.

        What is known is the first container's. The other's answer depends on what the pipelines before it made of the
        message: to know that here, each of them would have to be told apart from its own result.
        """
        serving = self._stack.serving
        for id_, scored in tally.scored.items():
            if id_ in tally.sent and serving.containers[scored.pipeline] is not serving.container:
                sent = tally.sent[id_]
                tally.sent[id_] = replace(sent, message=replace(sent.message, expected=None, result=UNKNOWN))

    def _read_failures(self) -> None:
        """Remember the function's last error. Raises LocalRunError for one that will not go away."""
        for failure in self._stack.emulator.log.failures():
            self._last_failure = failure.message
            if failure.final:
                raise self._stack.permissions.explain(failure.message)

    def _count_arrivals(self, arrived: int) -> None:
        if arrived > self._arrived:
            self._arrived, self._last_arrival = arrived, time.monotonic()

    def _is_idle(self, traffic: Traffic) -> bool:
        """Return whether nothing more can come: the report then lists the lost messages.

        Raises LocalRunError if nothing comes although the queue still holds messages.
        """
        quiet, limit = time.monotonic() - self._last_arrival, self._options.stall_seconds
        if quiet > limit:
            missing = len(self.messages) - self._arrived
            stalled = f"no message came back for {limit:g} s, {missing} are missing"
            raise LocalRunError(f"{stalled}; the function's last error: {self._last_failure}")
        if self._stack.chain.first.settings.asynchronous:
            # A second function sends the results, and nothing tells whether it is at work.
            return quiet > QUIET_ASYNC_SECONDS and not self._stack.endpoint.unfinished
        return quiet > QUIET_SECONDS and not traffic.messages_in_queue()

    def _disturbance(self) -> Disturbance | None:
        if not self._options.disturbed:
            return None
        log, faults = self._stack.emulator.log, self._stack.endpoint.faults
        for _ in log.failures():
            pass  # the log counts while it is read
        return Disturbance(
            requests=faults.requests,
            injected={str(fault): count for fault, count in faults.injected.items()},
            workers_killed=log.killed,
            batches_cut_short=log.batches_cut_short,
        )
