"""Checkpoints written from records, with whatever no writer would write: values that hold themselves, or one another
thousands of times, numbers of any length, and tensors that say of themselves what they like.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from halfpint.core.families import open_weights
from halfpint.core.weights.pickled import Name, Record
from halfpint.core.weights.tensors import Tensor
from support.zips import archive

_STORAGES = {
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    "complex64": "ComplexFloatStorage",
}
_LONG = 100  # characters of a text that is written once


def checkpoint(root: object) -> bytes:
    """A torch archive of a value: plain ones, `Record`s, `Name`s, and `Tensor`s, whose storages are read here.

    What is the same object is written once and referred to.
    """
    pickler = _Pickler()
    pickler.write(root)
    storages = {f"data/{key}": data for key, data in pickler.storages.items()}
    return archive({"data.pkl": pickler.finish(), "byteorder": b"little", **storages, "version": b"3\n"})


def changed(path: Path, change: Callable[[Record], object]) -> bytes:
    """A checkpoint with its model changed. `change`: is given the model's record, and may change what is in it."""
    with open_weights(path) as opened:
        root = opened.root
        assert isinstance(root, dict)
        model = root["ema"] or root["model"]
        assert isinstance(model, Record)
        change(model)
        return checkpoint(root)


def table(record: object, name: str) -> dict[object, object]:
    """A table of a module: its attributes where `name` is empty, else `_modules`, `_parameters`, `_buffers`."""
    assert isinstance(record, Record)
    assert isinstance(record.state, dict)
    found = record.state[name] if name else record.state
    assert isinstance(found, dict)
    return found


def below(record: Record, path: str) -> Record:
    """The submodule of a path: `model.0.conv`."""
    for name in path.split("."):
        found = table(record, "_modules")[name]
        assert isinstance(found, Record)
        record = found
    return record


def module(kind: str, children: Mapping[object, object] | None = None, **attributes: object) -> Record:
    """An `nn.Module` of a class, with submodules and attributes."""
    tables = {"_parameters": {}, "_buffers": {}, "_modules": dict(children or {}), "training": False}
    return Record(kind, (), tables | attributes)


class _Pickler:
    """Protocol 2; whatever can hold something else is put aside, so that it can be referred to."""

    def __init__(self) -> None:
        self._out = bytearray(b"\x80\x02")
        self._put: dict[int, int] = {}
        self._kept: list[object] = []  # so that no other object gets the identity of one that is gone
        self.storages: dict[str, bytes] = {}

    def finish(self) -> bytes:
        return bytes(self._out) + b"."

    def write(self, root: object) -> None:
        """Write a value. The parts that wait are kept in a list: some values are nested deeper than calls may be."""
        waiting: list[object] = [root]
        while waiting:
            item = waiting.pop()
            if isinstance(item, _Bytes):
                self._out += item
            elif isinstance(item, _PutAside):
                self._put_aside(item.value)
            elif id(item) in self._put:
                self._out += b"j" + struct.pack("<I", self._put[id(item)])
            else:
                waiting.extend(reversed(self._parts(item)))

    def _put_aside(self, value: object) -> None:
        self._out += b"r" + struct.pack("<I", len(self._put))
        self._put[id(value)] = len(self._put)
        self._kept.append(value)

    def _parts(self, value: object) -> list[object]:
        match value:
            case Tensor():
                return [self._tensor(value)]
            case Record(state=None):
                return [Name(value.name), value.args, _Bytes(b"R"), _PutAside(value)]
            case Record():
                made = [Name(value.name), value.args, _Bytes(b"\x81"), _PutAside(value)]
                return [*made, value.state, _Bytes(b"b")]
            case dict():
                items = (part for pair in value.items() for part in pair)
                return [_Bytes(b"}"), _PutAside(value), _Bytes(b"("), *items, _Bytes(b"u")]
            case list():
                return [_Bytes(b"]"), _PutAside(value), _Bytes(b"("), *value, _Bytes(b"e")]
            case tuple():
                return [_Bytes(b"("), *value, _Bytes(b"t"), _PutAside(value)]
            case str() if len(value) > _LONG:
                return [_Bytes(plain(value)), _PutAside(value)]
            case _:
                return [_Bytes(plain(value))]

    def _tensor(self, tensor: Tensor) -> _Bytes:
        storage = tensor.storage
        if storage.key not in self.storages:
            self.storages[storage.key] = storage.file.read(storage.offset, storage.nbytes)
        pid = b"(" + b"".join(
            map(plain, ("storage", Name(f"torch.{_STORAGES[storage.dtype.name]}"), storage.key, "cpu", storage.numel))
        )
        dims = b"".join(b"(" + b"".join(map(plain, each)) + b"t" for each in (tensor.shape, tensor.strides))
        hooks = b"\x89" + plain(Name("collections.OrderedDict")) + b")R"
        rebuild = plain(Name("torch._utils._rebuild_tensor_v2"))
        return _Bytes(rebuild + b"(" + pid + b"tQ" + plain(tensor.offset) + dims + hooks + b"tR")


class _Bytes(bytes):
    """Opcodes that are ready."""


class _PutAside:
    """Here, the value on top of the stack is put aside."""

    def __init__(self, value: object) -> None:
        self.value = value


def plain(value: object) -> bytes:
    """The opcodes of a value that holds no other. Raises `TypeError` for any that does."""
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8b" + struct.pack("<i", len(data)) + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            data = value.encode("utf-8", "surrogatepass")
            return b"X" + struct.pack("<I", len(data)) + data
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case Name():
            owner, _, name = value.full.rpartition(".")
            return f"c{owner}\n{name}\n".encode()
        case _:
            raise TypeError(f"a {type(value).__name__} holds others")
