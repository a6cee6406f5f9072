"""Read a safetensors file as data: a length, a JSON header, and the tensors' bytes one behind the other.

The format: github.com/huggingface/safetensors, section "Format". The library of that name reads it too, but only
into arrays, and looking at a file must not need numpy.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from ..errors import WeightsRefused
from ..untrusted import printable
from .budget import ENTRIES, MAX_DIMS, MAX_NUMEL
from .file import AGAIN, WeightsFile
from .keys import short
from .tensors import DType, Storage, Tensor, contiguous_strides

_ENTRY_NBYTES = 120  # of a tensor in the header, roughly
_DTYPES = {
    "F64": DType("float64", 8, "d"),
    "F32": DType("float32", 4, "f"),
    "F16": DType("float16", 2, "e"),
    "BF16": DType("bfloat16", 2),
    "I64": DType("int64", 8, "q"),
    "I32": DType("int32", 4, "i"),
    "I16": DType("int16", 2, "h"),
    "I8": DType("int8", 1, "b"),
    "U8": DType("uint8", 1, "B"),
    "BOOL": DType("bool", 1, "?"),
}


def is_safetensors(head: bytes, nbytes: int) -> bool:
    """Whether a file that begins with `head` and has so many bytes looks like one."""
    return len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= nbytes - 8


def read_safetensors(file: WeightsFile) -> dict[object, object]:
    """The tensors by name, none of them read yet. Raises `WeightsRefused` for whatever the format does not allow."""
    (length,) = struct.unpack("<Q", file.read(0, 8))
    if length > _ENTRY_NBYTES * file.budget.left(ENTRIES):
        raise WeightsRefused(f"its header has {length:,} bytes; no checkpoint needs so many")
    try:
        header: Any = json.loads(file.read(8, length), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise WeightsRefused(
            f"its header is damaged ({printable(str(error)) or type(error).__name__})", AGAIN
        ) from error
    if not isinstance(header, dict):
        raise WeightsRefused("its header is no list of tensors", AGAIN)
    header.pop("__metadata__", None)
    file.budget.spend(ENTRIES, len(header))
    start = 8 + length
    tensors = {name: _tensor(file, name, entry, start) for name, entry in header.items()}
    _check_extent(tensors, start, file.nbytes)
    return dict(tensors)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = {short(name): value for name, value in pairs}
    if len(made) != len(pairs):
        raise ValueError("a name stands there twice")
    return made


def _tensor(file: WeightsFile, name: str, entry: object, start: int) -> Tensor:
    match entry:
        case {"dtype": str(spelled), "shape": [*shape], "data_offsets": [first, end]}:
            pass
        case _:
            raise WeightsRefused(f"the tensor {printable(name)} is described in a form that is not known", AGAIN)
    dtype = _DTYPES.get(spelled)
    if dtype is None:
        raise WeightsRefused(f"the tensor {printable(name)} is stored as {printable(spelled)}, which is not supported")
    if len(shape) > MAX_DIMS or any(type(d) is not int or not 0 <= d <= MAX_NUMEL for d in (*shape, first, end)):
        raise WeightsRefused(f"the tensor {printable(name)} has a malformed shape or place", AGAIN)
    numel = math.prod(shape)
    if end - first != numel * dtype.itemsize or start + end > file.nbytes:
        raise WeightsRefused(
            f"the tensor {printable(name)}: its shape and its bytes do not agree, or the file is cut short", AGAIN
        )
    storage = Storage(file, name, dtype, numel, start + first)
    return Tensor(storage, 0, tuple(shape), contiguous_strides(tuple(shape)))


def _check_extent(tensors: dict[str, Tensor], start: int, end: int) -> None:
    """The tensors must fill the file from the header to its end, without gap or overlap."""
    place = start
    for storage in sorted((tensor.storage for tensor in tensors.values()), key=lambda s: (s.offset, s.nbytes)):
        if storage.offset != place:
            raise WeightsRefused(
                f"the tensor {printable(storage.key)} does not begin where the one before it ends", AGAIN
            )
        place += storage.nbytes
    if place != end:
        raise WeightsRefused(f"{end - place:,} bytes at its end belong to no tensor", AGAIN)
