"""A stack that runs locally: a model behind an endpoint, MiniStack, the control plane, and the template's resources."""

import contextlib
from collections.abc import Mapping
from typing import Self

from local.asynchronous import AsyncConfiguration, AsyncEndpoint
from local.aws import Aws
from local.containers import Container
from local.control_plane import ControlPlane, Durations
from local.deploy import Deployment
from local.display import Display
from local.elsewhere import account_of, make_elsewhere
from local.emulator import Emulator
from local.endpoint import Account, EndpointServer
from local.faults import FaultInjector
from local.options import Options
from local.output import OutputFolder
from local.permissions import ChainPermissions, require_endpoint_rights
from local.pipeline import Deployed, DeployedChain, DeployedPipeline, is_mapping
from local.serving import Serving
from local.template import Template

# Nobody watches the endpoint come up here: `make rehearse` is for that.
DURATIONS = Durations(creating=0.1)


class RunningStack:
    """Starts all that the template needs, and ends it; a context manager.

    The event source mapping, which lets messages flow, is created last.
    """

    endpoint: EndpointServer
    control_plane: ControlPlane
    emulator: Emulator
    deployment: Deployment
    chain: DeployedChain
    permissions: ChainPermissions

    def __init__(
        self, template: Template, serving: Serving, options: Options, output: OutputFolder, display: Display
    ) -> None:
        self.serving = serving
        self._template = template
        self._options = options
        self._output = output
        self._display = display
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as cleanup:
            self._serve_the_model(cleanup)
            self._start_the_control_plane(cleanup)
            self._start_the_emulator(cleanup)
            self._create_resources()
            self._check_permissions()
            self._let_messages_flow()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _serve_the_model(self, cleanup: contextlib.ExitStack) -> None:
        with self._display.step("Serve the model") as remarks:
            faults = FaultInjector(self._options.faults, self._options.seed)
            self.endpoint = cleanup.enter_context(EndpointServer(self.serving.container, faults))
            remarks.append(f"{self.serving.names}, {self.endpoint.url}")

    def _start_the_control_plane(self, cleanup: contextlib.ExitStack) -> None:
        with self._display.step("Control plane") as remarks:
            plane = ControlPlane(
                account=account_of(self._template),
                region=self._template.region,
                durations=DURATIONS,
                role_age=self._role_age,
            )
            self.control_plane = cleanup.enter_context(plane)
            remarks.append(f"{plane.url}, rules of SageMaker, scaling and alarms enforced")

    def _role_age(self, arn: str) -> float | None:
        return self.emulator.role_age(arn)  # which starts later, since it is told of the control plane

    def _start_the_emulator(self, cleanup: contextlib.ExitStack) -> None:
        with self._display.step("Start MiniStack") as remarks:
            emulator = Emulator(
                region=self._template.region,
                account=account_of(self._template),
                log_file=self._output.log_file,
                function_environment={"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self.endpoint.url},
                control_url=self.control_plane.url,
            )
            self.emulator = cleanup.enter_context(emulator)
            remarks.append(f"{self.emulator.url}, IAM policies enforced")

    def _create_resources(self) -> None:
        if found := make_elsewhere(self._template, self.emulator.aws):
            self._display.line(f"From elsewhere, made for this run: {'; '.join(found)}")
        self.deployment = Deployment(self._template, self.emulator.aws, self.serving.layers)
        with self._display.step("Create resources"):
            self.deployment.create(only=lambda block: not is_mapping(block))
        self.chain = DeployedChain.of(self.deployment)

    def _check_permissions(self) -> None:
        self.permissions = ChainPermissions(self.emulator.aws, self.chain.pipelines)
        with self._display.step("Check rights") as remarks:
            remarks.append(f"{self.permissions.require_unused()} that a run without faults never uses")
            if self.chain.first.settings.asynchronous:
                rights = make_asynchronous(self.endpoint, self.emulator.aws, self.deployment, self.chain.first)
                remarks.append(f"{rights} of the endpoint")

    def _let_messages_flow(self) -> None:
        """Let the endpoint answer, and only then create the mapping."""
        names = {self.deployment.resolved(block)["name"] for block in self._template.of_type("aws_sagemaker_endpoint")}
        endpoints = {name for name in names if self.control_plane.endpoint_status(name) == "InService"}
        self.endpoint.account = Account(
            id=self.chain.first.account,
            region=self._template.region,
            # A stack without an endpoint sends to one that exists: here, the model's.
            endpoints=endpoints if names else {pipeline.settings.endpoint_name for pipeline in self.chain.pipelines},
            authorize=self.permissions.denial_of_inference,
        )
        self.endpoint.containers = containers_of(self.chain, self.serving)
        self.deployment.create(only=is_mapping)
        self._display.resources(self.deployment)


def containers_of(chain: DeployedChain, serving: Serving) -> Mapping[tuple[str, str], Container]:
    """Return the container of each pipeline by the names of its endpoint and inference component."""
    return {
        (pipeline.settings.endpoint_name, pipeline.settings.inference_component_name): serving.containers[pipeline.name]
        for pipeline in chain.pipelines
    }


def make_asynchronous(endpoint: EndpointServer, aws: Aws, deployment: Deployed, pipeline: DeployedPipeline) -> int:
    """Let the endpoint take requests as an asynchronous one; return how many rights its role needs for that.

    Raises DeniedError if the role lacks one.
    """
    (block,) = deployment.template.of_type("aws_sagemaker_endpoint_configuration")
    configuration = AsyncConfiguration.of(deployment.resolved(block))
    endpoint.asynchronous = AsyncEndpoint(aws, configuration, endpoint.ask)
    role = deployment.resolved(deployment.template.of_type("aws_sagemaker_model")[0])["execution_role_arn"]
    return require_endpoint_rights(aws, role, pipeline, configuration.topics)
