"""Settings that AWS would refuse in the middle of an apply are refused before anything is built."""

import copy
import pickle
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    CodeSigning,
    ContainerModel,
    Deployment,
    EndpointSettings,
    EventSourceSettings,
    FunctionSettings,
    HuggingFaceModel,
    InferencePipeline,
    InferenceSettings,
    InstanceCapacity,
    MessageQueue,
    PipelineSettings,
    ProvisionedPollers,
    QueueSettings,
    ResultsSettings,
    ScheduledCapacity,
    ServicePrincipal,
    SettingsError,
    StackSettings,
    add_stacks,
)
from constructs_lib.settings.base import SettingsArgumentError, did_you_mean
from constructs_lib.stack import check_stack
from constructs_lib.validation import schedules

import pytest
from cdktf import TerraformStack, Testing

REGION = "eu-central-1"
ACCOUNT = "123456789012"
SCORER = ContainerModel(image_uri=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/scorer:1")
PIPELINE = PipelineSettings(endpoint=EndpointSettings(model=SCORER))
SIGNED = FunctionSettings(
    code_signing=CodeSigning(
        config_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-0123456789abcdefg",
        profile_name="release",
        location="s3://company-code/",
    )
)
BUNDLE = HuggingFaceModel(
    model_id="owner/gated",
    task="fill-mask",
    token_secret_arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hub-a1B2c3",
    bundle_location="s3://company-models/bundles/",
)


def refused(pipeline: PipelineSettings = PIPELINE, **stack: Any) -> list[str]:
    """Return the violations of a stack `dev` with the pipeline `x`."""
    settings = StackSettings(region=REGION, pipelines={"x": pipeline}, **stack)
    return [str(violation).removeprefix("dev/x ").removeprefix("dev ") for violation in check_stack("dev", settings)]


def on_instances(**changes: Any) -> PipelineSettings:
    return PipelineSettings(
        endpoint=EndpointSettings(
            model=SCORER, capacity=InstanceCapacity(instance_type="ml.m5.large", min_instances=2), **changes
        )
    )


CHARACTERS = "letters, digits, spaces and _.:/=+-@"


@pytest.mark.parametrize(
    ("tags", "texts"),
    [
        ({"team": "ml", "cost center": "42", "Größe": "größer", "empty": ""}, []),
        (
            {"Stack": "x"},
            ["tags = 'Stack': must be another key than stack and managed-by (the stack sets them; IAM ignores case)"],
        ),
        (
            {"managed-by": "hand"},
            ["tags = 'managed-by': must be another key than stack and managed-by (the stack sets them; IAM ignores "
             "case)"],
        ),
        ({"Team": "a", "team": "b"}, ["tags = 'team': must be a key that differs from Team not by case alone (IAM "
                                      "ignores case)"]),
        (
            {"aws:owner": "x"},
            ["tags = 'aws:owner': must be a key that does not begin with aws: (reserved for AWS)"],
        ),
        ({"": "x"}, ["tags = '': must be a key of 1 to 128 characters (AWS tags)"]),
        ({"k" * 129: "x"}, [f"tags = '{'k' * 58}…{'k' * 19}': must be a key of 1 to 128 characters (AWS tags)"]),
        ({"team": "x" * 300}, ["tags.team = '300 characters': must be at most 256 characters (AWS tags)"]),
        ({"team": "a, b"}, [f"tags.team = 'a, b': must be {CHARACTERS} (AWS tags)"]),
        ({"team!": "ml"}, [f"tags = 'team!': must be a key of {CHARACTERS} (AWS tags)"]),
        (
            {f"key-{number}": "x" for number in range(51)},
            ["tags = '51 tags': must be at most 48 with stack and managed-by beside them (AWS tags)"],
        ),
        ({"team": "${var.team}"}, []),
    ],
)  # fmt: skip
def test_tags(tags: Mapping[str, str], texts: list[str]) -> None:
    assert refused(tags=tags) == texts


@pytest.mark.parametrize(
    "pipeline",
    [
        replace(PIPELINE, function=SIGNED),
        PipelineSettings(endpoint=EndpointSettings(model=BUNDLE)),
        on_instances(shadow=None, more_variants=()),
    ],
)
def test_an_object_takes_ten_tags(pipeline: PipelineSettings) -> None:
    puts = pipeline.function.code_signing is not None or pipeline.endpoint == EndpointSettings(model=BUNDLE)
    text = "tags = '9 tags': must be at most 8 with stack and managed-by beside them (Amazon S3: tags of an object)"
    assert refused(pipeline, tags={f"key-{number}": "x" for number in range(9)}) == ([text] if puts else [])
    assert refused(pipeline, tags={f"key-{number}": "x" for number in range(8)}) == []


def scheduled(schedule: str, timezone: str = "UTC") -> list[str]:
    entry = ScheduledCapacity(name="day", schedule=schedule, timezone=timezone, min_instances=1, max_instances=4)
    capacity = InstanceCapacity(instance_type="ml.m5.large", schedule=(entry,))
    return refused(PipelineSettings(endpoint=EndpointSettings(model=SCORER, capacity=capacity)))


ONE_QUESTION_MARK = "cron(…) with ? for the day of month or for the day of week, and for one of them alone"


@pytest.mark.parametrize(
    ("schedule", "bound"),
    [
        ("cron(0 7 * * MON-FRI *)", ONE_QUESTION_MARK),
        ("cron(0 7 ? * ? *)", ONE_QUESTION_MARK),
        ("cron(0 7 1 * 2 *)", ONE_QUESTION_MARK),
        ("cron(60 7 ? * MON-FRI *)", "cron(…) with minutes 0 to 59, not 60"),
        ("cron(0 24 ? * MON-FRI *)", "cron(…) with hours 0 to 23, not 24"),
        ("cron(0 7 32 * ? *)", "cron(…) with day of month 1 to 31, not 32"),
        ("cron(0 7 ? SEPT MON *)", "cron(…) with month 1 to 12 or JAN to DEC, not SEPT"),
        ("cron(0 7 ? * MONDAY *)", "cron(…) with day of week 1 to 7 or SUN to SAT, not MONDAY"),
        ("cron(0 7 ? * 0 *)", "cron(…) with day of week 1 to 7 or SUN to SAT, not 0"),
        ("cron(0 7 ? * MON 1969)", "cron(…) with year 1970 to 2199, not 1969"),
        ("cron(? 7 ? * MON *)", "cron(…) with minutes 0 to 59, not ?"),
        ("cron(0/0 7 ? * MON *)", "cron(…) with minutes 0 to 59, not 0/0"),
        ("at(2027-02-30T07:00:00)", "at(yyyy-mm-ddThh:mm:ss) with a day and a time that there are"),
        ("at(2027-02-20T25:00:00)", "at(yyyy-mm-ddThh:mm:ss) with a day and a time that there are"),
    ],
)
def test_a_schedule(schedule: str, bound: str) -> None:
    assert scheduled(schedule) == [
        f"endpoint.capacity.schedule[0].schedule = '{schedule}': must be {bound} (Application Auto Scaling Schedule)"
    ]


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 7 ? * MON-FRI *)",
        "cron(0/15 7-19 ? * 2,4,6 2027-2030)",
        "cron(0 20 L * ? *)",
        "cron(0 20 15W JAN,jul ? *)",
        "cron(0 20 ? * 6#3 *)",
        "cron(0 20 ? * FRIL *)",
        "rate(1 day)",
        "rate(5 minutes)",
        "at(2028-02-29T07:00:00)",
    ],
)
def test_a_schedule_that_application_auto_scaling_takes(schedule: str) -> None:
    assert scheduled(schedule) == []


