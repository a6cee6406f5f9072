"""write: a network emitted as an ONNX graph, node by node, without torch and without tracing.

The graph is the same for static and dynamic axes: what depends on the size (the cells of a detector) is
computed from the runtime shape, and only the declared dimensions differ. For one size, it can be written as
constants instead: some tens of kilobytes more, for runtimes that know no shape arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..network.layers import Activation, Constant, Conv2d, ConvTranspose2d, Pair
from ..network.network import Dims, Network
from .onnx_graph import FLOAT_TYPES, GraphBuilder, Value


@dataclass(frozen=True)
class GraphSpec:
    """What the graph is to be, apart from the network: opset, float types, declared dimensions.

    `half`: weights and activations are float16; a detector's decoding stays float32. `half_io`: input and
    outputs are float16. `input` and `outputs`: dimensions as numbers, or as names for dynamic axes. `grids`:
    the size of each grid in the order of their use, to write them as constants; None to compute them.
    """

    input: Dims
    outputs: tuple[Dims, ...]
    opset: int  # 11 to 21
    half: bool = False
    half_io: bool = False
    grids: tuple[Pair, ...] | None = None


def write_onnx(
    network: Network, spec: GraphSpec, producer: tuple[str, str], metadata: Mapping[str, str]
) -> onnx.ModelProto:
    """The network as an ONNX model. `producer`: name and version. `metadata`: the model's properties."""
    graph = GraphBuilder(spec.opset)
    writer = _Writer(graph, spec.grids)
    image = Value(network.input_name, spec.half_io)
    outputs = network.body(writer, writer.cast(image, spec.half))
    if spec.half_io:
        outputs = tuple(writer.cast(y, half=True) for y in outputs)
    graph.rename({y.name: output.name for y, output in zip(outputs, network.outputs, strict=True)})
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            network.family,
            [helper.make_tensor_value_info(image.name, FLOAT_TYPES[image.half], spec.input)],
            [
                helper.make_tensor_value_info(output.name, FLOAT_TYPES[y.half], dims)
                for output, y, dims in zip(network.outputs, outputs, spec.outputs, strict=True)
            ],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", spec.opset)],
        producer_name=producer[0],
        producer_version=producer[1],
    )
    # The oldest IR version that knows the opset: the widest choice of runtimes.
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    helper.set_model_props(model, dict(metadata))
    return model


