"""How many bytes a written model's file will have, to the byte, before a single weight is loaded.

A protobuf field is a tag (its number · 8 + its wire type, as a varint) and a value; strings and messages carry
their length before them (protobuf.dev/programming-guides/encoding). The field numbers are those of onnx.proto3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .graph import Attribute, Graph, Initializer, Node
from .writer import Model, Port


def model_nbytes(model: Model, body: int | None = None) -> int:
    """The bytes of `to_proto(model).SerializeToString()`. `body`: `body_nbytes` of its graph, if that is known."""
    if body is None:
        body = body_nbytes(model.graph)
    ir_version = min_ir_version(model.graph.opset)
    name, version = model.producer
    opset = _text(1, "") + _integer(2, model.graph.opset)
    properties = sum(_message(14, _text(1, k) + _text(2, v)) for k, v in model.metadata.items())
    return (
        _integer(1, ir_version)
        + _text(2, name)
        + _text(3, version)
        + _message(7, body + _frame_nbytes(model))
        + _message(8, opset)
        + properties
    )


def min_ir_version(opset: int) -> int:
    """The oldest IR version that knows an opset (onnx/docs/Versioning.md, for opsets 11 to 21)."""
    return {11: 6, 12: 7, 13: 7, 14: 7}.get(opset, 8 if opset <= 18 else 9 if opset <= 20 else 10)


def body_nbytes(graph: Graph) -> int:
    """The bytes of a graph's nodes and initializers: nearly all of a model, whatever its ports and its metadata are."""
    nodes = sum(_message(1, _node_nbytes(node)) for node in graph.nodes)
    return nodes + initializers_nbytes(graph.initializers.values())


def initializers_nbytes(initializers: Iterable[Initializer]) -> int:
    """The bytes of some of a graph's initializers."""
    return sum(_message(5, _initializer_nbytes(initializer)) for initializer in initializers)


def _frame_nbytes(model: Model) -> int:
    """The rest of the graph: its name, its input and its outputs."""
    return (
        _text(2, model.name)
        + _message(11, _port_nbytes(model.input))
        + sum(_message(12, _port_nbytes(port)) for port in model.outputs)
    )


def _node_nbytes(node: Node) -> int:
    return (
        sum(_text(1, name) for name in node.inputs)
        + sum(_text(2, name) for name in node.outputs)
        + _text(3, node.name)
        + _text(4, node.kind)
        + sum(_message(5, _attribute_nbytes(name, value)) for name, value in node.attributes.items())
    )


def _attribute_nbytes(name: str, value: Attribute) -> int:
    fixed = _text(1, name) + _integer(20, 1)  # the type: one of 1 to 7
    match value:
        case int():
            return fixed + _integer(3, value)
        case float():
            return fixed + _tag(2) + 4
        case str():
            return fixed + _text(4, value)
        case _:
            return fixed + sum(_integer(8, item) for item in value)


def _initializer_nbytes(initializer: Initializer) -> int:
    data = math.prod(initializer.shape) * initializer.type.itemsize
    dims = sum(_integer(1, dim) for dim in initializer.shape)
    return dims + _integer(2, initializer.type) + _text(8, initializer.name) + _message(9, data)


def _port_nbytes(port: Port) -> int:
    dims = 0
    for dim in port.dims:
        size = _integer(1, dim) if isinstance(dim, int) else _text(2, dim) if dim is not None else 0
        dims += _message(1, size)
    tensor = _integer(1, port.type) + _message(2, dims)
    return _text(1, port.name) + _message(2, _message(1, tensor))


def _varint(value: int) -> int:
    """Bytes of an integer: seven bits each; a negative one has 64 bits."""
    return max(1, -(-(value if value >= 0 else value + 2**64).bit_length() // 7))


def _tag(field: int) -> int:
    return _varint(field << 3)


def _integer(field: int, value: int) -> int:
    return _tag(field) + _varint(value)


def _message(field: int, nbytes: int) -> int:
    return _tag(field) + _varint(nbytes) + nbytes


def _text(field: int, text: str) -> int:
    return _message(field, len(text.encode("utf-8")))
