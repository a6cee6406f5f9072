"""ONNX Runtime, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from halfpint.core.network.network import Dims, Network
from halfpint.core.precisions import FP32, Precision
from halfpint.core.precisions.dtype import FLOAT32, DType
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import output_dims
from halfpint.core.targets.onnx.graph import ElementType, Graph, Node
from halfpint.core.targets.onnx.writer import GraphSpec, Model, Port, write

Array = NDArray[Any]


def written(network: Network, **more: Any) -> onnx.ModelProto:
    """The network as an ONNX model, as `model_of` has it."""
    return to_proto(model_of(network, **more))


def to_proto(model: Model) -> onnx.ModelProto:
    """A written model as onnx's own helpers make it: what its file's bytes are held against."""
    graph = helper.make_graph(
        [_node(node) for node in model.graph.nodes],
        model.name,
        [_port(model.input)],
        [_port(port) for port in model.outputs],
        [numpy_helper.from_array(tensor.load(), tensor.name) for tensor in model.graph.initializers.values()],
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


def model_of(
    network: Network,
    *,
    opset: int = 17,
    precision: Precision = FP32,
    io: DType = FLOAT32,
    image: tuple[int, ...] | None = None,
) -> Model:
    """The network as a model without its weights, for images of one N×C×H×W, or with dynamic axes."""
    axes: list[Dims] = [output.axes for output in network.outputs]
    spec = GraphSpec(
        input=image or ("batch", network.channels, "height", "width"),
        outputs=tuple(axes if image is None else output_dims(network, InputShape(*image))),
        opset=opset,
        type=ElementType.of(precision.activations.name),
        io=ElementType.of(io.name),
    )
    return write(network, spec, ("test", "0"), {})


def known_beforehand(graph: Graph) -> list[str]:
    """The nodes that compute what is known without an image: they ask for a size, or read constants alone."""
    return [
        node.name
        for node in graph.nodes
        if node.kind in ("Shape", "Size") or graph.initializers.keys() >= set(filter(None, node.inputs))
    ]


def answer(model: onnx.ModelProto, image: Array, *, optimized: bool = True) -> list[Array]:
    """What ONNX Runtime says to an image. `optimized`: as users run it; without, it computes node by node."""
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # these models are small; idle threads spin
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0]
    feed = image.astype(np.float16 if "float16" in port.type else np.float32)
    return [np.asarray(y) for y in session.run(None, {port.name: feed})]
