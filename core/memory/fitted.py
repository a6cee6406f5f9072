"""How much libraries take, fitted to whole jobs: the lines below are what `benchmarks/memory_fit.py` prints."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Constant(StrEnum):
    """What is fitted: MiB of libraries; copies of the FP32 weights; parts of what is weighed in FP32."""

    ONNX_LIBRARIES = "onnx libraries"  # MiB of Python, numpy, onnx and ONNX Runtime
    TORCHSCRIPT_LIBRARIES = "torchscript libraries"  # MiB of Python, numpy and torch
    BOTH_LIBRARIES = "both libraries"
    WRITE_TORCHSCRIPT = "write torchscript"  # copies of the weights while a file is written
    RUN_ONNX = "run onnx"  # copies of the weights while a file is tried
    RUN_TORCHSCRIPT = "run torchscript"
    TWIN = "twin"  # copies of the weights while the FP32 twin is made and run, for --verify quick
    ONNX_ACTIVATIONS = "onnx activations"  # of the activations at the peak
    ONNX_ACTIVATIONS_TAKEN_APART = "onnx activations taken apart"
    TORCHSCRIPT_ACTIVATIONS = "torchscript activations"
    TWIN_ACTIVATIONS = "twin activations"
    REFERENCE_WEIGHTS = "reference weights"  # copies of the weights in float64 and rounded
    REFERENCE_BESIDE = "reference beside"  # of the reference's arrays, while a file is written and tried


FITTED: Mapping[Constant, float] = {
    Constant.ONNX_LIBRARIES: 90.2,
    Constant.TORCHSCRIPT_LIBRARIES: 268,
    Constant.BOTH_LIBRARIES: 296,
    Constant.WRITE_TORCHSCRIPT: 4.02,
    Constant.RUN_ONNX: 3.58,
    Constant.RUN_TORCHSCRIPT: 0.425,
    Constant.TWIN: 4.9,
    Constant.ONNX_ACTIVATIONS: 1.86,
    Constant.ONNX_ACTIVATIONS_TAKEN_APART: 4.62,
    Constant.TORCHSCRIPT_ACTIVATIONS: 1.63,
    Constant.TWIN_ACTIVATIONS: 1.84,
    Constant.REFERENCE_WEIGHTS: 2.67,
    Constant.REFERENCE_BESIDE: 0.595,
}
