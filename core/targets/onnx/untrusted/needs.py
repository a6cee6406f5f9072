"""What a model will need once it runs, from the shapes that follow from its input's: bytes and multiplications."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto, helper, shape_inference

from ..passes.halve import captured
from .look import itemsize

# Constants up to this size may be shapes, from which others follow; of larger ones, which are weights, shape inference
# sees no data.
_MAX_SHAPE_ELEMENTS = 1024
_Dims: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Needs:
    """One run of a model, in bytes; `products`: its multiplications, and one for each element that it makes.

    `least`: constants, inputs and the largest node's outputs: with less, it cannot run. `peak`: what is alive at the
    worst moment. Tensors of unknown shapes are not counted.
    """

    least: int
    peak: int
    products: int


def needs(model: ModelProto, size: tuple[int, int]) -> Needs:
    """The needs of a model at its own size, or for one image of `size` (height, width) where it takes any."""
    skeleton = _skeleton(model, size)
    try:
        graph = shape_inference.infer_shapes(skeleton, data_prop=True).graph
    except Exception:  # it has exceptions of its own; the runtime will say what is wrong with the model
        graph = skeleton.graph
    return _Weighed(model.graph, graph).needs()


def _skeleton(model: ModelProto, size: tuple[int, int]) -> ModelProto:
    """The model without its weights' data and without the shapes that it promises; free dimensions are bound."""
    bare = ModelProto(ir_version=max(4, model.ir_version), opset_import=model.opset_import, functions=model.functions)
    bare.graph.name = "skeleton"
    bare.graph.node.extend(model.graph.node)
    weights = {tensor.name for tensor in model.graph.initializer}
    bare.graph.input.extend(_bound(port, size) for port in model.graph.input if port.name not in weights)
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _MAX_SHAPE_ELEMENTS:
            bare.graph.initializer.append(tensor)
        else:
            bare.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    for port in model.graph.output:
        bare.graph.output.add(name=port.name).type.tensor_type.elem_type = port.type.tensor_type.elem_type
    return bare


def _bound(port: ValueInfoProto, size: tuple[int, int]) -> ValueInfoProto:
    """An image's port of one size: a batch of one, and this height and width, where it declares none."""
    bound = ValueInfoProto()
    bound.CopyFrom(port)
    dims = bound.type.tensor_type.shape.dim
    if len(dims) == 4:
        for axis, value in ((0, 1), (2, size[0]), (3, size[1])):
            if dims[axis].dim_value <= 0:
                dims[axis].dim_value = value
    return bound


class _Weighed:
    """A graph's nodes with the shapes that are known of its tensors."""

    def __init__(self, graph: GraphProto, inferred: GraphProto) -> None:
        self._constants = {t.name: math.prod(t.dims) * itemsize(t.data_type) for t in graph.initializer}
        ports = (*inferred.input, *inferred.output, *inferred.value_info)
        self._known = {port.name: known for port in ports if (known := _known(port)) is not None}
        self._known |= {t.name: (tuple(t.dims), itemsize(t.data_type)) for t in graph.initializer}
        self._inputs = [port.name for port in graph.input if port.name not in self._constants]
        self._outputs = [port.name for port in graph.output]
        self._nodes = list(_used(graph.node, self._outputs))

    def needs(self) -> Needs:
        constants = sum(self._constants.values()) + sum(map(self._nbytes, self._inputs))
        last = {name: i for i, node in enumerate(self._nodes) for name in (*node.input, *captured(node))}
        last |= dict.fromkeys(self._outputs, len(self._nodes))
        ending: dict[int, list[str]] = {}
        for node in self._nodes:
            for name in node.output:
                ending.setdefault(last.get(name, -1), []).append(name)
        live = peak = largest = products = 0
        for i, node in enumerate(self._nodes):
            made = sum(map(self._nbytes, node.output))
            live, largest = live + made, max(largest, made)
            peak = max(peak, live)
            live -= sum(map(self._nbytes, ending.get(i, ())))
            products += self._products(node)
        return Needs(constants + largest, constants + peak, products)

    def _nbytes(self, name: str) -> int:
        dims, size = self._known.get(name, ((0,), 0))
        return math.prod(dims) * size

    def _dims(self, name: str) -> _Dims | None:
        return self._known[name][0] if name in self._known else None

    def _products(self, node: NodeProto) -> int:
        """The multiplications of a node. A convolution of unknown result is taken to keep the image's size."""
        made = sum(math.prod(self._dims(name) or (0,)) for name in node.output)
        first, second = ([*map(self._dims, node.input), None, None])[:2]
        match node.op_type:
            case "Conv" | "FusedConv" if second:
                return (made or _area(first)) * math.prod(second[1:])
            case "ConvTranspose" if first and second:
                return math.prod(first) * math.prod(second[1:])
            case "MatMul" | "Gemm" | "FusedMatMul" if first:
                return made * max(first[-2:])
            case _:
                return made


def _known(port: ValueInfoProto) -> tuple[_Dims, int] | None:
    """The shape of a tensor and the bytes of an element; None if a dimension is not known."""
    kind = port.type.tensor_type
    dims = kind.shape.dim
    if not kind.elem_type or not kind.HasField("shape") or not all(dim.HasField("dim_value") for dim in dims):
        return None
    if any(dim.dim_value < 0 for dim in dims):
        return None
    return tuple(dim.dim_value for dim in dims), itemsize(kind.elem_type)


def _area(dims: _Dims | None) -> int:
    return math.prod(dims[2:]) if dims else 0


def _used(nodes: Sequence[NodeProto], outputs: Sequence[str]) -> Iterator[NodeProto]:
    """The nodes that the outputs depend on, in their order."""
    wanted = set(outputs)
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            wanted.update(node.input)
            wanted.update(captured(node))
            kept.append(node)
    return reversed(kept)
