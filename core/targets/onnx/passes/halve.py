"""FP32 graph → FP16 graph, of any ONNX model, in one pass over its nodes.

What computes in FP16 is decided node by node: operators that FP16 serves, as long as a convolution or a matrix
product still follows. All behind the last of these (a detector's decoding, the sigmoid of a map) stays FP32, as do
inputs and outputs unless asked otherwise. A tensor that is needed in both types is cast once. The weights of recurrent
layers, which compute in FP32, are stored in FP16 and cast as they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper
from onnx.inliner import inline_local_functions

from ....errors import BadRequest
from ....precisions import HALF, REFERENCE, cannot_hold
from .halving_rules import HEAVY, MOVES, QUANTISED, SERVED, STORED, fits, keeps_digits, keeps_variance

FREE_WEIGHTS = 4  # the version of the IR since which weights need not be inputs too
_HALF = "_fp16"  # behind the name of a tensor that has an FP16 twin


@dataclass(frozen=True)
class Halved:
    """An FP16 model, and which of the FP32 model's tensors it computes in FP16."""

    model: ModelProto
    tensors: tuple[str, ...]
    nodes: int  # that compute in FP16
    kept: int  # float nodes that stay FP32


def halve(model: ModelProto, *, half_io: bool = False) -> Halved:
    """The model with its weights and its heavy part in FP16; `half_io`: inputs and outputs too. `model` is not changed.

    Raises `BadRequest` for a model that has nothing to halve, `JobFailed` for weights that FP16 cannot hold.
    """
    _check(model)
    source = ModelProto()
    source.CopyFrom(inline_local_functions(model) if model.functions else model)
    source.ir_version = max(source.ir_version, FREE_WEIGHTS)
    constants_as_initializers(source.graph)
    floats = float_tensors(source)
    halving = _Halving(source, floats, half_io=half_io)
    if not halving.halved and not halving.stored:
        raise BadRequest(
            "the model has no convolution, matrix product or recurrent layer in FP32: there is nothing to halve"
        )
    return halving.finish()


def _check(model: ModelProto) -> None:
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise BadRequest("the model keeps its weights in other files", "save it as one file first")
    if any(node.op_type in QUANTISED for node in model.graph.node):
        raise BadRequest("the model is quantised already", "give the FP32 model it was made from")


def constants_as_initializers(graph: GraphProto) -> None:
    """Constant nodes hold tensors too: as initializers, they are cast and shared alike."""
    nodes: list[NodeProto] = []
    for node in graph.node:
        values = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Constant" and "value" in values:
            tensor = graph.initializer.add()
            tensor.CopyFrom(values["value"].t)
            tensor.name = node.output[0]
        else:
            nodes.append(node)
    _replace_nodes(graph, nodes)


