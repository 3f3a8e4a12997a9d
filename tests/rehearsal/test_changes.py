"""The table of changes, and how a change is carried out, without Terraform."""

import contextlib
import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from constructs_lib import InferenceStack, StackSettings

import cdktf
import pytest

import main
from local.emulator import PROJECT
from local.errors import UsageError
from rehearsal import changing
from rehearsal.changes import CHANGES, StackChange, chosen, differences
from rehearsal.changing import Changing
from rehearsal.life import RehearsalError
from rehearsal.record import Step
from rehearsal.synthesis import settings_of
from rehearsal.terraform import Applied, Change

PROD = main.STACKS["prod"]


def test_all_changes_follow_one_another_and_each_changes_something() -> None:
    settings = PROD
    for change in chosen(["all"]):
        after = change.make(settings)
        assert list(differences(settings, after)), change.name
        assert change.expected, f"{change.name} expects nothing of its plan"
        InferenceStack(cdktf.Testing.app(), "prod", after)  # raises for settings that the library refuses
        settings = after


ALONE = [change.name for change in CHANGES if change.name not in (
    "alias-on", "monitoring-on", "second-pipeline-off", "idempotency-off", "sink-queue",
)]  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_a_change_can_be_rehearsed_alone(name: str) -> None:
    (change,) = chosen([name])
    after = change.make(PROD)
    assert list(differences(PROD, after))
    InferenceStack(cdktf.Testing.app(), "prod", after)


def test_changes_are_in_the_order_of_the_table_whatever_the_order_of_names() -> None:
    assert [change.name for change in chosen(["max", "memory"])] == ["memory", "max"]


def test_the_page_has_the_table() -> None:
    page = (PROJECT / "docs/rehearsal.md").read_text()
    table = page.split("<!-- changes -->\n")[1].split("<!-- /changes -->")[0]
    rows = [f"| `{change.name}` | {', '.join(f'`{line}`' for line in change.expected)} |" for change in CHANGES]
    assert table.splitlines() == rows


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^there is no change modle; CHANGES are all, or of memory, model, "):
        chosen(["modle", "all"])


def test_an_app_without_its_settings_at_hand_is_told_what_to_write() -> None:
    with pytest.raises(UsageError) as refused:
        settings_of("tests.rehearsal.test_changes", "orders")
    assert str(refused.value) == (
        "changes need the settings: tests.rehearsal.test_changes must keep them in "
        'STACKS = {"orders": StackSettings(…)}'
    )


def test_settings_are_told_by_their_path() -> None:
    after = next(change for change in CHANGES if change.name == "memory").make(PROD)
    assert list(differences(PROD, after)) == ["pipelines.language.function.memory_mib: 512 -> 1024"]
    second = next(change for change in CHANGES if change.name == "second-pipeline").make(PROD)
    (line,) = differences(PROD, second)
    assert line.startswith("pipelines.rehearsed: None -> PipelineSettings(endpoint=EndpointSettings(model=")


@pytest.mark.parametrize("name", ["instance-type", "max", "schedule", "variants", "linear"])
def test_a_stack_that_can_not_change_so_says_why(name: str) -> None:
    (change,) = chosen([name])
    with pytest.raises(ValueError, match=r"^its endpoint does not run on real-time instances$"):
        change.make(main.STACKS["dev"])


class Rehearsed:
    """A life in which nothing runs: plans and applies are given, and what was asked for is written down."""

    stack = "prod"

    def __init__(self, planned: Sequence[Change], status: int = 0) -> None:
        self.planned = list(planned)
        self.status = status
        self.did: list[str] = []
        self.failed: list[str] = []
        self.steps: list[Step] = []
        self.left = {"model old"}
        self.world = self.workspace = self.terraform = self.plane = self

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        self.did.append(name)
        self.steps.append(Step("prod", name))
        try:
            yield self.steps[-1]
        except RehearsalError as error:
            self.failed.append(str(error))
            raise

    def put(self, path: Path) -> list[str]:
        return []

    def plan(self, name: str) -> Sequence[Change]:
        self.did.append(name)
        return self.planned

    def plan_nothing(self, name: str) -> None:
        self.did.append(name)

    def apply(self, *_: Any) -> Applied:
        self.did.append("apply")
        return Applied(status=self.status, errors=["Error: no"] if self.status else [])

    def inventory(self) -> set[str]:
        found = copy.copy(self.left)
        self.left -= {"model old"} if self.status == 7 else set()
        return found

    def roll_back_next_update(self) -> None:
        self.did.append("roll back")

    def endpoints(self) -> dict[str, str]:
        return {"prod-language": "InService"}


