"""The Open Inference Protocol (KServe v2, Triton), as JSON."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

from ..records import Record
from ..settings import HandlerSettings
from .base import (
    NO_LIMIT,
    Codec,
    Item,
    MalformedRecordError,
    Payload,
    UnexpectedResponseError,
    compact,
    load_record,
    load_response,
    to_bytes,
)

_DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "FP32", "FP64", "BF16", "BYTES"),
)
_NUMBERS, _TEXTS = {int, float, bool}, {str}
_MEMBERS = ("inputs", "parameters", "outputs", "id")  # the id of one record can't be the id of a request with many
_TENSOR_MEMBERS = ("name", "shape", "datatype", "parameters", "data")
_GAP = "\n"  # compact JSON never contains it: there it is an escape


class KServeCodec:
    """Records {"inputs": [tensor, …]} of one row; requests with the rows of each tensor; a list of tensors per result.

    Tensors are joined along their first dimension. Outputs in binary parts of a response are not supported.
    """

    content_type = accept = "application/json"
    max_records = NO_LIMIT

    def parse(self, record: Record, payload: Payload) -> Item:
        body = load_record(payload.text)
        tensors = _tensors(body)
        data = [_data(tensor) for tensor in tensors]
        flags = "".join("n" if isinstance(values[0], list) else "f" for values in data)
        rest = [
            f',"{name}":{compact(body[name], sort_keys=True)}'
            for name in ("parameters", "outputs")
            if body.get(name) is not None
        ]
        frame = f'{{"inputs":[{",".join(map(_frame, tensors))}]{"".join(rest)}}}'
        group_key = flags + _GAP + frame
        to_bytes(group_key)
        return Item(record, tuple(to_bytes(compact(values)[1:-1]) for values in data), group_key)

    def overhead(self, group_key: str) -> int:
        pieces = _pieces(group_key)
        return sum(map(len, pieces)) + len(pieces) // 2 * len(str(NO_LIMIT))

    def encode(self, items: Sequence[Item]) -> bytes:
        first, *pieces = _pieces(items[0].group_key)
        count, request = str(len(items)).encode(), [first]
        columns = zip(*(item.parts for item in items), strict=True)
        for before_data, column, after in zip(pieces[::2], columns, pieces[1::2], strict=True):
            request += (count, before_data, b",".join(column), after)
        return b"".join(request)

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        response = load_response(body)
        outputs = response.get("outputs") if isinstance(response, dict) else None
        if not isinstance(outputs, list) or not outputs:
            raise UnexpectedResponseError('the response must be an object with "outputs", a list that is not empty')
        return [list(row) for row in zip(*(_rows(output, len(items)) for output in outputs), strict=True)]


def make(_: HandlerSettings) -> Codec:
    """Return the codec; it has no settings."""
    return KServeCodec()


def _tensors(body: Any) -> list[dict[str, Any]]:
    """Return the record's tensors; everything but their data is checked."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise MalformedRecordError('the body must be a JSON object with "inputs", a list of tensors that is not empty')
    _check_members("the body", body, _MEMBERS)
    if not isinstance(body.get("parameters"), (dict, type(None))):
        raise MalformedRecordError('"parameters" must be an object')
    if not isinstance(body.get("outputs"), (list, type(None))):
        raise MalformedRecordError('"outputs" must be a list')
    names: set[str] = set()
    for number, tensor in enumerate(inputs):
        name = tensor.get("name") if isinstance(tensor, dict) else None
        if not isinstance(name, str) or not name:
            raise MalformedRecordError(f'"inputs"[{number}] must be an object with "name", a text that is not empty')
        if name in names:
            raise MalformedRecordError(f"{_named(name)}: the name stands twice")
        names.add(name)
        _check_tensor(_named(name), tensor)
    return inputs


def _check_tensor(named: str, tensor: dict[str, Any]) -> None:
    _check_members(named, tensor, _TENSOR_MEMBERS)
    shape, datatype = tensor.get("shape"), tensor.get("datatype")
    if not _is_shape(shape, first=1, least=1):
        raise MalformedRecordError(f'{named}: "shape" must be [1, …], whole numbers from 1 on')
    if not isinstance(datatype, str) or datatype not in _DATATYPES:
        raise MalformedRecordError(f'{named}: "datatype" must be one of {", ".join(_DATATYPES)}')
    if not isinstance(tensor.get("parameters"), (dict, type(None))):
        raise MalformedRecordError(f'{named}: "parameters" must be an object')
    if not isinstance(tensor.get("data"), list):
        raise MalformedRecordError(f'{named}: "data" must be a list')