def _replace_nodes(graph: GraphProto, nodes: Iterable[NodeProto]) -> None:
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def float_tensors(model: ModelProto) -> set[str]:
    """The names of all float32 tensors."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    ports = (*graph.input, *graph.output, *graph.value_info)
    found = {port.name for port in ports if port.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}


def _data(node: NodeProto, opset: int) -> tuple[list[int], list[int]]:
    """Which inputs and outputs of a node carry its data: those of the type that its first output has.

    Others (the scales of a Resize, the indices of a MaxPool) have types of their own.
    """
    schema = defs.get_schema(node.op_type, opset, node.domain)
    kind = schema.outputs[0].type_str
    if not any(c.type_param_str == kind and "tensor(float16)" in c.allowed_type_strs for c in schema.type_constraints):
        return [], []

    def of_kind(count: int, formal: Iterable[defs.OpSchema.FormalParameter]) -> list[int]:
        listed = list(formal)
        return [i for i in range(count) if listed[min(i, len(listed) - 1)].type_str == kind]

    return of_kind(len(node.input), schema.inputs), of_kind(len(node.output), schema.outputs)


class _Halving:
    """One pass: which nodes are halved, and the graph that follows from it."""

    def __init__(self, model: ModelProto, floats: set[str], *, half_io: bool) -> None:
        self._half_io = half_io
        self._model, self._graph, self._floats = model, model.graph, floats
        self._opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        self._weights = {tensor.name: tensor for tensor in self._graph.initializer}
        self.halved = self._without_early_moves(self._chosen())
        self.stored = frozenset(self._stored())
        self._half_born = {
            node.output[i] for n, node in enumerate(self._graph.node) if n in self.halved for i in self._outputs(node)
        }
        self._nodes: list[NodeProto] = []
        self._cast: set[str] = set()  # twins that exist
        self._inner: dict[str, str] = {}  # what is FP32 under its own name, by the name that it has in FP16

    def _chosen(self) -> frozenset[int]:
        """The nodes that FP16 serves and that a heavy operator follows, directly or through others."""
        nodes = self._graph.node
        wanted: set[str] = set()  # tensors that a heavy node reads, directly or through others
        chosen: set[int] = set()
        for index in reversed(range(len(nodes))):
            node = nodes[index]
            heavy = node.op_type in HEAVY and self._outputs(node) != []
            if not heavy and wanted.isdisjoint(node.output):
                continue
            wanted.update(node.input)
            if self._outputs(node) and self._serves(node):
                chosen.add(index)
        if not any(nodes[index].op_type in HEAVY for index in chosen):
            return frozenset()
        return frozenset(chosen)

    def _without_early_moves(self, chosen: frozenset[int]) -> frozenset[int]:
        """Those that are chosen, without what only moves FP32 data, which are cast where they are computed with."""
        kept: set[int] = set()
        born = set(self._weights)
        for index, node in enumerate(self._graph.node):
            if index not in chosen:
                continue
            if node.op_type in MOVES and node.input[0] not in born:
                continue
            kept.add(index)
            born.update(node.output)
        return frozenset(kept)

    def _stored(self) -> Iterator[str]:
        """The weights that only FP32 layers read whose weights are stored in FP16: the names."""
        reads: dict[str, set[str]] = {}
        for node in self._graph.node:
            for name in node.input:
                reads.setdefault(name, set()).add(node.op_type)
            for name in captured(node):
                reads.setdefault(name, set()).add("")
        for port in self._graph.output:
            reads.setdefault(port.name, set()).add("")
        for name, kinds in reads.items():
            tensor = self._weights.get(name)
            if tensor is not None and kinds <= STORED and name in self._floats and keeps_digits(tensor):
                yield name

    def _serves(self, node: NodeProto) -> bool:
        if node.domain not in ("", "ai.onnx") or node.op_type not in SERVED:
            return False
        if node.op_type in HEAVY:  # what does not fit there, no FP16 model can hold
            return True
        constants = (self._weights[node.input[i]] for i in self._inputs(node) if node.input[i] in self._weights)
        if not all(map(fits, constants)):
            return False
        # Since opset 14, a batch norm's statistics may be FP32 beside FP16 data.
        at_risk = node.op_type == "BatchNormalization" and 4 in self._inputs(node)
        return not at_risk or keeps_variance(self._weights.get(node.input[4]))

    def _inputs(self, node: NodeProto) -> list[int]:
        """The inputs that a halved node reads in FP16."""
        return [i for i in _data(node, self._opset)[0] if node.input[i] in self._floats]

    def _outputs(self, node: NodeProto) -> list[int]:
        if node.domain not in ("", "ai.onnx") or not defs.has(node.op_type, node.domain):
            return []
        return [i for i in _data(node, self._opset)[1] if node.output[i] in self._floats]

    def finish(self) -> Halved:
        """The graph with halved nodes, casts where the types meet, and weights in the type they are read in."""
        graph, half_io = self._graph, self._half_io
        inputs = {port.name for port in graph.input if port.name in self._floats} - self._weights.keys()
        outputs = [port.name for port in graph.output if port.name in self._floats]
        born_half = self._half_born | (inputs if half_io else set())
        kept = sum(bool(self._outputs(node)) and node.op_type != "Cast" for node in graph.node) - len(self.halved)
        for index, node in enumerate(graph.node):
            self._append(node, index in self.halved, born_half)
        for name in outputs:
            self._finish_output(name, name in born_half)
        _replace_nodes(graph, self._nodes)
        self._store_weights()
        for port in (*graph.input, *graph.output) if half_io else ():
            if port.name in inputs or port.name in outputs:
                port.type.tensor_type.elem_type = TensorProto.FLOAT16
        del graph.value_info[:]
        return Halved(self._model, tuple(sorted(self._half_born)), len(self.halved), kept)

    def _append(self, node: NodeProto, half: bool, born_half: set[str]) -> None:
        data = self._inputs(node) if half else []
        names = list(node.input)
        for i, name in enumerate(names):
            if name in self._floats:
                names[i] = self._in_type(name, i in data, name in born_half)
        for name in captured(node):
            if name in born_half and name not in self._inner:  # read inside of a branch or loop, by its own name
                self._give_name(name)
        made = NodeProto()
        made.CopyFrom(node)
        del made.input[:]
        made.input.extend(names)
        self._nodes.append(made)

    def _in_type(self, name: str, half: bool, born_half: bool) -> str:
        """The name under which a tensor is there in FP16, or in FP32; cast right here if it was not yet."""
        if name in self._weights:
            if half:
                self._cast.add(name)
                return f"{name}{_HALF}"
            return self._raised(name) if name in self.stored else name
        if name in self._inner:
            return self._inner[name] if half else name
        if half == born_half:
            return name
        twin = f"{name}{_HALF if half else '_fp32'}"
        if twin not in self._cast:
            self._cast.add(twin)
            to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
            self._nodes.append(helper.make_node("Cast", [name], [twin], name=f"{twin}/cast", to=to))
        return twin

    def _raised(self, name: str) -> str:
        """A weight that is stored in FP16 and cast before it is read."""
        if name not in self._cast:
            self._cast.add(name)
            cast = f"{name}{_HALF}"
            self._nodes.append(helper.make_node("Cast", [cast], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
        return name

    def _give_name(self, name: str) -> None:
        """From here on, a tensor that is born in FP16 is FP32 under its own name, and FP16 under another.

        Raises `BadRequest` for an input or output of the model, which is to keep its name in FP16.
        """
        ports = {port.name for port in (*self._graph.input, *self._graph.output)}
        if self._half_io and name in ports:
            what = f"{name} is read inside of a branch or loop: as FP16, that cannot be"
            raise BadRequest(what, "leave the input and outputs FP32")
        self._inner[name] = self._renamed(name)
        self._nodes.append(
            helper.make_node("Cast", [self._inner[name]], [name], name=f"{name}/cast", to=TensorProto.FLOAT)
        )

    def _renamed(self, name: str) -> str:
        """Another name for a tensor, in all nodes that are there already."""
        inner = f"{name}_inner"
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [inner if each == name else each for each in names]
        return inner

    def _finish_output(self, name: str, born_half: bool) -> None:
        """An output keeps its name; where it is born in the other type, what bears it takes another."""
        if born_half == self._half_io or name in self._inner:
            return
        inner = self._renamed(name)
        to = TensorProto.FLOAT16 if self._half_io else TensorProto.FLOAT
        self._nodes.append(helper.make_node("Cast", [inner], [name], name=f"{name}/cast", to=to))

    def _store_weights(self) -> None:
        """Each weight in the types in which it is read."""
        used = {name for node in self._graph.node for name in (*node.input, *captured(node))}
        used |= {port.name for port in self._graph.output}
        kept = [tensor for name, tensor in self._weights.items() if name in used and name not in self.stored]
        kept += [_in_half(self._weights[name]) for name in sorted(self._cast & self._weights.keys())]
        copies = [TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
        del self._graph.initializer[:]
        self._graph.initializer.extend(copies)
        # Older models list their weights among the inputs too; such a list must not name what is gone.
        left = [port for port in self._graph.input if port.name not in self._weights]
        ports = [onnx.ValueInfoProto.FromString(port.SerializeToString()) for port in left]
        del self._graph.input[:]
        self._graph.input.extend(ports)


def _in_half(tensor: TensorProto) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    if not fits(tensor):
        largest = float(np.abs(values).max())
        raise cannot_hold(HALF, f"a value of {tensor.name}", largest, f"keep it in {REFERENCE.label}")
    return numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}{_HALF}")


def captured(node: NodeProto) -> Iterator[str]:
    """The names that the graphs inside of a node read, and may read from outside."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (port.name for port in graph.output)
            for inner in graph.node:
                yield from inner.input
                yield from captured(inner)
