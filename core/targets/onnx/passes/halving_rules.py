"""Which ONNX operators FP16 serves: facts about operators, apart from the pass that uses them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, numpy_helper

from ....precisions.dtype import FLOAT16

_FP16_NORMAL = 2.0**-14  # below, float16 loses digits

# What takes the time and holds the weights.
HEAVY = frozenset(("Conv", "ConvTranspose", "MatMul", "Gemm"))

# What gives its input on, in another order or shape.
_MOVES = "Identity Dropout Split Slice Reshape Transpose Squeeze Unsqueeze Flatten Expand Tile"
MOVES = frozenset(_MOVES.split())

# Computed in FP16: no operator that adds up or raises to powers what it must not round (sums, norms, exponentials),
# none whose result is a choice (sorting, suppression), none that makes coordinates.
SERVED = (
    HEAVY
    | MOVES
    | {
        *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Clip", "Mish"),
        *("Gelu", "Erf", "Softmax", "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Min", "Max", "Where"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"),
        *("BatchNormalization", "Concat", "Pad", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "Gather"),
    }
)

# Computed in FP32, since they add up over many steps and ONNX Runtime has no others for CPUs; but their weights are
# most of some models' bytes.
STORED = frozenset(("LSTM", "GRU", "RNN"))

_QUANTISED = """
    QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul ConvInteger MatMulInteger
    DynamicQuantizeLSTM DynamicQuantizeMatMul MatMulIntegerToFloat QAttention QGemm
"""
QUANTISED = frozenset(_QUANTISED.split())


def fits(constant: TensorProto) -> bool:
    """Whether float16 can hold every value of a constant."""
    return bool(np.abs(numpy_helper.to_array(constant)).max(initial=0) <= FLOAT16.largest)


def keeps_digits(constant: TensorProto) -> bool:
    """Whether float16 holds a constant to its own precision, relative to the largest value in it."""
    values = numpy_helper.to_array(constant)
    return bool(values.size) and fits(constant) and float(np.abs(values).max()) >= _FP16_NORMAL


def keeps_variance(variance: TensorProto | None) -> bool:
    """Whether a batch norm's variances are known, and none is so small that float16 would lose it."""
    return variance is not None and float(numpy_helper.to_array(variance).min(initial=1.0)) >= _FP16_NORMAL
