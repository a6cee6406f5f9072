"""A written model as the bytes of its file, piece by piece: a tensor is loaded when its turn comes, and not kept.

So many bytes they are is known before: lengths come before contents. Fields are numbered as in onnx.proto3, and come
in the order in which onnx itself writes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple, TypeAlias

from .graph import Attribute, Graph, Initializer, Node
from .protobuf import float32, integer, message, opening, text
from .writer import Model, Port

Piece: TypeAlias = bytes | memoryview

# The types of an attribute, by the numbers of onnx.AttributeProto.AttributeType.
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7


def write_model(model: Model, file: IO[bytes]) -> None:
    """Write a model to an empty file, which gets its size at once: a disk without room for it is known then."""
    file.truncate(model_nbytes(model))
    for piece in model_pieces(model):
        file.write(piece)


def model_pieces(model: Model) -> Iterator[Piece]:
    """All bytes of a model's file, in the oldest IR version that knows its opset: the widest choice of runtimes."""
    graph = model.graph
    frame = _frame(model, body_nbytes(graph))
    yield frame.before
    yield from map(_node, graph.nodes)
    yield frame.between
    for initializer in graph.initializers.values():
        yield _before_data(initializer)
        yield _data(initializer)
    yield frame.after


def model_nbytes(model: Model, body: int | None = None) -> int:
    """The bytes of a model's file. `body`: `body_nbytes` of its graph, if that is known."""
    if body is None:
        body = body_nbytes(model.graph)
    return body + sum(map(len, _frame(model, body)))


def body_nbytes(graph: Graph) -> int:
    """The bytes of a graph's nodes and initializers: nearly all of a model, whatever its ports and its metadata are."""
    return sum(len(_node(node)) for node in graph.nodes) + initializers_nbytes(graph.initializers.values())


def initializers_nbytes(initializers: Iterable[Initializer]) -> int:
    """The bytes of some of a graph's initializers."""
    return sum(len(_before_data(initializer)) + _data_nbytes(initializer) for initializer in initializers)


def min_ir_version(opset: int) -> int:
    """The oldest IR version that knows an opset (onnx/docs/Versioning.md, for opsets 11 to 21)."""
    return {11: 6, 12: 7, 13: 7, 14: 7}.get(opset, 8 if opset <= 18 else 9 if opset <= 20 else 10)


class _Frame(NamedTuple):
    """What stands before the nodes, between them and the initializers, and after those."""

    before: bytes
    between: bytes
    after: bytes


def _frame(model: Model, body: int) -> _Frame:
    producer, version = model.producer
    name = text(2, model.name)
    ports = message(11, *_port(model.input)) + b"".join(message(12, *_port(port)) for port in model.outputs)
    said = integer(1, min_ir_version(model.graph.opset)) + text(2, producer) + text(3, version)
    opset = message(8, text(1, ""), integer(2, model.graph.opset))
    metadata = b"".join(message(14, text(1, key), text(2, value)) for key, value in model.metadata.items())
    return _Frame(said + opening(7, body + len(name) + len(ports)), name, ports + opset + metadata)


def _node(node: Node) -> bytes:
    return message(
        1,
        *(text(1, name) for name in node.inputs),
        *(text(2, name) for name in node.outputs),
        text(3, node.name),
        text(4, node.kind),
        *(message(5, text(1, name), _attribute(value)) for name, value in sorted(node.attributes.items())),
    )


def _attribute(value: Attribute) -> bytes:
    match value:
        case int():
            return integer(3, value) + integer(20, _INT)
        case float():
            return float32(2, value) + integer(20, _FLOAT)
        case str():
            return text(4, value) + integer(20, _STRING)
        case _:
            return b"".join(integer(8, item) for item in value) + integer(20, _INTS)


def _port(port: Port) -> tuple[bytes, bytes]:
    dims = (integer(1, dim) if isinstance(dim, int) else b"" if dim is None else text(2, dim) for dim in port.dims)
    shape = message(2, *(message(1, dim) for dim in dims))
    return text(1, port.name), message(2, message(1, integer(1, port.type), shape))


def _before_data(initializer: Initializer) -> bytes:
    """The beginning of an initializer, up to its data, which are its last field."""
    dims = b"".join(integer(1, dim) for dim in initializer.shape)
    nbytes = _data_nbytes(initializer)
    fields = dims + integer(2, initializer.type) + text(8, initializer.name) + opening(9, nbytes)
    return opening(5, len(fields) + nbytes) + fields


def _data_nbytes(initializer: Initializer) -> int:
    return math.prod(initializer.shape) * initializer.type.itemsize


def _data(initializer: Initializer) -> memoryview:
    import numpy as np

    dtype = np.dtype(initializer.type.dtype)
    array = initializer.load()
    if array.shape != initializer.shape or array.dtype != dtype:
        found = f"{array.dtype} {array.shape}"
        raise ValueError(f"{initializer.name} should be {dtype} {initializer.shape}, and is {found}")
    return array.astype(dtype.newbyteorder("<"), "C", copy=False).reshape(-1).view(np.uint8).data