@pytest.mark.parametrize(
    ("timezone", "hint"),
    [
        ("Europe/Berln", "; did you mean Europe/Berlin?"),
        ("America/New_Yrok", "; did you mean America/New_York?"),
        ("Mars/Olympus", ""),
    ],
)
def test_a_time_zone(timezone: str, hint: str) -> None:
    assert scheduled("cron(0 7 ? * MON-FRI *)", timezone) == [
        f"endpoint.capacity.schedule[0].timezone = '{timezone}': must be a time zone of IANA's{hint} (Application Auto "
        "Scaling Timezone)"
    ]


def test_a_machine_without_time_zones_refuses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "_zones", frozenset)
    assert scheduled("cron(0 7 ? * MON-FRI *)", "Europe/Berln") == []


def filtered(pattern: Mapping[str, Any]) -> list[str]:
    return refused(replace(PIPELINE, event_source=EventSourceSettings(filters=(pattern,))))


LIST = "a list of values or comparisons, even of one"
OPERATORS = "anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard"


@pytest.mark.parametrize(
    ("pattern", "place", "value", "bound"),
    [
        ({"body": {"type": "order"}}, ".body.type", "'order'", LIST),
        ({"body": {"order": {"total": 5}}}, ".body.order.total", "5", LIST),
        ({"body": {"type": None}}, ".body.type", "None", LIST),
        ({"body": {"type": []}}, ".body.type", "[]", "a list of one or more values or comparisons"),
        ({"body": {"type": [["a"]]}}, ".body.type[0]", "['a']", "a value or a comparison, not a list within the list"),
        (
            {"body": {"type": [{"prefx": "a"}]}},
            ".body.type[0]",
            "{'prefx': 'a'}",
            f"a comparison by one of {OPERATORS}; did you mean prefix?",
        ),
        (
            {"body": {"n": [{"numeric": [">", "5"]}]}},
            ".body.n[0]",
            "{'numeric': ['>', '5']}",
            'numeric with comparisons and numbers in turn, such as [">", 0, "<=", 5]',
        ),
        ({"body": {"n": [{"exists": "no"}]}}, ".body.n[0]", "{'exists': 'no'}", "exists with True or False"),
        (
            {"body": {"n": [{"prefix": "a", "suffix": "b"}]}},
            ".body.n[0]",
            "{'prefix': 'a', 'suffix': 'b'}",
            "one comparison; several are several items of the list",
        ),
        ({"body": {"$or": [{"a": [1]}]}}, ".body.$or", "[{'a': [1]}]", "a list of two or more patterns"),
        ({"bdy": {"a": [1]}}, "", "'bdy'", "body, messageAttributes or another part of a message; did you mean body?"),
        ({"type": ["order"]}, "", "'type'", "body, messageAttributes or another part of a message"),
    ],
)
def test_a_filter(pattern: Mapping[str, Any], place: str, value: str, bound: str) -> None:
    assert filtered(pattern) == [f"event_source.filters[0]{place} = {value}: must be {bound} (Lambda Filter Pattern)"]


