"""How many bytes each part of a checkpoint takes: the model, its EMA, the optimizer, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..untrusted import printable
from .archive import Archive
from .keys import told
from .pickled import Record
from .tensors import Storage, Tensor

STRUCTURE = "structure (names, shapes)"  # the part that is no tensor


@dataclass(frozen=True)
class Stored:
    """Bytes of one dtype, and in how many tensors' storages they lie."""

    dtype: str
    nbytes: int
    storages: int


@dataclass(frozen=True)
class Part:
    """One entry of a checkpoint's dict (or the whole value), and the bytes only it needs."""

    name: str
    nbytes: int
    used: bool  # whether the export takes its weights from here
    dropped: bool = False  # whether it is of the model itself, and serves training alone


def tensors_of(value: object, seen: set[int] | None = None) -> Iterator[Tensor]:
    """Every tensor inside a pickled value, each object once, however the value is nested.

    `seen`: the ids of the containers that were gone through already, to which those of the value are added.
    """
    waiting: list[object] = [value]
    seen = set() if seen is None else seen
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, Record | dict | list | tuple) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(_inside(item))


def _inside(item: Record | dict[object, object] | list[object] | tuple[object, ...]) -> Iterable[object]:
    if isinstance(item, Record):
        return (item.args, item.state, item.items, item.entries)
    return item.values() if isinstance(item, dict) else item


def stored_by_dtype(value: object) -> tuple[Stored, ...]:
    """The bytes that the tensors inside a value take in the file, by dtype, the most first."""
    sums: dict[str, tuple[int, int]] = {}
    for storage in {tensor.storage.key: tensor.storage for tensor in tensors_of(value)}.values():
        nbytes, count = sums.get(storage.dtype.name, (0, 0))
        sums[storage.dtype.name] = (nbytes + storage.nbytes, count + 1)
    found = (Stored(dtype, nbytes, count) for dtype, (nbytes, count) in sums.items())
    return tuple(sorted(found, key=lambda stored: -stored.nbytes))


def parts_of(archive: Archive, used: str, kept: object, dropped: Mapping[str, object]) -> tuple[Part, ...]:
    """The parts of a checkpoint that take bytes, in the file's order, and what is no tensor at all.

    `used`: the key that the model is taken from, empty where it is the whole file. `kept`: the model's tensors.
    `dropped`: its branches that serve training alone, by name. A storage that several parts share counts for
    the model, then for its branches.
    """
    root = archive.root
    entries: Mapping[object, object] = root if used and isinstance(root, dict) else {"": root}
    counted: set[str] = set()
    seen: set[int] = set()

    def nbytes(value: object) -> int:
        new: dict[str, Storage] = {}
        for tensor in tensors_of(value, seen):
            if tensor.storage.key not in counted:
                new[tensor.storage.key] = tensor.storage
        counted.update(new)
        return sum(storage.nbytes for storage in new.values())

    model = [Part(printable(used) or "model", nbytes(kept), used=True)]
    model += [Part(name, nbytes(value), used=False, dropped=True) for name, value in dropped.items()]
    parts: list[Part] = []
    for key, value in entries.items():
        if key == used:
            parts += model
        elif own := nbytes(value):
            parts.append(Part(told(key), own, used=False))
    parts = [part for part in parts if part.nbytes]
    rest = archive.file.nbytes - sum(part.nbytes for part in parts)
    return (*parts, Part(STRUCTURE, rest, used=False))
