"""Read the record of an `nn.Module`: its class, attributes, parameters, buffers and children."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import WeightsRefused
from ..text import escaped
from ..untrusted import printable
from ..weights.budget import MAX_NAME, MAX_NESTING, MODULES, VISITS, Budget
from ..weights.keys import told
from ..weights.pickled import Record
from ..weights.tensors import FLOATS, Tensor

_MAX_INTEGER = 2**31 - 1  # of an attribute: what torch's kernels and ONNX's readers take
_MAX_FLOAT = 3.4028234e38  # the largest finite float32


@dataclass(frozen=True, eq=False)
class Module:
    """An `nn.Module` as a checkpoint describes it. `path` is its dotted name, as in a state dict's keys.

    `budget`: of the file that it lies in. A crafted file may nest a module inside itself, or share one thousands of
    times, so every look at a module is counted.
    """

    record: Record
    path: str
    budget: Budget = field(default_factory=lambda: Budget(0))

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
        return f"{printable(self.kind)} at {printable(self.path) or 'the root'}"

    def attribute(self, name: str) -> object:
        """A plain attribute, or None."""
        return self._state.get(name)

    def integer(self, name: str, least: int = -_MAX_INTEGER, most: int = _MAX_INTEGER) -> int:
        """An attribute that must be a whole number between these two. Raises `WeightsRefused` otherwise."""
        return self._integer(name, self.attribute(name), least, most)

    def number(self, name: str, least: float = -_MAX_FLOAT) -> float:
        """An attribute that must be a finite number of at least `least`. Raises `WeightsRefused` otherwise."""
        value = self.attribute(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise WeightsRefused(f"{self}: {name} is not a number")
        if not least <= value <= _MAX_FLOAT:
            raise WeightsRefused(f"{self}: {name} is {value:g}, which it cannot be")
        return float(value)

    def flag(self, name: str) -> bool:
        """An attribute that must be True or False; False where it is missing. Raises `WeightsRefused` otherwise."""
        value = self._state.get(name, False)
        if not isinstance(value, bool):
            raise WeightsRefused(f"{self}: {name} is neither True nor False")
        return value

    def pair(self, name: str, least: int = -_MAX_INTEGER, most: int = _MAX_INTEGER) -> tuple[int, int]:
        """An attribute of one or two whole numbers, as torch spells kernel sizes: (height, width).

        Raises `WeightsRefused` for anything else, and for numbers that are not between `least` and `most`.
        """
        if isinstance(self.attribute(name), int):
            one = self.integer(name, least, most)
            return (one, one)
        height, width = self.integers(name, 2, least, most)
        return (height, width)

    def integers(self, name: str, count: int, least: int, most: int) -> tuple[int, ...]:
        """An attribute of so many whole numbers between `least` and `most`. Raises `WeightsRefused` otherwise."""
        values = self.attribute(name)
        if not isinstance(values, list | tuple) or len(values) != count:
            raise WeightsRefused(f"{self}: {name} is not {count} whole numbers")
        return tuple(self._integer(name, value, least, most) for value in values)

    def _integer(self, name: str, value: object, least: int, most: int) -> int:
        if type(value) is not int:
            raise WeightsRefused(f"{self}: {name} is not a whole number")
        if not least <= value <= most:
            raise WeightsRefused(f"{self}: {name} is {printable(str(value), 24)}, which it cannot be")
        return value

    def _table(self, name: str) -> dict[object, object]:
        """One of the tables that every module has. Raises `WeightsRefused` without it."""
        table = self._state.get(name)
        if not isinstance(table, dict):
            raise WeightsRefused(f"{self} has no {name}: the file is no complete checkpoint")
        return table

    def tensor(self, name: str) -> Tensor | None:
        """The parameter or buffer of that name, or None. Raises `WeightsRefused` for anything but a tensor."""
        value = self._table("_parameters").get(name)
        if value is None:
            value = self._table("_buffers").get(name)
        if value is not None and not isinstance(value, Tensor):
            raise WeightsRefused(f"{self}: {name} is no tensor")
        return value

    def weights(self, name: str, *shape: int) -> Tensor | None:
        """As `tensor`, of that shape and of floating point. Raises `WeightsRefused` otherwise."""
        tensor = self.tensor(name)
        if tensor is None:
            return None
        if tensor.dtype.name not in FLOATS:
            raise WeightsRefused(f"{self}: {name} is stored as {tensor.dtype}, which no weights here are")
        if tensor.shape != shape:
            found, wanted = printable(str(tensor.shape)), printable(str(shape))
            raise WeightsRefused(f"{self}: {name} has the shape {found}, {wanted} was expected")
        if tensor.repeats:
            raise WeightsRefused(f"{self}: {name} repeats its elements, which no weights do")
        return tensor

    def required(self, name: str, *shape: int) -> Tensor:
        """As `weights`; raises `WeightsRefused` where there are none."""
        tensor = self.weights(name, *shape)
        if tensor is None:
            raise WeightsRefused(f"{self} has no {name}")
        return tensor

    @cached_property
    def children(self) -> dict[str, Module]:
        """The submodules, by name, in their order. Raises `WeightsRefused` for what torch does not allow there."""
        table = self._table("_modules")
        self.budget.spend(MODULES, len(table))
        found: dict[str, Module] = {}
        for name, value in table.items():
            if value is None:  # a place that torch keeps, and that nothing was put into
                continue
            # With a dot in it, a name could be that of another module's submodule.
            if not isinstance(name, str) or not name or "." in name or not isinstance(value, Record):
                raise WeightsRefused(f"{self} has a submodule {told(name)} that is none, or whose name cannot be one")
            own = escaped(name)  # it names what is in the artifacts, and others print that
            path = f"{self.path}.{own}" if self.path else own
            if len(path) > MAX_NAME:
                raise WeightsRefused(f"{self} has submodules whose names are absurdly long")
            found[name] = Module(value, path, self.budget)
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
            yield from module._tensors("_parameters")

    @property
    def parameter_count(self) -> int:
        """How many trained values there are, as torch counts parameters: what is shared counts once."""
        return sum({(tensor.storage.key, tensor.offset): tensor.numel for tensor in self.parameters()}.values())

    def tensors(self) -> Iterator[Tensor]:
        """Every parameter and buffer of this module and those below it."""
        for module in self.walk():
            yield from module.own_tensors()

    def own_tensors(self) -> Iterator[Tensor]:
        """Every parameter and buffer of this module alone."""
        yield from self._tensors("_parameters")
        yield from self._tensors("_buffers")

    def _tensors(self, name: str) -> Iterator[Tensor]:
        table = self._table(name)
        self.budget.spend(VISITS, len(table))
        return (value for value in table.values() if isinstance(value, Tensor))

    def walk(self) -> Iterator[Module]:
        """This module and all below it, parents first. Raises `WeightsRefused` for modules nested without end."""
        waiting: list[tuple[Module, int]] = [(self, 0)]
        while waiting:
            module, depth = waiting.pop()
            if depth > MAX_NESTING:
                raise WeightsRefused(f"{module}: modules are nested without end")
            self.budget.spend(VISITS)
            yield module
            waiting.extend((child, depth + 1) for child in reversed(module.children.values()))
