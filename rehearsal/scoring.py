"""Messages through the deployed pipelines: the function that Terraform created scores them, under its own role."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.display import Ticker
from local.emulator import Emulator
from local.endpoint import Account, EndpointServer
from local.errors import LocalRunError, UsageError
from local.exchange import Exchange
from local.layers import importable
from local.messages import read_samples
from local.options import Options
from local.outcome import Outcome
from local.permissions import ChainPermissions
from local.pipeline import DeployedChain
from local.refusal import require_runnable
from local.running_stack import containers_of, make_asynchronous
from local.serving import Serving, serving_of
from local.template import MAPPING, Attributes, Block, Template
from rehearsal.world import World

# Lists in Terraform's state that hold one block, which the configuration writes without a list.
BLOCKS = "environment", "logging_config", "scaling_config", "tracing_config"


@dataclass(frozen=True)
class Applied:
    """A template whose resources Terraform has created."""

    template: Template
    attributes: Mapping[str, Attributes]
    """By address."""

    def resolved(self, block: Block) -> Mapping[str, Any]:
        """Return the block's attributes as they are deployed."""
        return self.attributes[block.address]


@dataclass(frozen=True)
class Live:
    """A pipeline that Terraform deployed, with a model behind its endpoint."""

    emulator: Emulator
    endpoint: EndpointServer
    permissions: ChainPermissions
    chain: DeployedChain
    serving: Serving


class _Quiet(Ticker):
    def update(self, done: int) -> None:
        """Show nothing: the step has its own line."""


class NotScoredError(UsageError):
    """The pipeline is one that the local run can't send messages through; the message has the reason."""


def pipelines_of(configuration: Path) -> list[str]:
    """Return the names of the pipelines in a configuration."""
    return sorted(block.part for block in Template.load(configuration).of_type(MAPPING))


def score(world: World, configuration: Path, values: Mapping[str, Mapping[str, Any]], options: Options) -> Outcome:
    """Send messages through one deployed pipeline, and return what became of them.

    Raises NotScoredError for one that the local run has no messages or answers for, LocalRunError if a message is
    lost, or has another end than it should.
    """
    template = Template.load(configuration).of_pipeline(options.pipeline)
    serving = _serving(template, options)
    attributes = {address: _without_lists(of_block) for address, of_block in values.items()}
    applied = Applied(template, attributes)
    chain = DeployedChain.of(applied)
    permissions = ChainPermissions(world.emulator.aws, chain.pipelines)
    permissions.require_unused()
    if denial := permissions.denial_of_inference():
        raise LocalRunError(denial)
    _put_model(world, applied, chain, serving)
    if chain.first.settings.asynchronous:
        make_asynchronous(world.endpoint, world.emulator.aws, applied, chain.first)
    with importable(serving.layers):
        live = Live(world.emulator, world.endpoint, permissions, chain, serving)
        outcome = Exchange(options, live).run(_Quiet())
    if complaints := list(outcome.complaints()):
        raise LocalRunError("; ".join(complaints))
    return outcome


def _serving(template: Template, options: Options) -> Serving:
    if any("filter_criteria" in block.arguments for block in template.of_type(MAPPING)):
        raise NotScoredError("its filters would drop the messages of a rehearsal")
    try:
        require_runnable(template)
        return serving_of(template, options, read_samples(options.messages))
    except UsageError as error:
        raise NotScoredError(str(error).rpartition("can't run on the embedded AWS: ")[2]) from error


def _put_model(world: World, applied: Applied, chain: DeployedChain, serving: Serving) -> None:
    """Let the endpoint answer for those that SageMaker has in service, and for those that exist elsewhere."""
    own = {applied.resolved(block)["name"] for block in applied.template.of_type("aws_sagemaker_endpoint")}
    elsewhere = {pipeline.settings.endpoint_name for pipeline in chain.pipelines} - own
    world.endpoint.container = serving.container
    world.endpoint.containers = containers_of(chain, serving)
    world.endpoint.asynchronous = None
    world.endpoint.invocations.clear()
    world.endpoint.account = Account(
        id=chain.first.account,
        region=world.region,
        endpoints={name for name, status in world.endpoints().items() if status == "InService"} | elsewhere,
        authorize=lambda: None,  # asked before the first message
    )


def _without_lists(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value[0] if name in BLOCKS and isinstance(value, list) and len(value) == 1 else value
        for name, value in values.items()
    }
