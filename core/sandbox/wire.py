"""Messages between a process and its sandbox: a header of plain JSON, and arrays as their bytes. Never a pickle."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
Header: TypeAlias = Mapping[str, Any]

# Of one header: a model's names and a report of its checks fit; a hostile one does not fill the memory.
MAX_HEADER_NBYTES = 16 * 2**20
_LENGTH = struct.Struct("<I")
_DTYPES = frozenset(
    f"{kind}{bits}"
    for kind, sizes in (("int", (8, 16, 32, 64)), ("uint", (8, 16, 32, 64)), ("float", (16, 32, 64)))
    for bits in sizes
) | {"bool"}
_MAX_DIMS = 32


class BadMessage(Exception):
    """What came is no message, or more than was asked for."""


def send(stream: IO[bytes], header: Header, arrays: Sequence[Array] = ()) -> None:
    """Write a message. Raises `BadMessage` for an array of anything but numbers, or a header that is too long."""
    listed: list[tuple[str, tuple[int, ...]]] = []
    for array in arrays:
        if array.dtype.name not in _DTYPES:
            raise BadMessage(f"an array of {array.dtype.name}")
        listed.append((array.dtype.name, array.shape))
    text = json.dumps({**header, "arrays": listed}).encode()
    if len(text) > MAX_HEADER_NBYTES:
        raise BadMessage("more names than a message holds")
    stream.write(_LENGTH.pack(len(text)) + text)
    for array in arrays:
        _write(stream, array)
    stream.flush()


def _write(stream: IO[bytes], array: Array) -> None:
    import numpy as np

    plain = np.ascontiguousarray(array)
    if plain.size:
        stream.write(plain.reshape(-1).view(np.uint8).data)


def receive(read: Callable[[int], bytes | bytearray], limit: int) -> tuple[dict[str, Any], list[Array]]:
    """Read a message with arrays of `limit` bytes at most. `read`: gives exactly so many bytes, or raises.

    Raises `BadMessage` for anything else; nothing is allocated before its size was compared with the limit.
    """
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    if length > MAX_HEADER_NBYTES:
        raise BadMessage(f"a header of {length:,} bytes")
    try:
        header = json.loads(bytes(read(length)))
    except (ValueError, RecursionError) as error:
        raise BadMessage("a header that is no JSON") from error
    if not isinstance(header, dict) or not isinstance(listed := header.pop("arrays", None), list):
        raise BadMessage("a header without its list of arrays")
    arrays: list[Array] = []
    for entry in listed:
        dtype, shape, nbytes = _described(entry)
        limit -= nbytes
        if limit < 0:
            raise BadMessage(f"an array of {nbytes:,} bytes too many")
        arrays.append(_array(read, dtype, shape, nbytes))
    return header, arrays


def _described(entry: object) -> tuple[str, tuple[int, ...], int]:
    import numpy as np

    match entry:
        case [str(dtype), list(shape)] if dtype in _DTYPES and len(shape) <= _MAX_DIMS:
            if all(type(dim) is int and 0 <= dim < 2**40 for dim in shape):
                return dtype, tuple(shape), math.prod(shape) * np.dtype(dtype).itemsize
    raise BadMessage("an array of no known form")


def _array(read: Callable[[int], bytes | bytearray], dtype: str, shape: tuple[int, ...], nbytes: int) -> Array:
    import numpy as np

    return np.frombuffer(read(nbytes), dtype).reshape(shape)
