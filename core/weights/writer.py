"""Write values in torch's zip layout: what `archive` reads, from records instead of objects."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pickled import Name, Record
from .tensors import STORAGE_DTYPES, contiguous_strides

_ALIGNMENT = 64  # of tensor data in the file, as torch writes it
_STORAGES = {dtype.name: f"torch.{name}" for name, dtype in reversed(STORAGE_DTYPES.items())}


@dataclass(frozen=True, eq=False)
class NewTensor:
    """A tensor to be written: its values, and whether it is a parameter (as opposed to a buffer)."""

    array: NDArray[Any]
    parameter: bool = False


def checkpoint_bytes(root: object, name: str = "archive") -> bytes:
    """`root` as a torch checkpoint. It may hold plain values, `Record`s, `Name`s and `NewTensor`s.

    A record with a state is written as an object, one without as a call. `name`: the zip's inner folder.
    Raises `TypeError` for any other value.
    """
    pickler = _Pickler()
    pickler.write(root)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        _add(file, f"{name}/data.pkl", pickler.finish())
        _add(file, f"{name}/byteorder", b"little")
        for key, array in enumerate(pickler.storages):
            _add(file, f"{name}/data/{key}", array.tobytes())
        _add(file, f"{name}/version", b"3\n")
    return buffer.getvalue()


def _add(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name)
    assert file.fp is not None
    # A local header is 30 bytes, the name and the extra field, which starts with four bytes of its own.
    start = file.fp.tell() + 30 + len(name.encode()) + 4
    padding = -start % _ALIGNMENT
    info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    file.writestr(info, data)


class _Pickler:
    """Emits protocol 2, the one that torch writes."""

    def __init__(self) -> None:
        self._out = bytearray(b"\x80\x02")
        self.storages: list[NDArray[Any]] = []

    def finish(self) -> bytes:
        return bytes(self._out) + b"."

    def write(self, value: object) -> None:
        match value:
            case None:
                self._out += b"N"
            case bool():
                self._out += b"\x88" if value else b"\x89"
            case int():
                self._integer(value)
            case float():
                self._out += b"G" + struct.pack(">d", value)
            case str():
                data = value.encode("utf-8", "surrogatepass")  # as Python's own does
                self._out += b"X" + struct.pack("<I", len(data)) + data
            case tuple():
                self._out += b"("
                self._each(value)
                self._out += b"t"
            case list():
                self._out += b"]("
                self._each(value)
                self._out += b"e"
            case dict():
                self._dict(value)
            case Name():
                module, _, attribute = value.full.rpartition(".")
                self._out += f"c{module}\n{attribute}\n".encode()
            case Record():
                self._record(value)
            case NewTensor():
                self._tensor(value)
            case _:
                raise TypeError(f"a {type(value).__name__} cannot be written")

    def _each(self, values: tuple[object, ...] | list[object]) -> None:
        for value in values:
            self.write(value)

    def _integer(self, value: int) -> None:
        if -(2**31) <= value < 2**31:
            self._out += b"J" + struct.pack("<i", value)
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self._out += b"\x8a" + bytes([len(data)]) + data

    def _dict(self, value: Mapping[object, object]) -> None:
        self._out += b"}("
        for key, item in value.items():
            self.write(key)
            self.write(item)
        self._out += b"u"

    def _record(self, value: Record) -> None:
        self.write(Name(value.name))
        self.write(value.args)
        self._out += b"R" if value.state is None else b"\x81"
        if value.state is not None:
            self.write(value.state)
            self._out += b"b"

    def _tensor(self, value: NewTensor) -> None:
        array = np.ascontiguousarray(value.array)
        hooks = Record("collections.OrderedDict", ((),))
        if value.parameter:
            self.write(Name("torch._utils._rebuild_parameter"))
            self._out += b"("
        self.write(Name("torch._utils._rebuild_tensor_v2"))
        self._out += b"("
        self.write(("storage", Name(_STORAGES[array.dtype.name]), str(len(self.storages)), "cpu", array.size))
        self._out += b"Q"
        self.storages.append(array)
        self._each((0, value.array.shape, contiguous_strides(value.array.shape), False, hooks))
        self._out += b"tR"
        if value.parameter:
            self.write(True)
            self.write(hooks)
            self._out += b"tR"
