"""Which ONNX operators FP16 serves: facts about operators, apart from the pass that uses them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, numpy_helper

from ....precisions.dtype import FLOAT16

_FP16_NORMAL = 2.0**-14  # below, float16 loses digits

# What takes the time and holds the weights.
HEAVY = frozenset(("Conv", "ConvTranspose", "MatMul", "Gemm"))

# Computed in FP16: no operator that adds up or raises to powers what it must not round (sums, norms, exponentials),
# none whose result is a choice (sorting, suppression), none that makes coordinates.
SERVED = HEAVY | {
    *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Clip", "Mish"),
    *("Gelu", "Erf", "Softmax", "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Min", "Max", "Where"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"),
    *("BatchNormalization", "Identity", "Dropout", "Concat", "Split", "Slice", "Reshape", "Transpose", "Squeeze"),
    *("Unsqueeze", "Flatten", "Pad", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "Expand", "Tile", "Gather"),
}

QUANTISED = frozenset(
    ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")
)


def fits(constant: TensorProto) -> bool:
    """Whether float16 can hold every value of a constant."""
    return bool(np.abs(numpy_helper.to_array(constant)).max(initial=0) <= FLOAT16.largest)


def keeps_variance(variance: TensorProto | None) -> bool:
    """Whether a batch norm's variances are known, and none is so small that float16 would lose it."""
    return variance is not None and float(numpy_helper.to_array(variance).min(initial=1.0)) >= _FP16_NORMAL