def _check_members(named: str, value: dict[str, Any], members: tuple[str, ...]) -> None:
    for name in value:
        if name not in members:
            raise MalformedRecordError(f"{named} may have {', '.join(members)}, not {_quoted(name)}")


def _data(tensor: dict[str, Any]) -> list[Any]:
    """Return the tensor's data, flat or nested as it came, checked against its shape and datatype."""
    named, shape, data = _named(tensor["name"]), tensor["shape"], tensor["data"]
    if data and isinstance(data[0], list):
        leaves = _leaves(data, shape)
        if leaves is None:
            raise MalformedRecordError(f'{named}: the nested "data" is not of the shape {_cut(shape)}')
    else:
        leaves = data
        if len(data) != math.prod(shape):
            raise MalformedRecordError(f'{named}: "data" has {len(data)} values, not those of the shape {_cut(shape)}')
    is_text = tensor["datatype"] == "BYTES"
    if not {*map(type, leaves)} <= (_TEXTS if is_text else _NUMBERS):
        wanted = "texts" if is_text else "numbers, true and false"
        raise MalformedRecordError(f'{named}: "data" of {tensor["datatype"]} may hold {wanted} only')
    return data  # type: ignore[no-any-return]


def _leaves(data: list[Any], shape: list[int]) -> list[Any] | None:
    """Return the values of nested data in order; None if it does not have that shape."""
    rows: list[Any] = [data]
    for size in shape:
        if not all(isinstance(row, list) and len(row) == size for row in rows):
            return None
        rows = list(chain.from_iterable(rows))
    return rows


def _frame(tensor: dict[str, Any]) -> str:
    """Return the tensor's text in a request, with a gap for the number of rows and one for their data."""
    trailing = "".join(f",{size}" for size in tensor["shape"][1:])
    parameters = tensor.get("parameters")
    members = "" if parameters is None else f',"parameters":{compact(parameters, sort_keys=True)}'
    head = f'{{"name":{compact(tensor["name"])},"shape":[{_GAP}{trailing}],"datatype":"{tensor["datatype"]}"'
    return f'{head}{members},"data":[{_GAP}]}}'


def _pieces(group_key: str) -> list[bytes]:
    """Return the text before, between and after the gaps: the number of rows and the data of each tensor."""
    return group_key.encode().split(_GAP.encode())[1:]


def _rows(output: Any, count: int) -> list[dict[str, Any]]:
    """Return one row of an output per record, its data flat or nested as it came."""
    name, datatype = _text(output, "name"), _text(output, "datatype")
    shape, data = output.get("shape"), output.get("data")
    named = f"output {_quoted(name)}"
    if not _is_shape(shape, first=count, least=0):
        rows = shape[0] if isinstance(shape, list) and shape and type(shape[0]) is int else None
        raise UnexpectedResponseError(f"{named}: its shape {_cut(shape)} is not one of {count} rows", rows)
    if not isinstance(data, list):
        raise UnexpectedResponseError(f'{named}: no "data" came in the JSON')
    trailing = shape[1:]
    if data and isinstance(data[0], list):
        fits, step = len(data) == count and all(isinstance(row, list) for row in data), 1
    else:
        step = math.prod(trailing)
        fits = len(data) == count * step
    if not fits:
        raise UnexpectedResponseError(f'{named}: "data" of length {len(data)} is not of the shape {_cut(shape)}')
    pieces = (data[number * step : (number + 1) * step] for number in range(count))
    return [{"name": name, "datatype": datatype, "shape": [1, *trailing], "data": piece} for piece in pieces]


def _text(output: Any, name: str) -> str:
    value = output.get(name) if isinstance(output, dict) else None
    if not isinstance(value, str):
        raise UnexpectedResponseError(f'each output must be an object with "{name}", a text')
    return value


def _is_shape(shape: Any, *, first: int, least: int) -> bool:
    whole = isinstance(shape, list) and bool(shape) and all(type(size) is int and size >= least for size in shape)
    return whole and shape[0] == first


def _named(name: str) -> str:
    return f"tensor {_quoted(name)}"


def _quoted(name: str) -> str:
    return f'"{_cut(name)}"'


def _cut(value: object) -> str:
    """Return the value as text, short enough for a dead letter's detail."""
    return str(value)[:100]
