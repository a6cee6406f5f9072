"""A float32 model with each of its layers in a chosen form: 8-bit arithmetic is written as QDQ.

A weight that is computed with in float is stored as int8 with a scale, or as float16, and a Cast: runtimes fold that
when they load the file, so that it costs no time in a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ....precisions import HALF, cannot_hold
from ..passes.halve import captured
from .forms import Form
from .layers import Layer
from .ranges import Range
from .scheme import Scheme

Array = NDArray[Any]

# Behind the name of a tensor: quantised, its step, the number that stands for 0, in float, before it is quantised,
# cast; and of the node that brings it back to float. No exporter is known to use them.
_QUANTISED, _STEP, _ZERO, _FLOAT, _RAW, _CAST, _BACK = "/q8", "/q8s", "/q8z", "/q8f", "/q8r", "/q8c", "/q8d"


class Quantiser:
    """Writes one model in any choice of forms; what it made of a weight once, it keeps."""

    def __init__(self, model: ModelProto, layers: Sequence[Layer], scheme: Scheme) -> None:
        self.layers = {layer.name: layer for layer in layers}
        self.scheme = scheme
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self._bare = ModelProto()  # the model without its stored tensors
        self._bare.CopyFrom(model)
        del self._bare.graph.initializer[:]
        del self._bare.graph.value_info[:]
        self._weights: dict[tuple[str, Form], tuple[TensorProto, ...]] = {}
        self._steps: dict[str, Array] = {}

    def model(self, forms: Mapping[str, Form], ranges: Mapping[str, Range]) -> ModelProto:
        """The model with these layers, by name, in these forms; all others stay as they are.

        `ranges`: of the tensors that 8-bit arithmetic reads and gives. Raises `JobFailed` for a weight that float16
        cannot hold.
        """
        model = ModelProto()
        model.CopyFrom(self._bare)
        at = {self.layers[name].node: (self.layers[name], form) for name, form in forms.items()}
        _Writing(self, model.graph, ranges).write(at)
        return model

    def tensors(self, layer: Layer, form: Form) -> tuple[TensorProto, ...]:
        """What is stored of a weight in a form."""
        key = (layer.name, form)
        if key not in self._weights:
            self._weights[key] = self._made(layer, form)
        return self._weights[key]

    def stored(self, name: str) -> TensorProto | None:
        """A tensor that the float32 model stores, if it does."""
        return self._stored.get(name)

    def steps(self, layer: Layer) -> Array:
        """The step of each output channel of a layer's weight, float32."""
        self.tensors(layer, Form.INT8)
        return self._steps[layer.name]

    def _made(self, layer: Layer, form: Form) -> tuple[TensorProto, ...]:
        weight = numpy_helper.to_array(self._stored[layer.weight])
        name = layer.weight
        if form is Form.FP16_WEIGHTS:
            largest = float(np.abs(weight).max(initial=0))
            if largest > HALF.largest:
                raise cannot_hold(HALF, f"a weight of {layer.name}", largest, "keep it in float32")
            return (numpy_helper.from_array(weight.astype(HALF.weights.name), f"{name}{_QUANTISED}"),)
        others = tuple(axis for axis in range(weight.ndim) if axis != layer.axis)
        largest = np.abs(weight).max(axis=others, keepdims=True)
        steps = (np.where(largest > 0, largest, 1) / np.float32(self.scheme.weight)).astype(np.float32)
        rounded = np.clip(np.rint(weight / steps), -self.scheme.weight, self.scheme.weight).astype(np.int8)
        self._steps[layer.name] = steps.reshape(-1)
        shaped = steps if form is Form.INT8_WEIGHTS else steps.reshape(-1)
        return (
            numpy_helper.from_array(rounded, f"{name}{_QUANTISED}"),
            numpy_helper.from_array(shaped, f"{name}{_STEP}"),
        )


