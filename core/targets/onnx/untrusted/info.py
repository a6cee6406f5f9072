"""What an ONNX model tells of itself, read as data; the data of its tensors in other files are not fetched for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from ...artifact_info import ArtifactInfo, StoredTensor, Tally
from ...contract import Port
from .look import graphs_of, itemsize, look
from .rules import STANDARD

# What passes a tensor on: the weights that it reads are those of the node behind it.
_PASSES_ON = frozenset(("DequantizeLinear", "Cast", "Identity"))
_BITS = {"int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "float4e2m1": 4}  # of elements that share bytes


def onnx_info(model: ModelProto) -> ArtifactInfo:
    """The facts of a model. Raises `ArtifactRefused` for one that must not get to a runtime."""
    look(model)
    parts = [model.graph, *model.functions]
    nodes = [node for part in parts for node in _nodes(part.node)]
    graphs = [model.graph, *(graph for node in nodes for graph in _inner(node))]
    readers = _Readers(nodes)
    tally = Tally()
    elsewhere = 0
    for name, tensor, holder in _tensors(graphs, nodes):
        operator = holder or readers.of(name)
        stored = StoredTensor(name, _dtype(tensor), tuple(tensor.dims), _nbytes(tensor), operator)
        tally.tensors.append(stored)
        if tensor.data_location == TensorProto.EXTERNAL:
            elsewhere += stored.nbytes
    tally.nodes.update(map(_kind, nodes))
    weights = {tensor.name for tensor in model.graph.initializer}
    return ArtifactInfo(
        producer=" ".join(filter(None, (model.producer_name, model.producer_version))),
        inputs=tuple(_port(port) for port in model.graph.input if port.name not in weights),
        outputs=tuple(map(_port, model.graph.output)),
        facts=_facts(model),
        properties={prop.key: prop.value for prop in model.metadata_props},
        dtypes=tally.dtypes(),
        operators=tally.operators(),
        largest=tally.largest(),
        tensors=len(tally.tensors),
        notes=_notes(model, graphs, nodes),
        elsewhere=elsewhere,
    )


class _Readers:
    """Which kind of node reads a tensor first."""

    def __init__(self, nodes: Iterable[NodeProto]) -> None:
        self._first: dict[str, NodeProto] = {}
        for node in nodes:
            for name in node.input:
                self._first.setdefault(name, node)

    def of(self, name: str) -> str:
        """The kind of the first node that computes with a tensor; empty if none does."""
        seen: set[str] = set()  # a crafted file may go in a circle
        reader = self._first.get(name)
        while reader is not None and reader.op_type in _PASSES_ON and reader.output and name not in seen:
            seen.add(name)
            name = reader.output[0]
            behind = self._first.get(name)
            if behind is None:
                break
            reader = behind
        return _kind(reader) if reader is not None else ""


def _kind(node: NodeProto) -> str:
    """The name of a node's operator, with its domain where that is not ONNX's own."""
    return node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"


def _nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Nodes, and those of the graphs inside of them."""
    for node in nodes:
        yield node
        for graph in _inner(node):
            yield from _nodes(graph.node)


def _inner(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        yield from graphs_of(attribute)


def _tensors(graphs: Iterable[GraphProto], nodes: Iterable[NodeProto]) -> Iterator[tuple[str, TensorProto, str]]:
    """The stored tensors, by the name that nodes read them by, or with the kind of node that holds one itself."""
    for graph in graphs:
        for tensor in graph.initializer:
            yield tensor.name, tensor, ""
        for sparse in graph.sparse_initializer:
            yield sparse.values.name, sparse.values, ""
            yield sparse.values.name, sparse.indices, ""
    for node in nodes:
        constant = node.op_type == "Constant" and len(node.output) == 1
        for attribute in node.attribute:
            for tensor in _held(attribute):
                yield (node.output[0], tensor, "") if constant else (tensor.name, tensor, _kind(node))


def _held(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    one = (attribute.sparse_tensor,) if attribute.HasField("sparse_tensor") else ()
    for sparse in (*one, *attribute.sparse_tensors):
        yield sparse.values
        yield sparse.indices


def _dtype(tensor: TensorProto) -> str:
    if tensor.data_type == TensorProto.STRING:
        return "string"
    return str(helper.tensor_dtype_to_np_dtype(tensor.data_type).name)


def _nbytes(tensor: TensorProto) -> int:
    """The bytes of a tensor's elements as they are stored."""
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data)
    if tensor.data_type == TensorProto.STRING:
        return sum(map(len, tensor.string_data))
    bits = _BITS.get(_dtype(tensor), 8 * itemsize(tensor.data_type))
    return math.ceil(math.prod(tensor.dims) * bits / 8)


def _facts(model: ModelProto) -> dict[str, str]:
    facts = {"opset": "", "IR version": str(model.ir_version)}
    for entry in model.opset_import:
        facts["opset" if entry.domain in ("", "ai.onnx") else f"opset of {entry.domain}"] = str(entry.version)
    if model.functions:
        facts["functions"] = str(len(model.functions))
    return facts


def _notes(model: ModelProto, graphs: Iterable[GraphProto], nodes: Iterable[NodeProto]) -> int:
    """Bytes of documentation, stack traces and names of nodes. The model's own properties are not among them."""
    texts = [model.doc_string, *(function.doc_string for function in model.functions)]
    noted = [*nodes, *model.functions]
    for graph in graphs:
        ports = (*graph.input, *graph.output, *graph.value_info)
        texts += [graph.doc_string, *(each.doc_string for each in (*ports, *graph.initializer))]
        noted += [graph, *ports, *graph.initializer]
    for node in nodes:
        texts += [node.doc_string, node.name, *(attribute.doc_string for attribute in node.attribute)]
    texts += [text for each in noted for prop in each.metadata_props for text in (prop.key, prop.value)]
    return sum(len(text.encode()) for text in texts)


def _port(port: ValueInfoProto) -> Port:
    kind = port.type.tensor_type
    if not port.type.HasField("tensor_type"):
        return Port(port.name, str(port.type.WhichOneof("value")).removesuffix("_type"), ())
    dims = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in kind.shape.dim)
    name = TensorProto.DataType.Name(kind.elem_type) if kind.elem_type in TensorProto.DataType.values() else "?"
    return Port(port.name, {"FLOAT": "float32", "DOUBLE": "float64"}.get(name, name.lower()), dims)
