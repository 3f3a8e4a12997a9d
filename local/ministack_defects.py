"""The defects of MiniStack that runs meet, each mended in its process before it serves, with the reason.

A defect that is mended upstream goes from here with the next release that is pinned.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions
from ministack.services import lambda_svc, s3, signer, sns, sqs

# "You cannot set permissions explicitly for SendMessageBatch, DeleteMessageBatch, or ChangeMessageVisibilityBatch.
# Instead, setting permissions for SendMessage, DeleteMessage, or ChangeMessageVisibility sets permissions for the
# corresponding batch versions" (SQS Developer Guide, Amazon SQS batch actions). MiniStack asks for the batch's name.
BATCH_ACTIONS = {
    f"sqs:{name}Batch": f"sqs:{name}" for name in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}
# sns:Publish "grants permission to both publish and publish batch".
# https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
BATCH_ACTIONS["sns:PublishBatch"] = "sns:Publish"
POLICIES = ("RedrivePolicy", "RedriveAllowPolicy")
MAPPING_FIELDS = ("KMSKeyArn", "MetricsConfig", "ProvisionedPollerConfig")


def mend_all() -> None:
    """Mend every defect. Once in a process, before MiniStack serves."""
    mend_batch_actions()
    mend_mappings()
    mend_notifications()
    mend_queue_policies()
    mend_signed_code()


def mend_batch_actions() -> None:
    """Have a right to an action of SQS or SNS be one to its batch version, too."""
    extract_iam_action = iam_actions.extract_iam_action

    def corrected(*arguments: Any) -> str | None:
        action: str | None = extract_iam_action(*arguments)
        return BATCH_ACTIONS.get(action or "", action)

    iam_actions.extract_iam_action = corrected


def mend_mappings() -> None:
    """Have an event source mapping come back with all that it was given.

    MiniStack forgets the fields that have no effect there: every plan of Terraform would then want to set them anew.
    """
    create, update = lambda_svc._create_esm, lambda_svc._update_esm  # noqa: SLF001
    lambda_svc._create_esm = lambda request: _with_fields(create(request), request)  # noqa: SLF001
    lambda_svc._update_esm = lambda name, request: _with_fields(update(name, request), request)  # noqa: SLF001


def _with_fields(answer: Any, request: Any) -> Any:
    """Store the fields on the mapping that the answer is about; return the answer with them."""
    status, headers, body = answer
    given = {name: request[name] for name in MAPPING_FIELDS if name in request}
    if status >= 300 or not given:
        return answer
    mapping = lambda_svc._esms[json.loads(body)["UUID"]]  # noqa: SLF001
    mapping.update(given)
    return status, headers, json.dumps(lambda_svc._esm_response(mapping)).encode()  # noqa: SLF001


def mend_notifications() -> None:
    """Have a topic invoke a function as Lambda does what is asynchronous: one that fails is tried again.

    MiniStack invokes it once and looks at no answer: on a busy machine, notifications of an endpoint were lost.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    sns._lambda_svc = _Asynchronous()  # noqa: SLF001


class _Asynchronous:
    """MiniStack's Lambda for its SNS."""

    def __getattr__(self, name: str) -> Any:
        direct = name == "_execute_function_with_config_scope"
        return lambda_svc.invoke_async_with_retry if direct else getattr(lambda_svc, name)


def mend_queue_policies() -> None:
    """Have a redrive policy come back without spaces, however it was sent.

    SQS answers with its own JSON. The Terraform provider 5 waits until the answer is what it would have written itself,
    and gives up after minutes on one that keeps the sender's spaces.
    """
    for action in ("CreateQueue", "SetQueueAttributes"):
        sqs._HANDLERS[action] = _with_plain_policies(sqs._HANDLERS[action])  # noqa: SLF001


def _with_plain_policies(handle: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def plain(request: Any, url: str) -> Any:
        attributes = request.get("Attributes") or {}
        for name in POLICIES:
            if attributes.get(name):
                attributes[name] = _without_spaces(attributes[name])
        return handle(request, url)

    return plain


def _without_spaces(policy: str) -> str:
    try:
        return json.dumps(json.loads(policy), separators=(",", ":"))
    except (TypeError, ValueError):
        return policy  # which MiniStack refuses


def mend_signed_code() -> None:
    """Have a signing job for Lambda write the code: MiniStack writes a receipt, which no function can run."""
    start = signer._start_signing_job  # noqa: SLF001

    def started(*arguments: Any, **named: Any) -> Any:
        answer = start(*arguments, **named)
        if answer[0] < 300:  # status
            _write_code(signer._jobs[json.loads(answer[2])["jobId"]])  # noqa: SLF001
        return answer

    signer._start_signing_job = started  # noqa: SLF001


def _write_code(job: Any) -> None:
    """Write the source of the job where it wrote the receipt."""
    signed = job["signedObject"]
    if signed is None or job["platformId"] != signer._LAMBDA_PLATFORM_ID:  # noqa: SLF001
        return
    source = job["source"]["s3"]
    code, _ = signer._resolve_source(source["bucketName"], source["key"], source["version"])  # noqa: SLF001
    headers = {"content-type": "application/zip", "content-length": str(len(code))}
    s3._put_object(signed["s3"]["bucketName"], signed["s3"]["key"], code, headers)  # noqa: SLF001
