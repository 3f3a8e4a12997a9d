"""A deployment: provider, state, tags, and one or more pipelines."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from constructs_lib.core.iam import policy_violations
from constructs_lib.core.naming import PlacedStack
from constructs_lib.explain import explain
from constructs_lib.pipeline import InferencePipeline
from constructs_lib.settings import AssumedRole, PipelineSettings, S3StateSettings, StackSettings
from constructs_lib.validation.checker import SettingsError, Violation, check
from constructs_lib.validation.feeds import feed_violations, in_order
from constructs_lib.validation.pipeline_checks import check_pipeline, region_violations
from constructs_lib.validation.warning_ids import SettingsWarning

from cdktf import App, LocalBackend, S3Backend
from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderAssumeRole, AwsProviderDefaultTags
from constructs import Construct

# cdktf-cli sets it for the apps that it runs (@cdktf/cli-core 0.21, synth-stack.ts).
CLI_MARK = "CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS"


class InferenceStack(PlacedStack):
    """One Terraform stack with its pipelines, each under its own name; adding one changes nothing of the others."""

    def __init__(self, scope: Construct, id_: str, settings: StackSettings) -> None:
        """Raises SettingsError with everything that is out of bounds, in all pipelines."""
        super().__init__(scope, id_)
        if violations := check_stack(id_, settings):
            raise SettingsError(violations)
        self.region = settings.region
        self.role_path, self.permissions_boundary_arn = settings.role_path, settings.permissions_boundary_arn
        self._keep_state(id_, settings.state)
        tags = {"stack": id_, "managed-by": "terraform", **settings.tags}
        AwsProvider(
            self,
            "aws",
            region=settings.region,
            default_tags=[AwsProviderDefaultTags(tags=tags)],
            allowed_account_ids=list(settings.allowed_account_ids) or None,
            assume_role=_assume_role(settings.assume_role),
        )
        self.pipelines: dict[str, InferencePipeline] = {}
        for name in in_order(settings.pipelines, settings.feeds):
            self._make_pipeline(id_, name, settings)
        if violations := list(policy_violations(self)):
            raise SettingsError(violations)

    def _make_pipeline(self, id_: str, name: str, settings: StackSettings) -> None:
        """Create a pipeline, after those that it names something of."""
        given = _with_stack_defaults(settings.pipelines[name], settings)
        next_queue = None
        if given.results.sink == "sqs":
            followers = [self.pipelines[one] for one, feed in settings.feeds.items() if feed.pipeline == name]
            next_queue = followers[0].queue if followers else None
        pipeline = InferencePipeline(self, name, name=f"{id_}-{name}", settings=given, results_queue=next_queue)
        self.pipelines[name] = pipeline
        feed = settings.feeds.get(name)
        if feed is not None and settings.pipelines[feed.pipeline].results.sink != "sqs":
            pipeline.feed(self.pipelines[feed.pipeline], feed.matching)

    def _keep_state(self, id_: str, state: S3StateSettings | None) -> None:
        if state is None:
            # Absolute: cdktf runs Terraform in its output folder, which is deleted and written again.
            LocalBackend(self, path=str(Path.cwd() / f"terraform.{id_}.tfstate"))
            return
        key = state.key or f"{id_}/terraform.tfstate"
        S3Backend(self, bucket=state.bucket, region=state.region, key=key, encrypt=True)
        # cdktf's S3Backend is older than Terraform's lock file.
        self.add_override("terraform.backend.s3.use_lockfile", True)


def _with_stack_defaults(pipeline: PipelineSettings, stack: StackSettings) -> PipelineSettings:
    """Return the settings of a pipeline with what the stack sets for all of them; the pipeline's own goes first."""
    return replace(
        pipeline,
        kms_key_arn=stack.kms_key_arn if pipeline.kms_key_arn is None else pipeline.kms_key_arn,
        acknowledged={**stack.acknowledged, **pipeline.acknowledged},
    )


def _assume_role(settings: AssumedRole | None) -> list[AwsProviderAssumeRole] | None:
    if settings is None:
        return None
    return [
        AwsProviderAssumeRole(
            role_arn=settings.arn, external_id=settings.external_id, session_name=settings.session_name
        )
    ]


def check_stack(id_: str, settings: StackSettings) -> list[Violation]:
    """Return everything that is out of bounds, without building anything."""
    wrong = _wrong_type(str(id_), "name", id_, str, "text")
    wrong += _wrong_type(str(id_), "settings", settings, StackSettings, "StackSettings")
    if wrong:
        return wrong
    violations = check(id_, settings)
    if any(violation.property == "pipelines" for violation in violations):
        return violations
    region_is_known = not any(violation.property == "region" for violation in violations)
    if not settings.pipelines:
        violations.append(Violation(id_, "pipelines", {}, "one or more pipelines", "an empty stack deploys nothing"))
    for path, name in ((id_, id_), *((f"{id_}/{name}", name) for name in settings.pipelines)):
        if not re.match(r"[a-zA-Z]", name):
            violations.append(
                Violation(path, "name", name, "a name that begins with a letter", "so Terraform's names must")
            )
    for name, pipeline in settings.pipelines.items():
        violations += check_pipeline(f"{id_}/{name}", f"{id_}-{name}", pipeline)
        if region_is_known:
            violations += region_violations(f"{id_}/{name}", pipeline, settings.region)
    return violations or [
        *feed_violations(id_, settings.pipelines, settings.feeds),
        *_output_clashes(id_, settings.pipelines),
        *_name_clashes({id_: settings}),
    ]


