"""Nodes and initializers on their way to an ONNX graph: names are unique, equal constants are stored once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOAT_TYPES = {False: TensorProto.FLOAT, True: TensorProto.FLOAT16}


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the graph: its name, and whether it is float16 (otherwise float32)."""

    name: str
    half: bool


class GraphBuilder:
    """Collects what becomes a graph, for one opset."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._used: Counter[str] = Counter()

    @property
    def initializers(self) -> list[onnx.TensorProto]:
        return list(self._initializers.values())

    def node(self, kind: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> str:
        """Append a node with one output, called `name`; the output's name, which is the node's."""
        name = self._unique(name or kind)
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def node_with(self, outputs: int, kind: str, inputs: Sequence[str], **attributes: Any) -> list[str]:
        """Append a node with several outputs; their names."""
        name = self._unique(kind)
        names = [f"{name}:{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=name, **attributes))
        return names

    def initializer(self, name: str, array: NDArray[np.generic]) -> str:
        """Store an array under a name of its own, once; the name."""
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.asarray(array), name)
        return name

    def constant(self, array: NDArray[np.generic]) -> str:
        """The name of an initializer that holds this small array; equal arrays share one."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.initializer(f"constant_{len(self._constants)}", array)
        return self._constants[key]

    def integers(self, *values: int) -> str:
        """A constant int64 vector."""
        return self.constant(np.array(values, np.int64))

    def integer(self, value: int) -> str:
        """A constant int64 scalar."""
        return self.constant(np.array(value, np.int64))

    def rename(self, names: Mapping[str, str]) -> None:
        """Give values other names, in every node."""
        for node in self.nodes:
            for field in (node.input, node.output):
                for i, name in enumerate(field):
                    if name in names:
                        field[i] = names[name]

    def _unique(self, name: str) -> str:
        self._used[name] += 1
        count = self._used[name]
        return name if count == 1 else f"{name}_{count}"
