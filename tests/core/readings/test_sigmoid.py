"""The yardstick is as far off in a sigmoid as ONNX Runtime is, however small the confidence."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from halfpint.core.precisions.dtype import FLOAT32, FLOAT64
from halfpint.core.readings.reference import Reference

pytestmark = pytest.mark.numbers


@pytest.mark.parametrize("least", [-16, -12, -8, -4, 0])
def test_a_small_confidence_is_no_nearer_than_a_large_one(least: float) -> None:
    x = np.linspace(least, least + 4, 100_001, dtype=np.float32).reshape(1, 1, 1, -1)
    exact = Reference(FLOAT64).sigmoid(x.astype(np.float64))
    yardstick = Reference(FLOAT32).sigmoid(x)
    assert _error(_onnx_runtime(x), exact) <= 2 * _error(yardstick, exact)


def _error(answer: np.ndarray, exact: np.ndarray) -> float:
    return float(np.sqrt(np.mean((answer - exact) ** 2)))


def _onnx_runtime(x: np.ndarray) -> np.ndarray:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["y"])], "sigmoid", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x})
    return np.asarray(y)