@pytest.mark.parametrize(
    "pattern",
    [
        {"body": {"type": ["order", None, 5, True, ""]}},
        {"body": ["plain text"]},
        {"body": {"$or": [{"a": [1]}, {"b": [{"exists": False}]}]}},
        {"body": {"n": [{"numeric": [">", 0, "<=", 5]}], "s": [{"anything-but": ["a"]}]}},
        {"body": {"s": [{"anything-but": {"prefix": "a"}}, {"prefix": {"equals-ignore-case": "b"}}]}},
        {"messageAttributes": {"kind": {"stringValue": ["claim"]}}},
    ],
)
def test_a_filter_that_lambda_takes(pattern: Mapping[str, Any]) -> None:
    assert filtered(pattern) == []


@pytest.mark.parametrize(
    ("pipeline", "text"),
    [
        (
            replace(PIPELINE, inference=InferenceSettings(codec="hugingface")),
            "inference.codec = 'hugingface': must be one of huggingface, instances, jsonlines, csv, csv-row, kserve, "
            "single, chat, or module:function; did you mean huggingface? (the handler's codecs)",
        ),
        (
            replace(PIPELINE, results=ResultsSettings(sink="event-bridge")),
            "results.sink = 'event-bridge': must be one of sqs, sns, eventbridge, s3, none; did you mean eventbridge? "
            "(the handler's sinks)",
        ),
        (
            replace(PIPELINE, inference=InferenceSettings(target_variant="primry")),
            "inference.target_variant = 'primry': must be one of primary; did you mean primary? (the endpoint's "
            "variants)",
        ),
        (
            replace(PIPELINE, inference=InferenceSettings(codec="xyz")),
            "inference.codec = 'xyz': must be one of huggingface, instances, jsonlines, csv, csv-row, kserve, single, "
            "chat, or module:function (the handler's codecs)",
        ),
    ],
)
def test_a_choice_that_there_is_none_of_is_answered_with_the_one_that_was_meant(
    pipeline: PipelineSettings, text: str
) -> None:
    assert refused(pipeline) == [text]