class _Writer:
    """The operations, as nodes. Where an operator came or changed with an opset, the older form is written."""

    def __init__(self, graph: GraphBuilder, grids: tuple[Pair, ...] | None) -> None:
        self._graph = graph
        self._grids = None if grids is None else iter(grids)

    # ---- convolutions and windows

    def conv(self, x: Value, layer: Conv2d, act: Activation | None = None) -> Value:
        y = self._graph.node(
            "Conv",
            [x.name, *self._weights(layer, x.half)],
            layer.name,
            kernel_shape=layer.shape[2:],
            strides=layer.stride,
            pads=layer.padding * 2,
            dilations=layer.dilation,
            group=layer.groups,
        )
        return self._activated(Value(y, x.half), act)

    def conv_transpose(self, x: Value, layer: ConvTranspose2d, act: Activation | None = None) -> Value:
        y = self._graph.node(
            "ConvTranspose",
            [x.name, *self._weights(layer, x.half)],
            layer.name,
            kernel_shape=layer.shape[2:],
            strides=layer.stride,
            pads=layer.padding * 2,
            group=layer.groups,
        )
        return self._activated(Value(y, x.half), act)

    def max_pool(self, x: Value, kernel: Pair, stride: Pair, padding: Pair) -> Value:
        return self._node("MaxPool", x, kernel_shape=kernel, strides=stride, pads=padding * 2)

    def mean_hw(self, x: Value) -> Value:
        return self._node("GlobalAveragePool", x)

    # ---- moving elements

    def pad(self, x: Value, left: int, right: int, top: int, bottom: int) -> Value:
        padded = self._node("Pad", x, self._graph.integers(0, 0, top, left, 0, 0, bottom, right))
        # ONNX Runtime and onnxsim fold a Pad into the MaxPool behind it, whose own padding never wins, zeros
        # do: a node between them that changes nothing keeps them apart.
        lowest = float(np.finfo(np.float16 if x.half else np.float32).min)
        return self._node("Max", padded, self._operand(lowest, x.half))

    def upsample(self, x: Value, scale: int) -> Value:
        # Opset 11 wants a region of interest even where it has none.
        region = self._graph.constant(np.zeros(0, np.float32)) if self._graph.opset < 13 else ""
        scales = self._graph.constant(np.array([1, 1, scale, scale], np.float32))
        return self._node(
            "Resize",
            x,
            region,
            scales,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def space_to_depth(self, x: Value, block: int) -> Value:
        return self._node("SpaceToDepth", x, blocksize=block)

    def depth_to_space(self, x: Value, block: int) -> Value:
        return self._node("DepthToSpace", x, blocksize=block, mode="DCR")

    def concat(self, xs: Sequence[Value], axis: int) -> Value:
        return Value(self._graph.node("Concat", [x.name for x in xs], axis=axis), xs[0].half)

    def split(self, x: Value, sizes: Sequence[int], axis: int) -> Sequence[Value]:
        if self._graph.opset < 13:
            names = self._graph.node_with(len(sizes), "Split", [x.name], axis=axis, split=sizes)
        else:
            names = self._graph.node_with(len(sizes), "Split", [x.name, self._graph.integers(*sizes)], axis=axis)
        return [Value(name, x.half) for name in names]

    def reshape(self, x: Value, dims: Sequence[int]) -> Value:
        return self._node("Reshape", x, self._graph.integers(*dims))

    def reshape_like(self, x: Value, like: Value) -> Value:
        return self._node("Reshape", x, self._graph.node("Shape", [like.name]))

    def permute(self, x: Value, axes: Sequence[int]) -> Value:
        return self._node("Transpose", x, perm=axes)

    # ---- arithmetic

    def add(self, x: Value, y: Value | Constant | float, act: Activation | None = None) -> Value:
        return self._activated(self._node("Add", x, self._operand(y, x.half)), act)

    def mul(self, x: Value, y: Value | Constant | float) -> Value:
        return self._node("Mul", x, self._operand(y, x.half))

    def matmul(self, x: Value, y: Value) -> Value:
        return self._node("MatMul", x, y.name)

    def softmax(self, x: Value) -> Value:
        return self._node("Softmax", x, axis=-1)

    def sigmoid(self, x: Value) -> Value:
        return self._node("Sigmoid", x)

    def float32(self, x: Value) -> Value:
        return self.cast(x, half=False)

    def cast(self, x: Value, half: bool) -> Value:
        """`x` as float16 or float32; itself, if it is that already."""
        return x if x.half == half else Value(self._graph.node("Cast", [x.name], to=FLOAT_TYPES[half]), half)

    def grid(self, x: Value) -> Value:
        if self._grids is not None:
            rows, columns = np.indices(next(self._grids), np.float32)
            return Value(self._graph.constant(np.stack((columns, rows), -1).reshape(-1, 2)), half=False)
        node, integer = self._graph.node, self._graph.integer
        shape = node("Shape", [x.name])
        height, width = (node("Gather", [shape, integer(axis)], axis=0) for axis in (2, 3))
        cells = node("Range", [integer(0), node("Mul", [height, width]), integer(1)])
        column_of_cells = self._graph.integers(-1, 1)
        both = [node("Reshape", [node(kind, [cells, width]), column_of_cells]) for kind in ("Mod", "Div")]
        return Value(node("Cast", [node("Concat", both, axis=1)], to=TensorProto.FLOAT), half=False)

    # ---- parts of the above

    def _node(self, kind: str, x: Value, *inputs: str, name: str = "", **attributes: object) -> Value:
        return Value(self._graph.node(kind, [x.name, *inputs], name, **attributes), x.half)

    def _weights(self, layer: Conv2d | ConvTranspose2d, half: bool) -> list[str]:
        dtype = np.float16 if half else np.float32
        return [
            self._graph.initializer(f"{layer.name}.{part}", array.astype(dtype, copy=False))
            for part, array in layer.weights._asdict().items()
        ]

    def _operand(self, value: Value | Constant | float, half: bool) -> str:
        match value:
            case Value():
                return value.name
            case Constant():
                return self._graph.initializer(value.name, value.value)
            case _:
                return self._graph.constant(np.array(value, np.float16 if half else np.float32))

    def _activated(self, x: Value, act: Activation | None) -> Value:
        match act:
            case None:
                return x
            case Activation("silu"):
                return self._within(x, "Mul", self._within(x, "Sigmoid").name)
            case Activation("sigmoid" | "tanh" | "relu"):
                return self._within(x, act.kind.capitalize())
            case Activation("relu6"):
                return self._within(x, "Clip", self._operand(0.0, x.half), self._operand(6.0, x.half))
            case Activation("leaky_relu"):
                return self._within(x, "LeakyRelu", alpha=act.slope)
            case Activation("elu"):
                return self._within(x, "Elu", alpha=act.slope)
            case Activation("hardswish") if self._graph.opset >= 14:
                return self._within(x, "HardSwish")
            case Activation("hardswish"):
                return self._within(x, "Mul", self._within(x, "HardSigmoid", alpha=1 / 6, beta=0.5).name)
            case Activation("mish"):
                return self._within(x, "Mul", self._within(self._within(x, "Softplus"), "Tanh").name)
            case _:
                raise ValueError(f"no ONNX form of the activation {act.kind}")

    def _within(self, x: Value, kind: str, *inputs: str, **attributes: object) -> Value:
        """A node that belongs to the one that made `x`, named after it."""
        return self._node(kind, x, *inputs, name=f"{x.name}/{kind.lower()}", **attributes)
