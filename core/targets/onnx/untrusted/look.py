"""An ONNX model looked at before a runtime sees it: how much it declares, and what it wants from outside."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import NoReturn, TypeAlias

import numpy as np
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ....errors import ArtifactRefused
from ....untrusted import printable
from .rules import (
    LEAST_SHARE,
    MAX_LOOPED_NODES,
    MAX_NODES,
    MAX_PARTS,
    MAX_SUBGRAPHS_DEEP,
    RUNTIME,
    RUNTIME_OPERATORS,
    STANDARD,
)

# By data type: the field that holds its elements where `raw_data` does not, and how many entries an element takes.
_TYPED: dict[int, tuple[str, int]] = {
    TensorProto.FLOAT: ("float_data", 1),
    TensorProto.COMPLEX64: ("float_data", 2),
    TensorProto.DOUBLE: ("double_data", 1),
    TensorProto.COMPLEX128: ("double_data", 2),
    TensorProto.INT64: ("int64_data", 1),
    TensorProto.UINT32: ("uint64_data", 1),
    TensorProto.UINT64: ("uint64_data", 1),
    TensorProto.STRING: ("string_data", 1),
}
# Types of fewer than eight bits share bytes; four elements a byte is the most.
_PACKED = frozenset(
    number
    for name, number in TensorProto.DataType.items()
    if name.startswith(("INT2", "UINT2", "INT4", "UINT4", "FLOAT4", "FLOAT6"))
)
_Constants: TypeAlias = MutableMapping[str, TensorProto]


def look(model: ModelProto) -> tuple[TensorProto, ...]:
    """Look at a whole model: graphs, the graphs inside of nodes, functions. The tensors whose data lie in other files.

    Raises `ArtifactRefused` for what no network needs: too much of anything, tensors that declare more than they hold,
    operators of unknown domains, functions that call each other without end, loops with too many steps.
    """
    looker = _Looker(model)
    looker.look()
    return tuple(looker.external)


def _refuse(what: str, fix: str = "") -> NoReturn:
    raise ArtifactRefused(f"the model {what}", fix)


class _Looker:
    """One walk over all parts of a model, with a budget."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._functions: dict[tuple[str, str], FunctionProto] = {}
        self._sizes: dict[tuple[str, str], int] = {}  # nodes of functions, with those of the functions they call
        self._parts = 0
        self._looped = 0
        self.external: list[TensorProto] = []

    def look(self) -> None:
        model = self._model
        self._take(len(model.opset_import) + len(model.metadata_props) + len(model.functions))
        _check_text(entry.domain for entry in model.opset_import)
        _check_text(text for entry in model.metadata_props for text in (entry.key, entry.value))
        _check_text(text for f in model.functions for text in (f.domain, f.name, *f.input, *f.output, *f.attribute))
        if not any(entry.domain in ("", "ai.onnx") for entry in model.opset_import):
            _refuse("imports no set of ONNX operators", "export it again")
        if len(model.training_info):
            _refuse("holds a way to train it", "export it for inference")
        self._functions = {(f.domain, f.name): f for f in model.functions}
        if len(self._functions) != len(model.functions):
            _refuse("defines a function twice")
        self._look_at_graph(model.graph, ChainMap(), 0)
        for function in model.functions:
            self._look_at_nodes(function.node, {}, 0)
            for attribute in function.attribute_proto:
                self._look_at_attribute(attribute, ChainMap(), 0)
        self._count(sum(1 + self._called(node, ()) for node in _nodes(model.graph)))

    # ---- how much

    def _take(self, parts: int) -> None:
        self._parts += parts
        if self._parts > MAX_PARTS:
            _refuse(f"has more than {MAX_PARTS:,} parts, and the largest detectors have some thousand")

    def _count(self, nodes: int) -> None:
        if nodes > MAX_NODES:
            _refuse(f"has {nodes:,} nodes, and the largest detectors have some thousand")

    def _called(self, node: NodeProto, open_: tuple[tuple[str, str], ...]) -> int:
        """The nodes that a call of a function stands for; 0 for a node that calls none. `open_`: who called it."""
        key = (node.domain, node.op_type)
        function = self._functions.get(key)
        if function is None:
            return 0
        if key in open_ or len(open_) >= MAX_SUBGRAPHS_DEEP:
            _refuse(f"has functions that call each other without end, or too deep ({printable(node.op_type)})")
        if key not in self._sizes:
            self._sizes[key] = sum(1 + self._called(each, (*open_, key)) for each in _nodes(function))
            self._count(self._sizes[key])
        return self._sizes[key]

    # ---- what

    def _look_at_graph(self, graph: GraphProto, around: ChainMap[str, TensorProto], depth: int) -> int:
        """Look at a graph; how many nodes are in it. `around`: the constants of the graphs that it is in."""
        if depth > MAX_SUBGRAPHS_DEEP:
            _refuse("has graphs inside of graphs, deeper than any network")
        self._take(len(graph.initializer) + len(graph.sparse_initializer) + len(graph.value_info))
        self._take(len(graph.input) + len(graph.output) + len(graph.quantization_annotation))
        _check_text(port.name for ports in (graph.input, graph.output, graph.value_info) for port in ports)
        known = around.new_child()
        for tensor in graph.initializer:
            self._look_at_tensor(tensor)
            known[tensor.name] = tensor
        for sparse in graph.sparse_initializer:
            self._look_at_sparse(sparse.values, sparse.indices, sparse.dims)
        return self._look_at_nodes(graph.node, known, depth)

    def _look_at_nodes(self, nodes: Sequence[NodeProto], known: _Constants, depth: int) -> int:
        """Look at nodes in their order; how many they are. `known`: the constants that they may read, by name."""
        self._count(len(nodes))
        count = 0
        for node in nodes:
            self._take(1 + len(node.input) + len(node.output) + len(node.attribute))
            _check_text((node.op_type, node.domain, node.name, *node.input, *node.output))
            self._check_operator(node)
            around = known if isinstance(known, ChainMap) else ChainMap(known)
            inner = sum(self._look_at_attribute(attribute, around, depth) for attribute in node.attribute)
            if node.op_type == "Loop" and node.domain in STANDARD:
                self._look_at_loop(node, known, inner)
            if node.op_type == "Constant" and node.output:
                known.update((node.output[0], each.t) for each in node.attribute if each.name == "value")
            count += 1 + inner
        return count

    def _check_operator(self, node: NodeProto) -> None:
        if node.domain in STANDARD or (node.domain, node.op_type) in self._functions:
            return
        if node.domain != RUNTIME or node.op_type not in RUNTIME_OPERATORS:
            name = printable(f"{node.domain}.{node.op_type}")
            _refuse(f"uses the operator {name}, which is not ONNX's own", "export it with standard operators alone")

    def _look_at_attribute(self, attribute: AttributeProto, around: ChainMap[str, TensorProto], depth: int) -> int:
        """Look at an attribute; how many nodes are in the graphs that it holds."""
        self._take(len(attribute.tensors) + len(attribute.sparse_tensors) + len(attribute.graphs))
        self._take(len(attribute.strings) + len(attribute.type_protos))
        _check_text((attribute.name, attribute.ref_attr_name))
        if attribute.HasField("t"):
            self._look_at_tensor(attribute.t)
        for tensor in attribute.tensors:
            self._look_at_tensor(tensor)
        if attribute.HasField("sparse_tensor"):
            sparse = attribute.sparse_tensor
            self._look_at_sparse(sparse.values, sparse.indices, sparse.dims)
        for sparse in attribute.sparse_tensors:
            self._look_at_sparse(sparse.values, sparse.indices, sparse.dims)
        return sum(self._look_at_graph(graph, around, depth + 1) for graph in graphs_of(attribute))

    def _look_at_loop(self, node: NodeProto, known: _Constants, body: int) -> None:
        """Count the steps of a loop, where their number is written in the file."""
        trips = known.get(node.input[0]) if node.input else None
        if trips is None or trips.data_location == TensorProto.EXTERNAL:
            return
        steps = _integer(trips)
        self._looped += max(0, steps) * max(1, body)
        if self._looped > MAX_LOOPED_NODES:
            name = printable(node.name or "".join(node.output[:1]))
            _refuse(f"loops {steps:,} times in {name}, which no network does")

    def _look_at_tensor(self, tensor: TensorProto) -> None:
        """Raises for a tensor that declares other elements than it holds."""
        self._take(1 + len(tensor.external_data))
        _check_text((tensor.name, *(text for entry in tensor.external_data for text in (entry.key, entry.value))))
        elements = _numel(tensor.dims)
        if tensor.data_location == TensorProto.EXTERNAL:
            self.external.append(tensor)
            return
        if tensor.HasField("raw_data"):
            declared, found = elements * itemsize(tensor.data_type), len(tensor.raw_data)
        else:
            field, entries = _TYPED.get(int(tensor.data_type), ("int32_data", 1))
            declared, found = elements * entries, len(getattr(tensor, field))
        if declared > 4 * found if tensor.data_type in _PACKED else declared != found:
            shape = "×".join(map(str, tensor.dims))
            _refuse(f"declares {printable(tensor.name) or 'a constant'} as {shape}, and holds other data")

    def _look_at_sparse(self, values: TensorProto, indices: TensorProto, dims: Sequence[int]) -> None:
        """Sparse tensors are made dense when they are loaded, whatever that takes."""
        self._look_at_tensor(values)
        self._look_at_tensor(indices)
        dense, listed = _numel(dims), _numel(values.dims)
        if listed < dense * LEAST_SHARE:
            _refuse(f"holds {printable(values.name) or 'a constant'} as {listed:,} of {dense:,} values: too sparse")


