"""Values that no module of a genuine checkpoint has in that place, and the modules to put them into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from halfpint.core.weights.archive import Archive
from halfpint.core.weights.pickled import Record
from halfpint.core.weights.tensors import DType, Storage, Tensor

_TABLES = ("_parameters", "_buffers", "_modules")


@dataclass(frozen=True, eq=False)
class Place:
    """An attribute, parameter, buffer or submodule: the table that it stands in, its key, and the module's path."""

    kind: str
    path: str
    table: dict[object, object]
    key: object

    def __str__(self) -> str:
        return f"{self.kind} at {self.path or 'the root'}: {self.key}"

    @property
    def unread(self) -> bool:
        """Whether nobody asked for it, since the table became a `Watched` one."""
        return isinstance(self.table, Watched) and self.key not in self.table.asked

    @contextmanager
    def holding(self, value: object) -> Iterator[None]:
        """Put a value there, or nothing for `MISSING`; what was there comes back afterwards."""
        before = list(self.table.items())
        if value is MISSING:
            del self.table[self.key]
        else:
            self.table[self.key] = value
        try:
            yield
        finally:
            self.table.clear()
            self.table.update(before)


MISSING = object()


class Watched(dict[object, object]):
    """A dict that knows which of its keys were asked for."""

    def __init__(self, items: Mapping[object, object]) -> None:
        super().__init__(items)
        self.asked: set[object] = set()

    def get(self, key: object, default: object = None) -> object:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: object) -> object:
        self.asked.add(key)
        return super().__getitem__(key)


def modules(record: Record, path: str = "") -> Iterator[tuple[str, Record]]:
    """A module and those below it, each with its path."""
    yield path, record
    for name, child in _table(record, "_modules").items():
        if isinstance(child, Record):
            yield from modules(child, f"{path}.{name}" if path else str(name))


def places(record: Record) -> Iterator[Place]:
    """Everything that a module and those below it hold, each module once. Their attributes are watched from here on."""
    seen: set[int] = set()
    for path, module in modules(record):
        if id(module) in seen:
            continue
        seen.add(id(module))
        kind = module.name.rpartition(".")[2]
        assert isinstance(module.state, dict)
        module.state = Watched(module.state)
        for table in (module.state, *(_table(module, name) for name in _TABLES)):
            yield from (Place(kind, path, table, key) for key in table)


def _table(record: Record, name: str) -> dict[object, object]:
    table = record.state.get(name) if isinstance(record.state, dict) else None
    return table if isinstance(table, dict) else {}


def crafted(archive: Archive) -> Mapping[str, object]:
    """Values of every kind that a file can hold, by a name for each."""
    knot = Record("torch.nn.modules.container.Sequential", (), {})
    knot.state = {"_modules": {"0": knot, "1": knot}, "_parameters": {}, "_buffers": {}, "add": knot}
    endless: list[object] = []
    endless.append(endless)
    deep: object = ()
    for _ in range(5000):  # deeper than Python's own calls may go
        deep = (deep, deep)
    numbers = DType("float32", 4, "f")
    few = Storage(archive.file, "crafted", numbers, 4, 0)
    return {
        "None": None,
        "True": True,
        "False": False,
        "zero": 0,
        "one": 1,
        "minus one": -1,
        "thousand": 1000,
        "2^31": 2**31,
        "2^62": 2**62,
        "2^511": 2**511,
        "half": 0.5,
        "NaN": float("nan"),
        "infinite": float("inf"),
        "1e300": 1e300,
        "empty text": "",
        "text": "model.0",
        "half a character": "\udcff",
        "empty list": [],
        "list": [-1, 0],
        "list of text": ["a", None],
        "long list": [1] * 100_000,
        "list in itself": endless,
        "deep tuple": deep,
        "pair": (1, 1),
        "pair of nothing": (None, float("nan")),
        "empty dict": {},
        "dict": {0: {"a": [deep]}},
        "record": Record("builtins.range", (0, 2**62, 1)),
        "knot": knot,
        "bytes": b"\x00",
        "tensor": Tensor(few, 0, (2, 2), (2, 1)),
        "scalar": Tensor(few, 0, (), ()),
        "expanded": Tensor(few, 0, (2**40, 4), (0, 1)),
        "empty tensor": Tensor(few, 0, (0, 2**62), (1, 1)),
        "complex": Tensor(Storage(archive.file, "complex", DType("complex64", 8), 2, 0), 0, (2,), (1,)),
    }