def _wrong_type(path: str, property_: str, value: object, expected: type, bound: str) -> list[Violation]:
    if isinstance(value, expected):
        return []
    return [Violation(path, property_, value, bound, f"it is of type {type(value).__name__}", wrong_type=True)]


def add_stacks(app: App, stacks: Mapping[str, StackSettings]) -> dict[str, InferenceStack]:
    """Build several stacks; checks all of them first, so that SettingsError names what is wrong in any."""
    if wrong := _wrong_type("app", "stacks", stacks, Mapping, "a mapping of names to StackSettings"):
        raise SettingsError(wrong)
    if not stacks:
        raise SettingsError([Violation("app", "stacks", {}, "one or more stacks", "an empty app deploys nothing")])
    violations = [v for id_, settings in stacks.items() for v in check_stack(id_, settings)]
    if violations := violations or [*_stack_clashes(stacks), *_name_clashes(stacks)]:
        raise SettingsError(violations)
    return {id_: InferenceStack(app, id_, settings) for id_, settings in stacks.items()}


def synthesize(stacks: Mapping[str, StackSettings]) -> None:
    """Write the Terraform JSON of several stacks, as an app of `cdktf` does, and print what was derived for them.

    Warnings go to the standard error output, unless cdktf-cli runs the app, which prints them itself. Settings out of
    bounds end the process with all that is wrong: exit status 2.
    """
    app = App()
    try:
        made = add_stacks(app, stacks)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    app.synth()
    sys.stdout.write(explain(stacks))
    if CLI_MARK not in os.environ:
        sys.stderr.writelines(f"WARN [{path}]: {warning}\n" for path, warning in _warnings(made))


def _warnings(stacks: Mapping[str, InferenceStack]) -> Iterator[tuple[str, SettingsWarning]]:
    """Yield the warnings of all pipelines, each with its pipeline's path: what cdktf's manifest has for cdktf-cli."""
    for id_, stack in stacks.items():
        for name, pipeline in stack.pipelines.items():
            for warning in pipeline.warnings:
                yield f"{id_}/{name}", warning


def _output_clashes(id_: str, pipelines: Mapping[str, PipelineSettings]) -> Iterator[Violation]:
    """Yield pipelines with another one's output: `queue_url` of `a-results` is `results_queue_url` of `a`."""
    for name, settings in pipelines.items():
        taken = {
            "dead-letter": True,
            "results": settings.results.sink == "sqs",
            "notification": settings.endpoint.async_capacity is not None,
        }
        for suffix in (suffix for suffix, is_taken in taken.items() if is_taken):
            if (other := f"{name}-{suffix}") in pipelines:
                bound = f"another name than that of {id_}/{name} with -{suffix} after it"
                yield Violation(f"{id_}/{other}", "name", other, bound, "both would have an output of the same name")


def _stack_clashes(stacks: Mapping[str, StackSettings]) -> Iterator[Violation]:
    """Yield stacks whose output folder, or local state, would be another one's where file names have no case."""
    owners: dict[str, str] = {}
    for id_ in stacks:
        owner = owners.setdefault(id_.lower(), id_)
        if owner != id_:
            bound = f"a name that differs from {owner} not by case alone"
            yield Violation(id_, "name", id_, bound, "IAM ignores case, and so do the file systems of many laptops")


def _name_clashes(stacks: Mapping[str, StackSettings]) -> Iterator[Violation]:
    """Yield pipelines whose resources would have another one's names, as `x` of `dev-a` and `a-x` of `dev` would."""
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for id_, settings in stacks.items():
        for name in settings.pipelines:
            path, prefix = f"{id_}/{name}", f"{id_}-{name}"
            owner, owned = owners.setdefault((settings.region, prefix.lower()), (path, prefix))
            if owner != path and not _is_of_clashing_stacks(owner, path):
                case = "" if owned == prefix else "; IAM ignores case"
                yield Violation(path, "name", prefix, f"another name than that of {owner}", f"same region{case}")


def _is_of_clashing_stacks(one: str, other: str) -> bool:
    """Whether the stacks' own names clash, which says enough."""
    stacks = one.partition("/")[0], other.partition("/")[0]
    return stacks[0] != stacks[1] and stacks[0].lower() == stacks[1].lower()
