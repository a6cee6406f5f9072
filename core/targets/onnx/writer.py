"""write: a network emitted as an ONNX graph, node by node, without torch and without tracing.

What depends on the size of the image (the cells of a detector) is a constant in a graph for one size, and computed
from the runtime's shapes in one with dynamic axes; all else is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...network.layers import Activation, Constant, Conv2d, ConvTranspose2d, Pair
from ...network.network import Dims, Network
from ...network.suppression import Selection, layout_of, selected_names
from ...readings.size_constants import SizeConstant, size_constants
from .graph import Attribute, ElementType, Graph, Value
from .size_initializers import initializer
from .tail import selected


@dataclass(frozen=True)
class GraphSpec:
    """What the graph is to be, apart from the network: opset, float types, declared dimensions.

    `type`: of weights and activations; a detector's decoding stays float32. `io`: of input and outputs. `input` and
    `outputs`: dimensions as numbers, or as names for dynamic axes. `nms`: what the graph suppresses, if it does.
    """

    input: Dims
    outputs: tuple[Dims, ...]
    opset: int  # 11 to 21
    type: ElementType = ElementType.FLOAT
    io: ElementType = ElementType.FLOAT
    nms: Selection | None = None

    @property
    def size(self) -> tuple[int, ...] | None:
        """The input's dimensions, if it takes no others."""
        fixed = tuple(dim for dim in self.input if isinstance(dim, int))
        return fixed if len(fixed) == len(self.input) else None


@dataclass(frozen=True)
class Port:
    """An input or output of a model."""

    name: str
    type: ElementType
    dims: Dims


@dataclass(frozen=True)
class Model:
    """A whole model as plain values: the graph, its ports, and what it says of itself."""

    graph: Graph
    name: str
    input: Port
    outputs: tuple[Port, ...]
    producer: tuple[str, str]  # name, version
    metadata: Mapping[str, str]


def write(network: Network, spec: GraphSpec, producer: tuple[str, str], metadata: Mapping[str, str]) -> Model:
    """The network as a model. `producer`: name and version. `metadata`: the model's properties.

    Where the graph suppresses, the network's own outputs keep their names as tensors within it. Raises `ShapeMismatch`
    for one size that does not suit the network, `BadRequest` for a network whose boxes cannot be suppressed.
    """
    graph = Graph(spec.opset)
    writer = _Writer(graph) if spec.size is None else _StaticWriter(graph, size_constants(network, spec.size))
    image = Value(network.input_name, spec.io)
    answer = network.body(writer, writer.cast(image, spec.type))
    names = [output.name for output in network.outputs]
    if spec.nms is None:
        outputs = _named(graph, [writer.cast(y, spec.io) for y in answer], names)
    else:
        boxes, *others = _named(graph, answer, names)
        found, *counts = selected(graph, boxes, layout_of(network, spec.nms), spec.nms)
        others = [writer.copy(other, spec.io) for other in others]
        given = [writer.cast(found, spec.io), *counts, *others]
        outputs = _named(graph, given, selected_names(network, spec.nms))
    ports = (Port(y.name, y.type, dims) for y, dims in zip(outputs, spec.outputs, strict=True))
    return Model(graph, network.family, Port(image.name, image.type, spec.input), tuple(ports), producer, metadata)


def _named(graph: Graph, values: Sequence[Value], names: Sequence[str]) -> list[Value]:
    """Tensors under other names."""
    graph.rename({value.name: name for value, name in zip(values, names, strict=True)})
    return [Value(name, value.type) for value, name in zip(values, names, strict=True)]


