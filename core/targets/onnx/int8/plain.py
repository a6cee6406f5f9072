"""Any ONNX model in the form in which its layers are found: one graph, stored weights, an opset that 8 bits can say."""

from __future__ import annotations

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, version_converter
from onnx.inliner import inline_local_functions

from ....errors import BadRequest
from ....precisions import INT8, REFERENCE
from ....text import in_utf8
from ..passes.halve import FREE_WEIGHTS, constants_as_initializers
from ..passes.halving_rules import QUANTISED

LEAST_OPSET = 13  # the first in which DequantizeLinear has a step for each channel


def plain(model: ModelProto) -> ModelProto:
    """The same model with its functions in place, constants and weights as initializers, and names for its nodes.

    `model` is not changed. Raises `BadRequest` for one that is quantised already, that keeps weights apart, or whose
    opset is too old and cannot be raised.
    """
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise BadRequest("the model keeps its weights in other files", "save it as one file first")
    if any(node.op_type in QUANTISED for node in model.graph.node):
        raise BadRequest("the model is quantised already", f"give the {REFERENCE.label} model it was made from")
    made = ModelProto()
    made.CopyFrom(inline_local_functions(model) if model.functions else model)
    made.ir_version = max(made.ir_version, FREE_WEIGHTS)
    constants_as_initializers(made.graph)
    _free_weights(made.graph)
    made = _raised(made)
    _name(made.graph)
    return made


def opset_of(model: ModelProto) -> int:
    """The version of ONNX's own operators that a model uses."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def _raised(model: ModelProto) -> ModelProto:
    """The model in an opset that is late enough. Raises `BadRequest` where onnx cannot convert it."""
    found = opset_of(model)
    if found >= LEAST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, LEAST_OPSET)
    except Exception as error:  # the converter has exceptions of its own
        what = f"the model is of opset {found}, {INT8.label} needs {LEAST_OPSET}, and onnx cannot convert it"
        raise BadRequest(f"{what}: {in_utf8(str(error))[:120]}", f"export it anew with opset {LEAST_OPSET}") from error


def _free_weights(graph: GraphProto) -> None:
    """Models of the IR's first versions list their weights among the inputs too: a file of that kind lets its user
    give others.
    """
    weights = {tensor.name for tensor in graph.initializer}
    ports = [ValueInfoProto.FromString(port.SerializeToString()) for port in graph.input if port.name not in weights]
    del graph.input[:]
    graph.input.extend(ports)


def _name(graph: GraphProto) -> None:
    """Give each node a name that no other has: reports name layers by it."""
    taken: set[str] = set()
    for node in graph.node:
        if not node.name or node.name in taken:
            node.name = _another(node, taken)
        taken.add(node.name)


def _another(node: NodeProto, taken: set[str]) -> str:
    name = next(filter(None, node.output), node.op_type)
    while name in taken:
        name += "'"
    return name
