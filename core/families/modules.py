"""Read the record of an `nn.Module`: its class, attributes, parameters, buffers and children."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ..errors import WeightsRefused
from ..text import escaped
from ..untrusted import printable
from ..weights.pickled import Record
from ..weights.tensors import Tensor

# A YOLOv5x6 has some 1,000 modules, 9 deep; a crafted file may nest a module inside itself.
_MAX_DEPTH = 64
_MAX_MODULES = 100_000


@dataclass(frozen=True, eq=False)
class Module:
    """An `nn.Module` as a checkpoint describes it. `path` is its dotted name, as in a state dict's keys."""

    record: Record
    path: str

    @property
    def full_kind(self) -> str:
        """The class with its module, such as `models.common.Conv`."""
        return self.record.name

    @property
    def kind(self) -> str:
        """The class alone, such as `Conv`."""
        return self.record.name.rpartition(".")[2]

    @cached_property
    def _state(self) -> dict[object, object]:
        if not isinstance(self.record.state, dict):
            raise WeightsRefused(f"{self} has no attributes: the file is no complete checkpoint")
        return self.record.state

    def __str__(self) -> str:
        return f"{printable(self.kind)} at {self.path or 'the root'}"

    def attribute(self, name: str) -> object:
        """A plain attribute, or None."""
        return self._state.get(name)

    def integer(self, name: str) -> int:
        """An attribute that must be a whole number. Raises `WeightsRefused` otherwise."""
        value = self.attribute(name)
        if type(value) is not int:
            raise WeightsRefused(f"{self}: {name} is not a whole number")
        return value

    def number(self, name: str) -> float:
        """An attribute that must be a number. Raises `WeightsRefused` otherwise."""
        value = self.attribute(name)
        if not isinstance(value, int | float):
            raise WeightsRefused(f"{self}: {name} is not a number")
        return float(value)

    def pair(self, name: str) -> tuple[int, int]:
        """An attribute of one or two whole numbers, as torch spells kernel sizes: (height, width)."""
        match self.attribute(name):
            case int(one):
                return (one, one)
            case (int(height), int(width)) | [int(height), int(width)]:
                return (height, width)
            case _:
                raise WeightsRefused(f"{self}: {name} is not one or two whole numbers")

    def _table(self, name: str) -> dict[object, object]:
        table = self._state.get(name)
        return table if isinstance(table, dict) else {}

    def tensor(self, name: str) -> Tensor | None:
        """The parameter or buffer of that name, or None where there is none."""
        value = self._table("_parameters").get(name)
        if value is None:
            value = self._table("_buffers").get(name)
        return value if isinstance(value, Tensor) else None

    def required(self, name: str, *shape: int) -> Tensor:
        """The parameter or buffer of that name (and shape, if given). Raises `WeightsRefused` without it."""
        tensor = self.tensor(name)
        if tensor is None:
            raise WeightsRefused(f"{self} has no {name}")
        if shape and tensor.shape != shape:
            raise WeightsRefused(f"{self}: {name} has the shape {tensor.shape}, {shape} was expected")
        return tensor

    @cached_property
    def children(self) -> dict[str, Module]:
        """The submodules, by name, in their order."""
        found: dict[str, Module] = {}
        for name, value in self._table("_modules").items():
            if isinstance(name, str) and isinstance(value, Record):
                path = escaped(name)  # it names what is in the artifacts, and others print that
                found[name] = Module(value, f"{self.path}.{path}" if self.path else path)
        return found

    def child(self, name: str) -> Module:
        """The submodule of that name. Raises `WeightsRefused` without it."""
        if name not in self.children:
            raise WeightsRefused(f"{self} has no submodule {name}")
        return self.children[name]

    def only(self, *names: str) -> None:
        """Raises `WeightsRefused` if there is a submodule that is not among `names`: the block was changed."""
        unknown = [name for name in self.children if name not in names]
        if unknown:
            raise WeightsRefused(f"{self} has a submodule {printable(unknown[0])}, which that block does not have")

    def parameters(self) -> Iterator[Tensor]:
        """Every parameter (not buffer) of this module and those below it."""
        for module in self.walk():
            yield from _tensors(module._table("_parameters"))

    def tensors(self) -> Iterator[Tensor]:
        """Every parameter and buffer of this module and those below it."""
        for module in self.walk():
            yield from _tensors(module._table("_parameters"))
            yield from _tensors(module._table("_buffers"))

    def walk(self) -> Iterator[Module]:
        """This module and all below it, parents first. Raises `WeightsRefused` for modules nested without end."""
        waiting: list[tuple[Module, int]] = [(self, 0)]
        for _ in range(_MAX_MODULES):
            if not waiting:
                return
            module, depth = waiting.pop()
            if depth > _MAX_DEPTH:
                break
            yield module
            waiting.extend((child, depth + 1) for child in reversed(module.children.values()))
        raise WeightsRefused(f"{self}: its modules are nested without end")


def _tensors(table: dict[object, object]) -> Iterator[Tensor]:
    return (value for value in table.values() if isinstance(value, Tensor))
