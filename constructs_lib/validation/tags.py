"""Tags: what AWS refuses of them on one of the things that a stack creates."""

import unicodedata
from collections.abc import Iterator, Mapping

from constructs_lib.settings import EndpointSettings, HuggingFaceModel, PipelineSettings

# AWS General Reference, "Tag naming limits and requirements"; API models of IAM and SageMaker in botocore 1.43.106
MAX_TAGS, MAX_KEY_CHARACTERS, MAX_VALUE_CHARACTERS = 50, 128, 256
# Amazon S3 guide, "Categorizing your objects using tags": of an object, not of a bucket
MAX_OBJECT_TAGS = 10
PUNCTUATION = "_.:/=+-@"
OWN_TAGS = ("stack", "managed-by")

TagMistake = tuple[str, object, str, str]


def tag_mistakes(tags: Mapping[str, str], pipelines: Mapping[str, PipelineSettings]) -> Iterator[TagMistake]:
    """Yield place, value, bound and reason of what is wrong with a stack's own tags."""
    yield from _count(tags, pipelines)
    seen: dict[str, str] = dict.fromkeys(OWN_TAGS, "")
    for key, value in tags.items():
        if "{" not in key:  # of a Terraform reference nothing is known
            yield from _key(key)
        if key.lower() in OWN_TAGS:
            yield "tags", key, f"another key than {' and '.join(OWN_TAGS)}", "the stack sets them; IAM ignores case"
        elif key.lower() in seen:
            yield "tags", key, f"a key that differs from {seen[key.lower()]} not by case alone", "IAM ignores case"
        seen.setdefault(key.lower(), key)
        if "${" not in value:
            yield from _value(f"tags.{key}", value)


def _count(tags: Mapping[str, str], pipelines: Mapping[str, PipelineSettings]) -> Iterator[TagMistake]:
    puts_objects = any(_puts_objects(pipeline) for pipeline in pipelines.values())
    most, reason = (MAX_OBJECT_TAGS, "Amazon S3: tags of an object") if puts_objects else (MAX_TAGS, "AWS tags")
    if len(tags) > most - len(OWN_TAGS):
        bound = f"at most {most - len(OWN_TAGS)} with {' and '.join(OWN_TAGS)} beside them"
        yield "tags", f"{len(tags)} tags", bound, reason


def _puts_objects(pipeline: PipelineSettings) -> bool:
    """Whether objects are put into buckets: code to be signed, or the bundle of a gated model."""
    endpoint = pipeline.endpoint
    models = []
    if isinstance(endpoint, EndpointSettings):
        variants = (*endpoint.more_variants, *([endpoint.shadow] if endpoint.shadow else []))
        models = [endpoint.model, *(variant.model for variant in variants)]
    bundles = (isinstance(model, HuggingFaceModel) and model.bundle_location is not None for model in models)
    return pipeline.function.code_signing is not None or any(bundles)


def _key(key: str) -> Iterator[TagMistake]:
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        yield "tags", key, f"a key of 1 to {MAX_KEY_CHARACTERS} characters", "AWS tags"
    if key.lower().startswith("aws:"):
        yield "tags", key, "a key that does not begin with aws:", "reserved for AWS"
    if not _is_plain(key):
        yield "tags", key, f"a key of letters, digits, spaces and {PUNCTUATION}", "AWS tags"


def _value(place: str, value: str) -> Iterator[TagMistake]:
    if len(value) > MAX_VALUE_CHARACTERS:
        yield place, f"{len(value)} characters", f"at most {MAX_VALUE_CHARACTERS} characters", "AWS tags"
    if not _is_plain(value):
        yield place, value, f"letters, digits, spaces and {PUNCTUATION}", "AWS tags"


def _is_plain(text: str) -> bool:
    return all(unicodedata.category(character)[0] in "LZN" or character in PUNCTUATION for character in text)