def carried_out(name: str, life: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> Rehearsed:
    monkeypatch.setattr(changing, "synthesize_settings", lambda *_: Path("cdk.tf.json"))
    (change,) = chosen([name])
    Changing(cast("Any", life), PROD, Path("folder")).carry_out(change)
    return life


def planned_for(name: str) -> list[Change]:
    """Return a plan as the table expects it."""
    (change,) = chosen([name])
    lines = [line for line in change.expected if not line.endswith("?")]
    actions = {
        "+": ("create",),
        "-": ("delete",),
        "~": ("update",),
        "+/-": ("create", "delete"),
        "-/+": ("delete", "create"),
    }
    return [Change(f"{line.split()[1]}.x", actions[line.split()[0]]) for line in lines]


def test_a_plan_as_expected_is_applied_and_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    life = carried_out("memory", Rehearsed(planned_for("memory")), monkeypatch)
    assert life.did == ["memory: copy", "memory: plan", "apply", "memory: second plan"]


def test_a_plan_that_does_more_or_less_is_told_and_applied_nonetheless(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = [*planned_for("memory")[1:], Change("aws_sqs_queue.work", ("delete", "create"))]
    life = carried_out("memory", Rehearsed(planned), monkeypatch)
    (change,) = chosen(["memory"])
    assert life.failed == [f"the plan does more than it should: -/+ aws_sqs_queue; the plan lacks {change.expected[0]}"]
    assert life.did[-1] == "memory: second plan"


def test_a_rollback_that_terraform_takes_for_success_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RehearsalError, match=r"^SageMaker rolled the update back, and Terraform reported success$"):
        carried_out("rollback", Rehearsed(planned_for("rollback")), monkeypatch)


def test_a_rollback_that_deletes_what_runs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RehearsalError, match=r"^SageMaker rolled the update back, and the apply deleted model old$"):
        carried_out("rollback", Rehearsed(planned_for("rollback"), status=7), monkeypatch)


def test_a_refusal_ends_the_change_without_a_second_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    life = carried_out("variants", Rehearsed(planned_for("variants"), status=1), monkeypatch)
    assert life.did == ["variants: copy", "variants: plan", "variants: apply, refused", "apply"]
    with pytest.raises(RehearsalError, match=r"^SageMaker must refuse the update, and Terraform reported success$"):
        carried_out("variants", Rehearsed(planned_for("variants")), monkeypatch)


def test_a_revert_applies_what_was_before_by_other_names_and_the_next_change_starts_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put: list[StackSettings] = []

    def synthesized(_: str, settings: StackSettings, __: Path) -> Path:
        put.append(settings)
        return Path("cdk.tf.json")

    changes = chosen(["reverted", "data-capture"])
    assert [change.name for change in changes] == ["data-capture", "reverted"]
    life = Rehearsed(planned_for("reverted"), status=1)
    monkeypatch.setattr(changing, "synthesize_settings", synthesized)
    ongoing = Changing(cast("Any", life), PROD, Path("folder"))
    ongoing.carry_out(changes[1])
    assert life.did == [
        *("reverted: copy", "reverted: plan", "roll back", "reverted: apply, rolled back", "apply"),
        *("reverted: as it was: copy", "reverted: as it was: plan", "reverted: apply, names in use", "apply"),
        *("reverted: as it was, by other names: copy", "reverted: as it was, by other names: plan", "apply"),
        "reverted: second plan",
    ]
    back = changes[1].back
    assert back is not None
    assert put == [changes[1].make(PROD), PROD, back(PROD)]
    ongoing.carry_out(changes[0])
    assert put[-1] == changes[0].make(back(PROD))


def test_a_revert_that_sagemaker_takes_under_names_in_use_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Second(Rehearsed):
        def apply(self, *_: Any) -> Applied:
            self.status = 1 if self.did.count("apply") == 0 else 0
            return super().apply()

    with pytest.raises(RehearsalError, match=r"^SageMaker must refuse names that are in use, and Terraform reported"):
        carried_out("reverted", Second(planned_for("reverted")), monkeypatch)


def test_an_apply_that_ends_before_it_is_killed_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RehearsalError, match=r"^Terraform ended before it could be killed$"):
        carried_out("killed", Rehearsed(planned_for("killed")), monkeypatch)


def test_settings_that_the_library_refuses_skip_the_change(tmp_path: Path) -> None:
    (change,) = chosen(["data-capture"])
    life = Rehearsed([])
    Changing(cast("Any", life), main.STACKS["dev"], tmp_path).carry_out(change)
    assert life.did == ["data-capture: copy"]
    assert life.steps[0].remark.startswith(
        "not changed: 1 setting is out of bounds: prod/language endpoint.data_capture"
    )


def test_a_change_to_what_is_so_already_is_skipped() -> None:
    (change,) = chosen(["alias-on"])
    life = Rehearsed([])
    Changing(cast("Any", life), PROD, Path("folder")).carry_out(change)
    assert [(step.remark, step.skipped) for step in life.steps] == [("not changed: it is so already", True)]


def test_a_stack_without_something_to_change_skips_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: StackSettings) -> StackSettings:
        raise ValueError("it has none")

    life = Rehearsed([])
    Changing(cast("Any", life), PROD, Path("folder")).carry_out(StackChange("x", nothing, ("~ y",)))
    assert life.did == ["x: copy"]
