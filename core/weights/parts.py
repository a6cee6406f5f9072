"""How many bytes each part of a checkpoint takes: the model, its EMA, the optimizer, and the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..untrusted import printable
from .archive import Archive
from .pickled import Record
from .tensors import Storage, Tensor

STRUCTURE = "structure (pickle, zip)"  # the part that is no tensor


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


def tensors_of(value: object) -> Iterator[Tensor]:
    """Every tensor inside a pickled value, each object once, however the value is nested."""
    waiting: list[object] = [value]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, Record | dict | list | tuple) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(_inside(item))


def _inside(item: Record | dict[object, object] | list[object] | tuple[object, ...]) -> list[object]:
    if isinstance(item, Record):
        return [item.args, item.state, item.items, item.entries]
    return list(item.values()) if isinstance(item, dict) else list(item)


def stored_by_dtype(value: object) -> tuple[Stored, ...]:
    """The bytes that the tensors inside a value take in the file, by dtype, the most first."""
    sums: dict[str, tuple[int, int]] = {}
    for storage in _storages(value).values():
        nbytes, count = sums.get(storage.dtype.name, (0, 0))
        sums[storage.dtype.name] = (nbytes + storage.nbytes, count + 1)
    found = (Stored(dtype, nbytes, count) for dtype, (nbytes, count) in sums.items())
    return tuple(sorted(found, key=lambda stored: -stored.nbytes))


def _storages(value: object) -> dict[str, Storage]:
    return {tensor.storage.key: tensor.storage for tensor in tensors_of(value)}


def parts_of(archive: Archive, used: str) -> tuple[Part, ...]:
    """The parts of a checkpoint that take bytes, in the file's order, and what is no tensor at all.

    `used`: the key that the model is taken from. A storage that several parts share counts for the used one.
    """
    root = archive.root
    entries: Mapping[object, object] = root if isinstance(root, dict) else {"": root}
    counted: set[str] = set()
    sizes: dict[object, int] = {}
    for key in sorted(entries, key=lambda key: key != used):
        storages = _storages(entries[key])
        sizes[key] = sum(s.nbytes for name, s in storages.items() if name not in counted)
        counted |= storages.keys()
    parts = [Part(printable(str(key)) or "model", sizes[key], key == used) for key in entries if sizes[key]]
    rest = archive.file.nbytes - sum(part.nbytes for part in parts)
    return (*parts, Part(STRUCTURE, rest, used=False))
