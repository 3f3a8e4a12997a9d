"""The codec of the Open Inference Protocol (KServe v2, Triton)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.codecs import Item, MalformedRecordError, UnexpectedResponseError, read_results
from tests.handler.aws import Answer, LocalAws
from tests.handler.codecs import TENSOR, items_of, make_codec, parse
from tests.handler.conftest import Build, FakeContext, make_event, returned

X = TENSOR
TEXT = {"name": "t", "shape": [1], "datatype": "BYTES", "data": ["grüß"]}


def _kserve(*tensors: dict[str, Any], **members: Any) -> str:
    return json.dumps({"inputs": tensors, **members})


def test_kserve_joins_each_tensor_along_the_batch_dimension(aws: LocalAws, inference: Build) -> None:
    outputs = [
        {"name": "label", "datatype": "BYTES", "shape": [3], "data": ["a", "b", "c"]},
        {"name": "flat", "datatype": "FP32", "shape": [3, 2], "data": [1, 2, 3, 4, 5, 6], "parameters": {}},
        {"name": "nested", "datatype": "INT8", "shape": [3, 1], "data": [[1], [2], [3]]},
    ]
    aws.endpoint = lambda request: Answer(body=json.dumps({"model_name": "m", "outputs": outputs}).encode())
    nested = {"name": "y", "shape": [1, 1, 2], "datatype": "INT64", "parameters": {"b": 1, "a": 2}}
    bodies = [
        _kserve({**X, "data": [n, 0.5]}, {**nested, "data": [[[n, 2**60]]]}, TEXT, outputs=[{"name": "label"}])
        for n in range(3)
    ]
    assert returned(inference(codec="kserve").process(make_event(bodies), FakeContext())) == []
    (request,) = aws.requests
    assert request.body.decode() == (
        '{"inputs":[{"name":"x","shape":[3,2],"datatype":"FP32","data":[0,0.5,1,0.5,2,0.5]},'
        '{"name":"y","shape":[3,1,2],"datatype":"INT64","parameters":{"a":2,"b":1},'
        '"data":[[[0,1152921504606846976]],[[1,1152921504606846976]],[[2,1152921504606846976]]]},'
        '{"name":"t","shape":[3],"datatype":"BYTES","data":["grüß","grüß","grüß"]}],"outputs":[{"name":"label"}]}'
    )
    assert (request.content_type, request.accept) == ("application/json", "application/json")
    assert aws.results()["m1"]["data"]["result"] == [
        {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["b"]},
        {"name": "flat", "datatype": "FP32", "shape": [1, 2], "data": [3, 4]},
        {"name": "nested", "datatype": "INT8", "shape": [1, 1], "data": [[2]]},
    ]


def test_kserve_records_that_differ_in_more_than_data_never_share_a_request(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(
        body=json.dumps(
            {
                "outputs": [
                    {
                        "name": "y",
                        "datatype": "FP32",
                        "shape": json.loads(request.body)["inputs"][0]["shape"][:1],
                        "data": [0] * json.loads(request.body)["inputs"][0]["shape"][0],
                    }
                ]
            }
        ).encode()
    )
    kinds = [
        _kserve(X),
        _kserve({**X, "name": "x2"}),
        _kserve({**X, "datatype": "FP64"}),
        _kserve({**X, "shape": [1, 2, 1]}),
        _kserve({**X, "data": [[1, 2.5]]}),
        _kserve({**X, "parameters": {"a": 1}}),
        _kserve({**X, "parameters": {"a": True}}),
        _kserve(X, parameters={"a": 1}),
        _kserve(X, outputs=[{"name": "y"}]),
        _kserve(X, TEXT),
        _kserve(TEXT, X),
    ]
    assert returned(inference(codec="kserve").process(make_event(kinds * 2), FakeContext())) == []
    assert [json.loads(request.body)["inputs"][0]["shape"][0] for request in aws.requests] == [2] * len(kinds)
    assert len({request.body for request in aws.requests}) == len(kinds)


NO_INPUTS = 'the body must be a JSON object with "inputs", a list of tensors that is not empty'
NO_NAME = '"inputs"[0] must be an object with "name", a text that is not empty'
NO_SHAPE = 'tensor "x": "shape" must be [1, …], whole numbers from 1 on'
NO_TYPE = (
    'tensor "x": "datatype" must be one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, '
    "FP16, FP32, FP64, BF16, BYTES"
)
NUMBERS_ONLY = 'tensor "x": "data" of FP32 may hold numbers, true and false only'


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("[]", NO_INPUTS),
        ('{"inputs": {}}', NO_INPUTS),
        ('{"inputs": []}', NO_INPUTS),
        (_kserve(X, ident="7"), 'the body may have inputs, parameters, outputs, id, not "ident"'),
        (_kserve(X, parameters=[]), '"parameters" must be an object'),
        (_kserve(X, outputs={}), '"outputs" must be a list'),
        ('{"inputs": [7]}', NO_NAME),
        (_kserve({**X, "name": ""}), NO_NAME),
        (_kserve({**X, "name": 1}), NO_NAME),
        (_kserve(X, X), 'tensor "x": the name stands twice'),
        (_kserve({**X, "size": 1}), 'tensor "x" may have name, shape, datatype, parameters, data, not "size"'),
        (_kserve({**X, "shape": None}), NO_SHAPE),
        (_kserve({**X, "shape": []}), NO_SHAPE),
        (_kserve({**X, "shape": [2, 1]}), NO_SHAPE),
        (_kserve({**X, "shape": [True, 2]}), NO_SHAPE),
        (_kserve({**X, "shape": [1, 2.0]}), NO_SHAPE),
        (_kserve({**X, "shape": [1, 0], "data": []}), NO_SHAPE),
        (_kserve({**X, "shape": [1, -2]}), NO_SHAPE),
        (_kserve({**X, "datatype": "FLOAT"}), NO_TYPE),
        (_kserve({**X, "datatype": ["FP32"]}), NO_TYPE),
        (_kserve({**X, "parameters": 1}), 'tensor "x": "parameters" must be an object'),
        (_kserve({**X, "data": "12"}), 'tensor "x": "data" must be a list'),
        (_kserve({**X, "data": []}), 'tensor "x": "data" has 0 values, not those of the shape [1, 2]'),
        (_kserve({**X, "data": [1, 2, 3]}), 'tensor "x": "data" has 3 values, not those of the shape [1, 2]'),
        (_kserve({**X, "data": [[1], [2]]}), 'tensor "x": the nested "data" is not of the shape [1, 2]'),
        (_kserve({**X, "data": [[1, 2], 3]}), 'tensor "x": the nested "data" is not of the shape [1, 2]'),
        (_kserve({**X, "data": [[[1], 2]]}), NUMBERS_ONLY),
        (_kserve({**X, "data": [1, [2]]}), NUMBERS_ONLY),
        (_kserve({**X, "data": [1, "2"]}), NUMBERS_ONLY),
        (_kserve({**X, "data": [1, None]}), NUMBERS_ONLY),
        (_kserve({**TEXT, "data": [1]}), 'tensor "t": "data" of BYTES may hold texts only'),
        (_kserve({**TEXT, "data": ["\ud800"]}), "the body is not valid Unicode: surrogates not allowed"),
        (_kserve({**X, "name": "\ud800"}), "the body is not valid Unicode: surrogates not allowed"),
        (
            _kserve({**X, "name": "x" * 300, "shape": [1, 9]}),
            f'tensor "{"x" * 100}": "data" has 2 values, not those of the shape [1, 9]',
        ),
    ],
)
def test_a_malformed_kserve_record_is_refused_with_the_reason(body: str, detail: str) -> None:
    with pytest.raises(MalformedRecordError) as caught:
        parse(make_codec("kserve"), body)
    assert str(caught.value) == detail


def test_a_kserve_shape_beyond_all_numbers_is_malformed() -> None:
    with pytest.raises(MalformedRecordError, match='"data" has 2 values'):
        parse(make_codec("kserve"), _kserve({**X, "shape": [1, *[10**4000] * 3]}))


Y = {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}
NO_OUTPUTS = 'the response must be an object with "outputs", a list that is not empty'


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        ([Y], NO_OUTPUTS),
        ({"error": "x"}, NO_OUTPUTS),
        ({"outputs": []}, NO_OUTPUTS),
        ({"outputs": [1]}, 'each output must be an object with "name", a text'),
        ({"outputs": [{**Y, "datatype": None}]}, 'each output must be an object with "datatype", a text'),
        ({"outputs": [{**Y, "shape": [3, 2]}]}, 'output "y": its shape [3, 2] is not one of 2 rows'),
        ({"outputs": [{**Y, "shape": []}]}, 'output "y": its shape [] is not one of 2 rows'),
        ({"outputs": [{**Y, "shape": [2, -1]}]}, 'output "y": its shape [2, -1] is not one of 2 rows'),
        ({"outputs": [{**Y, "data": None}]}, 'output "y": no "data" came in the JSON'),
        ({"outputs": [Y, {**Y, "data": [1, 2]}]}, 'output "y": "data" of length 2 is not of the shape [2, 2]'),
        ({"outputs": [{**Y, "data": [[1, 2]]}]}, 'output "y": "data" of length 1 is not of the shape [2, 2]'),
        ({"outputs": [{**Y, "data": [[1, 2], 3]}]}, 'output "y": "data" of length 2 is not of the shape [2, 2]'),
    ],
)
def test_a_kserve_response_of_another_form_is_never_matched(response: object, detail: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        read_results(make_codec("kserve"), json.dumps(response).encode(), "", items_of(2))
    assert str(caught.value) == detail


scalars = {
    "INT64": st.integers(),
    "FP64": st.floats(allow_nan=False, allow_infinity=False),
    "BYTES": st.text(max_size=5),
}
small_objects = st.dictionaries(st.text(max_size=3), st.integers() | st.booleans() | st.text(max_size=3), max_size=2)


def _nest(flat: list[Any], shape: list[int]) -> list[Any]:
    if len(shape) == 1:
        return flat
    step = len(flat) // shape[0]
    return [_nest(flat[start : start + step], shape[1:]) for start in range(0, len(flat), step)]


@st.composite
def kserve_records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw records that may share a request."""
    names = draw(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3, unique=True))
    count, nested = draw(st.integers(1, 12)), draw(st.booleans())
    members = draw(
        st.fixed_dictionaries({}, optional={"parameters": small_objects, "outputs": st.just([{"name": "y"}])})
    )
    records: list[dict[str, Any]] = [{"inputs": [], **members} for _ in range(count)]
    for name in names:
        datatype, shape = draw(st.sampled_from(sorted(scalars))), [1, *draw(st.lists(st.integers(1, 3), max_size=2))]
        parameters = draw(st.fixed_dictionaries({}, optional={"parameters": small_objects}))
        length = _product(shape)
        for record in records:
            flat = draw(st.lists(scalars[datatype], min_size=length, max_size=length))
            data = _nest(flat, shape) if nested else flat
            tensor = {"name": name, "shape": shape, "datatype": datatype, "data": data}
            record["inputs"].append(tensor | parameters)
    return records


def _product(shape: list[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _naive(records: list[dict[str, Any]]) -> dict[str, Any]:
    inputs = [
        {
            **tensor,
            "shape": [len(records), *tensor["shape"][1:]],
            "data": [value for record in records for value in record["inputs"][number]["data"]],
        }
        for number, tensor in enumerate(records[0]["inputs"])
    ]
    return {**records[0], "inputs": inputs}


@settings(deadline=None, derandomize=True)
@given(records=kserve_records(), escaped=st.booleans())
def test_a_kserve_request_is_what_a_naive_one_would_be_within_its_overhead(
    records: list[dict[str, Any]], escaped: bool
) -> None:
    codec = make_codec("kserve")
    items: list[Item] = [parse(codec, json.dumps(record, ensure_ascii=escaped)) for record in records]
    assert len({item.group_key for item in items}) == 1
    body = codec.encode(items)
    assert json.loads(body) == _naive(records)
    separators = (len(items) - 1) * len(items[0].parts)
    assert len(body) <= codec.overhead(items[0].group_key) + sum(item.size for item in items) + separators
