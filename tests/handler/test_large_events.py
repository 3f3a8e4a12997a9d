"""Events of 10,000 records, the largest that Lambda delivers, with one request in twenty failing."""

import random
from collections import Counter
from collections.abc import Callable

from handler.batch import BatchInference
from tests.handler.aws import Answer, LocalAws, Request, model_error, scored, service_error
from tests.handler.conftest import FakeContext, make_event, returned, texts

RECORDS = 10_000
FAULTS: list[Answer | Callable[[Request], Answer]] = [
    service_error(400, "ThrottlingException", None),
    service_error(500, "InternalFailure"),
    service_error(503, "ServiceUnavailable"),
    model_error(500),
    Answer(body=b"[1]"),
    Answer(body=b"nonsense"),
    Answer(drop=True),
]


def test_ten_thousand_records_each_reach_one_outcome(aws: LocalAws, inference: Callable[..., BatchInference]) -> None:
    chance, faults = random.Random(7), Counter[int]()

    def endpoint(request: Request) -> Answer:
        with aws.lock:
            which = chance.randrange(20 * len(FAULTS))
            faults[which] += 1
        answer = FAULTS[which] if which < len(FAULTS) else scored
        return answer(request) if callable(answer) else answer

    aws.endpoint = endpoint
    handler = inference(max_records_per_request=20, requests_in_flight=8, max_receive_count=50)
    event, receive_count = make_event(texts(RECORDS)), 1
    while True:
        back = set(returned(handler.process(event, FakeContext(remaining_ms=60_000))))
        if not back:
            break
        receive_count += 1
        assert receive_count < 20
        event["Records"] = [record for record in event["Records"] if record["messageId"] in back]
        for record in event["Records"]:
            record["attributes"]["ApproximateReceiveCount"] = str(receive_count)
    assert set(aws.results()) == {f"m{number}" for number in range(RECORDS)}  # and none of them twice
    assert aws.dead_letters() == {}
    assert sum(count for which, count in faults.items() if which < len(FAULTS)) >= 10
    assert aws.most_in_flight <= 8
    assert all(len(request.inputs) <= 20 for request in aws.requests)
