"""FP16: weights and activations in float16; a detector's decoding stays float32."""

from __future__ import annotations

from .dtype import FLOAT16
from .precision import Precision

FP16 = Precision(
    "fp16",
    weights=FLOAT16,
    activations=FLOAT16,
    io=FLOAT16,
    largest=FLOAT16.largest,
    help="2 bytes a weight: half the size",
)
