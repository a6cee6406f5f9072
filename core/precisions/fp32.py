"""FP32: everything in float32, as most runtimes expect it."""

from __future__ import annotations

from .dtype import FLOAT32
from .precision import Precision

FP32 = Precision(
    "fp32",
    weights=FLOAT32,
    activations=FLOAT32,
    io=FLOAT32,
    largest=FLOAT32.largest,
    help="4 bytes a weight, as most runtimes expect",
)
