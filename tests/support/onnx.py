"""ONNX Runtime, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from halfpint.core.network.network import Network
from halfpint.core.readings.onnx_proto import to_proto
from halfpint.core.readings.onnx_writer import GraphSpec, write

Array = NDArray[Any]


def written(network: Network, *, opset: int = 17, half: bool = False, half_io: bool = False) -> onnx.ModelProto:
    """The network as an ONNX model with dynamic axes."""
    spec = GraphSpec(
        input=("batch", network.channels, "height", "width"),
        outputs=tuple(output.axes for output in network.outputs),
        opset=opset,
        half=half,
        half_io=half_io,
    )
    return to_proto(write(network, spec, ("test", "0"), {}))


def answer(model: onnx.ModelProto, image: Array) -> list[Array]:
    """What ONNX Runtime says to an image."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # these models are small; idle threads spin
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0]
    feed = image.astype(np.float16 if "float16" in port.type else np.float32)
    return [np.asarray(y) for y in session.run(None, {port.name: feed})]