class _Writing:
    """One graph while it is written."""

    def __init__(self, quantiser: Quantiser, graph: GraphProto, ranges: Mapping[str, Range]) -> None:
        self._quantiser, self._graph, self._ranges = quantiser, graph, ranges
        self._scheme = quantiser.scheme
        self._nodes: list[NodeProto] = []
        self._new: list[TensorProto] = []
        self._back: dict[str, str] = {}  # of a tensor that is there in 8 bits: its name back in float

    def write(self, at: Mapping[int, tuple[Layer, Form]]) -> None:
        given = {layer.y for layer, form in at.values() if form is Form.INT8 and self._gives(layer)}
        for name in given:
            self._back[name] = name
        for index, node in enumerate(self._graph.node):
            made = NodeProto()
            made.CopyFrom(node)
            if index in at:
                self._in_form(made, *at[index])
            self._append(made, given)
        self._store()

    def _gives(self, layer: Layer) -> bool:
        return self._scheme.outputs and layer.kind == "Conv"

    def _in_form(self, node: NodeProto, layer: Layer, form: Form) -> None:
        self._new += self._quantiser.tensors(layer, Form.INT8 if form is Form.DYNAMIC else form)
        weight = layer.weight
        node.input[1] = f"{weight}{_FLOAT}"
        if form is Form.INT8:
            stored = [f"{weight}{_QUANTISED}", f"{weight}{_STEP}"]
            self._node("DequantizeLinear", stored, f"{weight}{_FLOAT}", axis=layer.axis)
            node.input[0] = self._quantised(layer.x)
            if layer.bias and self._scheme.biases:
                node.input[2] = self._whole_bias(layer)
        elif form is Form.DYNAMIC:
            self._dynamic(node, layer)
        elif form is Form.INT8_WEIGHTS:
            self._node("Cast", [f"{weight}{_QUANTISED}"], f"{weight}{_CAST}", to=TensorProto.FLOAT)
            self._node("Mul", [f"{weight}{_CAST}", f"{weight}{_STEP}"], f"{weight}{_FLOAT}")
        else:
            self._node("Cast", [f"{weight}{_QUANTISED}"], f"{weight}{_FLOAT}", to=TensorProto.FLOAT)

    def _dynamic(self, node: NodeProto, layer: Layer) -> None:
        """A matrix product of whole numbers, whose input gets a range of its own in each run."""
        name, x = layer.weight, layer.x
        numbers = [f"{x}{_QUANTISED}", f"{x}{_STEP}", f"{x}{_ZERO}"]
        if x not in self._back:
            self._back[x] = numbers[0]
            self._nodes.append(helper.make_node("DynamicQuantizeLinear", [x], numbers, name=numbers[0]))
        weight, y = f"{name}{_QUANTISED}", node.output[0]
        if layer.axis == 0:  # a Gemm that is given its weight transposed
            self._node("Transpose", [weight], f"{name}{_RAW}", perm=[1, 0])
            weight = f"{name}{_RAW}"
        self._node("MatMulInteger", [numbers[0], weight, numbers[2]], f"{y}{_RAW}")
        self._node("Cast", [f"{y}{_RAW}"], f"{y}{_CAST}", to=TensorProto.FLOAT)
        self._node("Mul", [numbers[1], f"{name}{_STEP}"], f"{y}{_STEP}")
        last = "Mul", [f"{y}{_CAST}", f"{y}{_STEP}"]
        if layer.bias:
            self._node(*last, f"{y}{_FLOAT}")
            last = "Add", [f"{y}{_FLOAT}", layer.bias]
        node.op_type, node.input[:] = last
        del node.attribute[:]

    def _append(self, node: NodeProto, given: set[str]) -> None:
        """A node, and 8 bits of those of its outputs that are to be given so."""
        for place, name in enumerate(node.output):
            if name in given:
                node.output[place] = f"{name}{_RAW}"
                self._nodes.append(node)
                self._pair(name, f"{name}{_RAW}", name)
                return
        self._nodes.append(node)

    def _quantised(self, name: str) -> str:
        """A tensor as 8 bits hold it, back in float: what an 8-bit layer reads."""
        if name not in self._back:
            self._back[name] = f"{name}{_FLOAT}"
            self._pair(name, name, f"{name}{_FLOAT}")
        return self._back[name]

    def _pair(self, name: str, source: str, result: str) -> None:
        step, zero = self._ranges[name].grid(self._scheme)
        self._new.append(numpy_helper.from_array(np.array(step, np.float32), f"{name}{_STEP}"))
        self._new.append(numpy_helper.from_array(np.array(zero, self._scheme.dtype), f"{name}{_ZERO}"))
        numbers = [f"{name}{_STEP}", f"{name}{_ZERO}"]
        self._node("QuantizeLinear", [source, *numbers], f"{name}{_QUANTISED}")
        self._node("DequantizeLinear", [f"{name}{_QUANTISED}", *numbers], result, f"{name}{_BACK}")

    def _whole_bias(self, layer: Layer) -> str:
        """A bias in int32, in steps of the products that it is added to."""
        stored = self._quantiser.stored(layer.bias)
        assert stored is not None  # a layer has only what is stored
        bias = numpy_helper.to_array(stored)
        step, _ = self._ranges[layer.x].grid(self._scheme)
        steps = (self._quantiser.steps(layer) * np.float32(step)).astype(np.float32)
        limit = 2.0**31 - 1
        whole = np.clip(np.rint(bias.astype(np.float64) / steps), -limit, limit).astype(np.int32)
        name = layer.bias
        self._new.append(numpy_helper.from_array(whole, f"{name}{_QUANTISED}"))
        self._new.append(numpy_helper.from_array(steps, f"{name}{_STEP}"))
        self._node("DequantizeLinear", [f"{name}{_QUANTISED}", f"{name}{_STEP}"], f"{name}{_FLOAT}", axis=0)
        return f"{name}{_FLOAT}"

    def _node(self, kind: str, inputs: Iterable[str], output: str, name: str = "", **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=name or output, **attributes))

    def _store(self) -> None:
        """The nodes in place of the old ones, and of the stored tensors those that are read."""
        graph = self._graph
        del graph.node[:]
        graph.node.extend(self._nodes)
        new = {tensor.name: tensor for tensor in self._new}
        # A branch or a loop reads from outside, too.
        read = dict.fromkeys(name for node in graph.node for name in (*node.input, *captured(node)))
        read.update(dict.fromkeys(port.name for port in graph.output))
        for name in read:
            if name in new:
                graph.initializer.append(new[name])
            elif (tensor := self._quantiser.stored(name)) is not None:
                graph.initializer.append(tensor)
