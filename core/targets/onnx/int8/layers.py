"""The layers of an ONNX model that 8 bits can serve: nodes with a stored weight that take the time and the bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from ..passes.halve import captured
from .forms import Form

# ONNX Runtime's CPU has 8-bit kernels for these; the weight of the others is stored in 8 bits and computed in float.
_SERVED = frozenset(("Conv", "MatMul", "Gemm"))
_HEAVY = _SERVED | {"ConvTranspose"}
_CLAMPS = frozenset(("Relu", "Clip"))  # which runtimes fuse with what is before them
# What only moves elements: behind it, a distribution is still one.
_MOVES = frozenset(("Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze", "Flatten", "Split", "Slice"))


@dataclass(frozen=True)
class Layer:
    """A node that multiplies by a stored float32 weight.

    `node`: its index. `axis`: of the weight's output channels. `x`: the tensor it reads; `y`: what it gives, behind
    the clamp that runtimes fuse with it. `activation`: what follows on `y`, `silu` or nothing. `served`: whether there
    is 8-bit arithmetic for it.
    """

    name: str
    node: int
    kind: str
    weight: str
    shape: tuple[int, ...]
    axis: int
    bias: str
    x: str
    y: str
    activation: str
    served: bool

    @property
    def weights(self) -> int:
        """How many weights it has."""
        return math.prod(self.shape)

    @property
    def smallest(self) -> Form:
        """The smallest and quickest form that there is for it."""
        return Form.INT8 if self.served else Form.INT8_WEIGHTS

    @property
    def products(self) -> int:
        """The multiplications that each element of its output takes."""
        return self.weights // self.shape[self.axis]


def layers_of(model: ModelProto) -> tuple[Layer, ...]:
    """The layers of a model, in its order. One whose weight others read too is not among them.

    Nor is one that reads a distribution (a softmax, as in the decoding of distances): it is part of a decoding.
    """
    return tuple(_found(model.graph))


def beginning(layers: Iterable[Layer]) -> Mapping[str, Form]:
    """Where the way back to float begins: each layer, by its name, in the smallest form that there is for it."""
    return {layer.name: layer.smallest for layer in layers}


def _found(graph: GraphProto) -> Iterator[Layer]:
    stored = {tensor.name: tensor for tensor in graph.initializer}
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in (*node.input, *captured(node)):
            readers.setdefault(name, []).append(node)
    made = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in (*node.input, *captured(node)))
    uses.update(port.name for port in graph.output)
    for index, node in enumerate(graph.node):
        if node.op_type not in _HEAVY or node.domain not in ("", "ai.onnx") or len(node.input) < 2:
            continue
        tensor = stored.get(node.input[1])
        if tensor is None or tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or uses[tensor.name] > 1:
            continue
        if node.input[0] in stored or _is_distribution(node.input[0], made) or not _plain(node):
            continue
        bias = node.input[2] if len(node.input) > 2 else ""
        if bias and (bias not in stored or uses[bias] > 1):
            continue
        y = _behind_clamp(node.output[0], readers, {port.name for port in graph.output})
        activation = "silu" if {"Sigmoid", "Mul"} <= {each.op_type for each in readers.get(y, ())} else ""
        yield Layer(
            node.name or node.output[0],
            index,
            node.op_type,
            tensor.name,
            tuple(tensor.dims),
            _axis(node, len(tensor.dims)),
            bias,
            node.input[0],
            y,
            activation,
            node.op_type in _SERVED,
        )


def _plain(node: NodeProto) -> bool:
    """Whether it multiplies and adds, and nothing more: a Gemm may also scale, or read its input transposed."""
    values = {a.name: a for a in node.attribute}
    if node.op_type != "Gemm":
        return True
    factors = [values[name].f for name in ("alpha", "beta") if name in values]
    return all(factor == 1 for factor in factors) and not ("transA" in values and values["transA"].i)


def _axis(node: NodeProto, rank: int) -> int:
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm":
        return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
    return 1 if node.op_type == "ConvTranspose" else rank - 1


def _behind_clamp(name: str, readers: dict[str, list[NodeProto]], outputs: set[str]) -> str:
    following = readers.get(name, [])
    if len(following) == 1 and name not in outputs and following[0].op_type in _CLAMPS:
        return following[0].output[0]
    return name


def _is_distribution(name: str, made: dict[str, NodeProto]) -> bool:
    node = made.get(name)
    while node is not None and node.op_type in _MOVES:
        node = made.get(node.input[0])
    return node is not None and node.op_type == "Softmax"