@pytest.mark.parametrize("name", [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:company", "arn:aws-cn:x", "x" * 256])
def test_an_alarm_goes_by_its_name(name: str) -> None:
    shown = repr(name) if len(name) < 79 else f"'{name[:58]}…{name[-19:]}'"
    assert refused(on_instances(deployment=Deployment(rollback_alarm_names=("company", name)))) == [
        f"endpoint.deployment.rollback_alarm_names[1] = {shown}: must be names of alarms, 1 to 255 characters, not "
        "ARNs (SageMaker AlarmName)"
    ]


def sent_by(service: str, arn: str, *, fifo: bool = True) -> list[str]:
    sender = ServicePrincipal(service=f"{service}.amazonaws.com", source_arn=arn)
    return refused(replace(PIPELINE, queue=QueueSettings(fifo=fifo, senders=(sender,))))


def test_a_bucket_does_not_notify_a_fifo_queue() -> None:
    assert sent_by("s3", "arn:aws:s3:::inputs") == [
        "queue.senders[0].service = 's3.amazonaws.com': must be another service with fifo (Amazon S3 notifies standard "
        "queues alone; EventBridge can send its events to a FIFO queue)"
    ]
    assert sent_by("s3", "arn:aws:s3:::inputs", fifo=False) == []


def test_a_bucket_that_is_granted_later_does_not_either() -> None:
    queue = MessageQueue(TerraformStack(Testing.app(), "plain"), "work", name="work", settings=QueueSettings(fifo=True))
    with pytest.raises(SettingsError) as raised:
        queue.grant_send(ServicePrincipal(service="s3.amazonaws.com", source_arn="arn:aws:s3:::inputs"))
    assert (
        str(raised.value).splitlines()[1].startswith("  plain/work senders[0].service = 's3.amazonaws.com': must be ")
    )


def test_a_standard_topic_has_no_fifo_queue() -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:orders"
    assert sent_by("sns", topic) == [
        f"queue.senders[0].source_arn = '{topic}': must be the ARN of a FIFO topic with fifo (SNS: standard topics "
        "take no FIFO queue)"
    ]
    for arn in (f"{topic}.fifo", f"arn:aws:sns:{REGION}:{ACCOUNT}:*", "arn:aws:${var.topic}"):
        assert sent_by("sns", arn) == []


def test_a_rule_sends_to_a_fifo_queue() -> None:
    assert sent_by("events", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/night") == []


def clashes(stacks: Mapping[str, StackSettings]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), stacks)
    return [str(violation) for violation in raised.value.violations]


def holding(*names: str) -> StackSettings:
    return StackSettings(region=REGION, pipelines=dict.fromkeys(names, PIPELINE))


def test_stacks_that_differ_by_case() -> None:
    assert clashes({"Dev": holding("x"), "dev": holding("x")}) == [
        "dev name = 'dev': must be a name that differs from Dev not by case alone (IAM ignores case, and so do the "
        "file systems of many laptops)"
    ]


def test_pipelines_that_differ_by_case() -> None:
    assert clashes({"dev": holding("Fraud", "fraud")}) == [
        "dev/fraud name = 'dev-fraud': must be another name than that of dev/Fraud (same region; IAM ignores case)"
    ]
    assert clashes({"dev": holding("A-x"), "dev-a": holding("x")}) == [
        "dev-a/x name = 'dev-a-x': must be another name than that of dev/A-x (same region; IAM ignores case)"
    ]


@pytest.mark.parametrize("name", ["scores", "Scores"])
def test_two_pipelines_of_one_name_in_a_stack_of_ones_own(name: str) -> None:
    stack = TerraformStack(Testing.app(), "plain")
    InferencePipeline(stack, "a", name="scores", settings=PIPELINE)
    with pytest.raises(SettingsError) as raised:
        InferencePipeline(stack, "b", name=name, settings=PIPELINE)
    assert str(raised.value) == (
        "1 setting is out of bounds:\n"
        f"  plain/b name = '{name}': must be another name than that of plain/a (one account and region; IAM "
        "ignores case)"
    )
    InferencePipeline(TerraformStack(Testing.app(), "other"), "a", name="scores", settings=PIPELINE)


@pytest.mark.parametrize(
    ("cls", "argument", "text"),
    [
        (
            QueueSettings,
            "visibility_timout_seconds",
            "QueueSettings() has no setting 'visibility_timout_seconds'; did you mean visibility_timeout_seconds?",
        ),
        (
            InstanceCapacity,
            "instance_typ",
            "InstanceCapacity() has no setting 'instance_typ'; did you mean instance_type?",
        ),
        (StackSettings, "xyz", "StackSettings() has no setting 'xyz'"),
        (FunctionSettings, "memory", "FunctionSettings() has no setting 'memory'; did you mean memory_mib?"),
        # far from it by its letters, but a part of it
        (
            FunctionSettings,
            "ephemeral",
            "FunctionSettings() has no setting 'ephemeral'; did you mean ephemeral_storage_mib?",
        ),
    ],
)
def test_a_setting_that_there_is_none_of(cls: type, argument: str, text: str) -> None:
    with pytest.raises(SettingsArgumentError) as raised:
        cls(**{argument: 1})
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("word", "meant"),
    [("memory", "; did you mean memory_mib?"), ("mib", ""), ("so", ""), ("alia", "; did you mean alias?"), ("zzz", "")],
)
def test_the_setting_that_was_meant_is_said_if_it_is_one(word: str, meant: str) -> None:
    assert did_you_mean(word, ["memory_mib", "ephemeral_storage_mib", "alias", "also_long_enough"]) == meant


def test_all_settings_that_there_are_none_of_are_named_at_once() -> None:
    with pytest.raises(SettingsArgumentError) as raised:
        QueueSettings(fifoo=True, xyz=1)  # type: ignore[call-arg]
    assert str(raised.value) == ("QueueSettings() has no setting 'fifoo'; did you mean fifo? and no setting 'xyz'")


@pytest.mark.parametrize(
    ("cls", "given", "text"),
    [
        (PipelineSettings, {}, "PipelineSettings() lacks endpoint, for which there is no default"),
        # what is misspelt is missing too: one cause
        (
            PipelineSettings,
            {"endpoints": 1},
            "PipelineSettings() has no setting 'endpoints'; did you mean endpoint?",
        ),
        (
            AsyncCapacity,
            {"request_location": "s3://bucket/in/"},
            "AsyncCapacity() lacks instance_type, output_location, for which there is no default",
        ),
    ],
)
def test_a_setting_that_is_missing(cls: type, given: Mapping[str, object], text: str) -> None:
    with pytest.raises(SettingsArgumentError) as raised:
        cls(**given)
    assert str(raised.value) == text


def test_a_setting_without_its_name() -> None:
    with pytest.raises(SettingsArgumentError) as raised:
        QueueSettings(True)  # type: ignore[call-arg]
    assert (
        str(raised.value)
        == "QueueSettings() was given True without a name; each setting has its name before it, as fifo=…"
    )


def test_settings_with_needed_ones_can_be_copied() -> None:
    assert copy.copy(PIPELINE) == copy.deepcopy(PIPELINE) == pickle.loads(pickle.dumps(PIPELINE)) == PIPELINE


class Sized(FunctionSettings):
    """A user's own, made by an argument that is no setting."""

    def __init__(self, size: str, **more: Any) -> None:
        super().__init__(memory_mib={"small": 512, "large": 2048}[size], **more)


@dataclass(frozen=True, kw_only=True)
class Owned(FunctionSettings):
    """A user's own, with a setting more and an argument that is not kept."""

    team: str
    size: InitVar[str]

    def __post_init__(self, size: str) -> None:
        super().__post_init__()
        object.__setattr__(self, "memory_mib", {"small": 512, "large": 2048}[size])


@pytest.mark.parametrize(
    "made",
    [lambda: Sized("large"), lambda: Sized(size="large", alias="live"), lambda: Owned(team="vision", size="large")],
    ids=["by position", "by name", "an argument that is not kept"],
)
def test_settings_of_a_user_s_own_say_what_they_take(made: Callable[[], FunctionSettings]) -> None:
    settings = made()
    assert settings.memory_mib == 2048
    assert copy.copy(settings) == copy.deepcopy(settings) == pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"size": "large"}, "Owned() lacks team, for which there is no default"),
        ({"team": "vision", "sizes": "large"}, "Owned() has no setting 'sizes'; did you mean size?"),
    ],
)
def test_settings_of_a_user_s_own_are_asked_for_too(given: Mapping[str, Any], text: str) -> None:
    with pytest.raises(SettingsArgumentError) as raised:
        Owned(**given)
    assert str(raised.value) == text


