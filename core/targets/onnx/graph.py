"""An ONNX graph as plain values, before it becomes a protobuf or a number of bytes. Needs neither onnx nor numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Attribute: TypeAlias = int | float | str | tuple[int, ...]


class ElementType(IntEnum):
    """What a tensor's elements are, by the numbers of onnx.TensorProto.DataType."""

    FLOAT = 1
    INT64 = 7
    FLOAT16 = 10

    @property
    def dtype(self) -> str:
        """Its name in numpy."""
        return {1: "float32", 7: "int64", 10: "float16"}[self]

    @classmethod
    def of(cls, dtype: str) -> ElementType:
        """The type of a name in numpy. Raises `ValueError` for one that is not written here."""
        for type in cls:
            if type.dtype == dtype:
                return type
        raise ValueError(f"no tensor of {dtype} is written")

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return {1: 4, 7: 8, 10: 2}[self]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the graph: its name, and what its elements are."""

    name: str
    type: ElementType


@dataclass(frozen=True, slots=True)
class Node:
    """An operator with its inputs and outputs by name. Attributes are numbers, strings, or tuples of integers."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True)
class Initializer:
    """A stored tensor, whose values are loaded when they are asked for."""

    name: str
    type: ElementType
    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any]]


class Graph:
    """Collects nodes and initializers for one opset. Names are unique, equal constants are stored once."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[Node] = []
        self.initializers: dict[str, Initializer] = {}
        self._constants: dict[object, str] = {}
        self._used: Counter[str] = Counter()

    def node(self, kind: str, inputs: Sequence[str], name: str = "", **attributes: Attribute) -> str:
        """Append a node with one output, called `name`; the output's name, which is the node's."""
        name = self._unique(name or kind)
        self.nodes.append(Node(kind, name, tuple(inputs), (name,), attributes))
        return name

    def node_with(self, outputs: int, kind: str, inputs: Sequence[str], **attributes: Attribute) -> tuple[str, ...]:
        """Append a node with several outputs; their names."""
        name = self._unique(kind)
        names = tuple(f"{name}:{i}" for i in range(outputs))
        self.nodes.append(Node(kind, name, tuple(inputs), names, attributes))
        return names

    def initializer(self, name: str, type: ElementType, shape: Sequence[int], load: Callable[[], NDArray[Any]]) -> str:
        """Store a tensor under a name of its own, once; the name."""
        return self.store(Initializer(name, type, tuple(shape), load))

    def store(self, initializer: Initializer) -> str:
        """Store a tensor under its name, once; the name."""
        return self.initializers.setdefault(initializer.name, initializer).name

    def constant(self, type: ElementType, shape: Sequence[int], values: Sequence[float]) -> str:
        """The name of an initializer with these values, in row-major order; equal ones share it."""

        def load() -> NDArray[Any]:
            import numpy as np

            return np.array(values, type.dtype).reshape(shape)

        key = (type, tuple(shape), tuple(values))
        if key not in self._constants:
            self._constants[key] = self.initializer(f"constant_{len(self._constants)}", type, shape, load)
        return self._constants[key]

    def integers(self, *values: int) -> str:
        """A constant int64 vector."""
        return self.constant(ElementType.INT64, (len(values),), values)

    def integer(self, value: int) -> str:
        """A constant int64 scalar."""
        return self.constant(ElementType.INT64, (), (value,))

    def rename(self, names: Mapping[str, str]) -> None:
        """Give values other names, in every node."""

        def renamed(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(names.get(value, value) for value in values)

        for i, node in enumerate(self.nodes):
            if not names.keys().isdisjoint((*node.inputs, *node.outputs)):
                outputs = renamed(node.outputs)
                self.nodes[i] = Node(node.kind, node.name, renamed(node.inputs), outputs, node.attributes)

    def _unique(self, name: str) -> str:
        self._used[name] += 1
        count = self._used[name]
        return name if count == 1 else f"{name}_{count}"
