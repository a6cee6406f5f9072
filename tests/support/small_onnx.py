"""A small ONNX model of convolutions, as one writes it by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper


def convolutions(count: int = 2, **ports: Any) -> ModelProto:
    """A model of so many convolutions, one after the other; `ports`: dims of its input `x` and of its output `y`."""
    random, nodes, weights, name = np.random.default_rng(0), list[Any](), list[TensorProto](), "x"
    for i in range(count):
        shape = (16, 3 if i == 0 else 16, 3, 3)
        values = random.standard_normal(shape).astype(np.float32) / np.sqrt(shape[1] * 9)
        weights.append(numpy_helper.from_array(values.astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("Conv", [name, f"w{i}"], [f"a{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"a{i}"], [name := f"r{i}" if i < count - 1 else "y"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ports.get("x", ["n", 3, "h", "w"]))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ports.get("y", ["n", 16, "h", "w"]))
    graph = helper.make_graph(nodes, "graph", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