def _check_text(texts: Iterable[object]) -> None:
    """Raises for names that are not UTF-8, which protobuf gives as bytes: no two readers would call them alike."""
    if not all(isinstance(text, str) for text in texts):
        _refuse("holds names that are not UTF-8", "export it again")


def _nodes(part: GraphProto | FunctionProto) -> Iterator[NodeProto]:
    """The nodes of a graph or function, and of the graphs inside of them."""
    for node in part.node:
        yield node
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                yield from _nodes(graph)


def graphs_of(attribute: AttributeProto) -> Iterable[GraphProto]:
    """The graphs that an attribute holds."""
    return (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs)


def _numel(dims: Sequence[int]) -> int:
    """The elements of a shape. Raises for more dimensions than any tensor has, or negative ones."""
    if len(dims) > 64 or any(dim < 0 for dim in dims):
        _refuse("holds a tensor of no possible shape")
    return math.prod(dims)


def itemsize(data_type: int) -> int:
    """The bytes of an element. Raises `ArtifactRefused` for a type that is not known."""
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(data_type)).itemsize
    except (KeyError, TypeError):
        _refuse(f"holds a tensor of the unknown type {data_type}")


def _integer(tensor: TensorProto) -> int:
    """The one integer of a tensor; 0 if it holds something else."""
    if tensor.data_type not in (TensorProto.INT64, TensorProto.INT32) or _numel(tensor.dims) != 1:
        return 0
    return int(numpy_helper.to_array(tensor).reshape(-1)[0])