def test_a_setting_that_there_is_none_of_is_refused_in_a_copy_too() -> None:
    with pytest.raises(TypeError, match="has no setting 'fifoo'; did you mean fifo"):
        replace(QueueSettings(), fifoo=True)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("pipeline", "texts"),
    [
        (
            replace(PIPELINE, function=FunctionSettings(timeout_seconds=30_000)),
            ["function.timeout_seconds = 30000: must be 1 to 900 seconds (Lambda Timeout)"],
        ),
        (
            PipelineSettings(
                endpoint=EndpointSettings(
                    model=SCORER, capacity=InstanceCapacity(instance_type="ml.m5.large", min_instances=5000)
                )
            ),
            ["endpoint.capacity.min_instances = 5000: must be 1 to 1000 instances (Application Auto Scaling "
             "MinCapacity)"],
        ),
        (
            replace(PIPELINE, queue=QueueSettings(message_retention_seconds=2_000_000)),
            ["queue.message_retention_seconds = 2000000: must be 60 to 1209600 seconds (SQS MessageRetentionPeriod)"],
        ),
        (
            replace(
                PIPELINE,
                function=FunctionSettings(timeout_seconds=30_000),
                queue=QueueSettings(dead_letter_retention_seconds=60),
            ),
            ["function.timeout_seconds = 30000: must be 1 to 900 seconds (Lambda Timeout)",
             "queue.dead_letter_retention_seconds = 60: must be at least queue.message_retention_seconds, 345600 "
             "seconds (a dead letter's age counts from its first arrival on the work queue)"],
        ),
    ],
)  # fmt: skip
def test_a_violation_that_merely_follows_from_another_is_not_named(
    pipeline: PipelineSettings, texts: list[str]
) -> None:
    assert sorted(refused(pipeline)) == texts


def test_provisioned_pollers_go_up_to_what_the_api_takes() -> None:
    most = ProvisionedPollers(maximum=10_000)
    assert refused(replace(PIPELINE, event_source=EventSourceSettings(provisioned_pollers=most))) == []
    over = EventSourceSettings(provisioned_pollers=replace(most, maximum=10_001))
    assert refused(replace(PIPELINE, event_source=over)) == [
        "event_source.provisioned_pollers.maximum = 10001: must be 2 to 10000 pollers (Lambda ProvisionedPollerConfig "
        "MaximumPollers)"
    ]