class _Writer:
    """The operations, as nodes. Where an operator came or changed with an opset, the older form is written.
    What depends on the size is computed from the runtime's shapes.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    # ---- convolutions and windows

    def conv(self, x: Value, layer: Conv2d, act: Activation | None = None) -> Value:
        return self._convolved("Conv", x, layer, act, dilations=layer.dilation)

    def conv_transpose(self, x: Value, layer: ConvTranspose2d, act: Activation | None = None) -> Value:
        return self._convolved("ConvTranspose", x, layer, act)

    def _convolved(
        self, op: str, x: Value, layer: Conv2d | ConvTranspose2d, act: Activation | None, **more: Attribute
    ) -> Value:
        y = self._graph.node(
            op,
            [x.name, *self._weights(layer, x.type)],
            layer.name,
            kernel_shape=layer.shape[2:],
            strides=layer.stride,
            pads=layer.padding * 2,
            **more,
            group=layer.groups,
        )
        return self._activated(Value(y, x.type), act)

    def max_pool(self, x: Value, kernel: Pair, stride: Pair, padding: Pair) -> Value:
        return self._node("MaxPool", x, kernel_shape=kernel, strides=stride, pads=padding * 2)

    def mean_hw(self, x: Value, channels: int) -> Value:
        # Row by row: ONNX Runtime's GlobalAveragePool adds up a whole map in one float32, which is off by 4.6e-6 at
        # 200×200, thirty times as far. Not ReduceMean, which OpenCV 4.8 computes wrongly.
        rows = self.reshape(x, (0, -1, 1, 0))
        means = self.reshape(self._node("GlobalAveragePool", rows), (0, channels, -1, 1))
        return self._node("GlobalAveragePool", means)

    # ---- moving elements

    def pad(self, x: Value, left: int, right: int, top: int, bottom: int) -> Value:
        padded = self._node("Pad", x, self._graph.integers(0, 0, top, left, 0, 0, bottom, right))
        # ONNX Runtime and onnxsim fold a Pad into the MaxPool behind it, whose own padding never wins, zeros
        # do: a node between them that changes nothing keeps them apart.
        return self._node("LeakyRelu", padded, alpha=1.0)

    def upsample(self, x: Value, scale: int) -> Value:
        # Opset 11 wants a region of interest even where it has none.
        region = self._graph.constant(ElementType.FLOAT, (0,), ()) if self._graph.opset < 13 else ""
        scales = self._graph.constant(ElementType.FLOAT, (4,), (1, 1, scale, scale))
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
        return Value(self._graph.node("Concat", [x.name for x in xs], axis=axis), xs[0].type)

    def split(self, x: Value, sizes: Sequence[int], axis: int) -> Sequence[Value]:
        if self._graph.opset < 13:
            names = self._graph.node_with(len(sizes), "Split", [x.name], axis=axis, split=tuple(sizes))
        else:
            names = self._graph.node_with(len(sizes), "Split", [x.name, self._graph.integers(*sizes)], axis=axis)
        return [Value(name, x.type) for name in names]

    def reshape(self, x: Value, dims: Sequence[int]) -> Value:
        return self._node("Reshape", x, self._graph.integers(*dims))

    def reshape_like(self, x: Value, like: Value) -> Value:
        return self._node("Reshape", x, self._graph.node("Shape", [like.name]))

    def permute(self, x: Value, axes: Sequence[int]) -> Value:
        return self._node("Transpose", x, perm=tuple(axes))

    # ---- arithmetic

    def add(self, x: Value, y: Value | Constant | float, act: Activation | None = None) -> Value:
        return self._activated(self._node("Add", x, self._operand(y, x.type)), act)

    def mul(self, x: Value, y: Value | Constant | float) -> Value:
        return self._node("Mul", x, self._operand(y, x.type))

    def matmul(self, x: Value, y: Value | Constant) -> Value:
        return self._node("MatMul", x, self._operand(y, x.type))

    def softmax(self, x: Value) -> Value:
        return self._node("Softmax", x, axis=-1)

    def sigmoid(self, x: Value) -> Value:
        return self._node("Sigmoid", x)

    def sin(self, x: Value) -> Value:
        return self._node("Sin", x)

    def cos(self, x: Value) -> Value:
        return self._node("Cos", x)

    def float32(self, x: Value) -> Value:
        return self.cast(x, ElementType.FLOAT)

    def cast(self, x: Value, type: ElementType) -> Value:
        """`x` in a type; itself, if it is of that already."""
        return x if x.type == type else self._cast(x.name, type)

    def copy(self, x: Value, type: ElementType) -> Value:
        """`x` in a type, as another tensor."""
        return self._node("Identity", x) if x.type == type else self._cast(x.name, type)

    def grid(self, x: Value, offset: float) -> Value:
        node, integer = self._graph.node, self._graph.integer
        shape = node("Shape", [x.name])
        height, width = (node("Gather", [shape, integer(axis)], axis=0) for axis in (2, 3))
        cells = node("Range", [integer(0), node("Mul", [height, width]), integer(1)])
        row_of_cells = self._graph.integers(1, -1)
        both = [node("Reshape", [node(kind, [cells, width]), row_of_cells]) for kind in ("Mod", "Div")]
        return self.add(self._cast(node("Concat", both, axis=0), ElementType.FLOAT), offset)

    # ---- parts of the above

    def _node(self, kind: str, x: Value, *inputs: str, name: str = "", **attributes: Attribute) -> Value:
        return Value(self._graph.node(kind, [x.name, *inputs], name, **attributes), x.type)

    def _cast(self, name: str, type: ElementType) -> Value:
        return Value(self._graph.node("Cast", [name], to=int(type)), type)

    def _weights(self, layer: Conv2d | ConvTranspose2d, type: ElementType) -> list[str]:
        add = self._graph.initializer
        return [
            add(f"{layer.name}.weight", type, layer.shape, lambda: layer.weights.weight.astype(type.dtype, copy=False)),
            add(
                f"{layer.name}.bias",
                type,
                (layer.out_channels,),
                lambda: layer.bias.astype(type.dtype, copy=False),
            ),
        ]

    def _operand(self, value: Value | Constant | float, type: ElementType) -> str:
        match value:
            case Value():
                return value.name
            case Constant():
                return self._graph.initializer(value.name, ElementType.FLOAT, value.shape, lambda: value.value)
            case _:
                return self._graph.constant(type, (), (value,))

    def _activated(self, x: Value, act: Activation | None) -> Value:
        match act:
            case None:
                return x
            case Activation("silu"):
                return self._within(x, "Mul", self._within(x, "Sigmoid").name)
            case Activation("sigmoid" | "tanh" | "relu"):
                return self._within(x, act.kind.capitalize())
            case Activation("relu6"):
                return self._within(x, "Clip", self._operand(0.0, x.type), self._operand(6.0, x.type))
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

    def _within(self, x: Value, kind: str, *inputs: str, **attributes: Attribute) -> Value:
        """A node that belongs to the one that made `x`, named after it."""
        return self._node(kind, x, *inputs, name=f"{x.name}/{kind.lower()}", **attributes)


class _StaticWriter(_Writer):
    """For one size: what depends on it is written as `constants`, which come in the order of their use."""

    def __init__(self, graph: Graph, constants: Sequence[SizeConstant]) -> None:
        super().__init__(graph)
        self._constants = iter(constants)

    def grid(self, x: Value, offset: float) -> Value:
        return Value(self._graph.store(initializer(next(self._constants))), ElementType.FLOAT)

    def reshape_like(self, x: Value, like: Value) -> Value:
        return self._node("Reshape", x, self._graph.store(initializer(next(self._constants))))
