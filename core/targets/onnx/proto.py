"""A written model as onnx's own ModelProto."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import helper, numpy_helper

from .graph import Initializer, Node
from .writer import Model, Port


def to_proto(model: Model) -> onnx.ModelProto:
    """The model with its weights loaded, in the oldest IR version that knows its opset: the widest choice of
    runtimes.
    """
    graph = helper.make_graph(
        [_node(node) for node in model.graph.nodes],
        model.name,
        [_port(model.input)],
        [_port(port) for port in model.outputs],
        [_tensor(initializer) for initializer in model.graph.initializers.values()],
    )
    opset = helper.make_opsetid("", model.graph.opset)
    name, version = model.producer
    proto = helper.make_model(graph, opset_imports=[opset], producer_name=name, producer_version=version)
    proto.ir_version = helper.find_min_ir_version_for(proto.opset_import)
    helper.set_model_props(proto, dict(model.metadata))
    return proto


def _node(node: Node) -> onnx.NodeProto:
    attributes: dict[str, Any] = dict(node.attributes)
    return helper.make_node(node.kind, node.inputs, node.outputs, name=node.name, **attributes)


def _port(port: Port) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(port.name, port.type, port.dims)


def _tensor(initializer: Initializer) -> onnx.TensorProto:
    return numpy_helper.from_array(initializer.load(), initializer.name)
