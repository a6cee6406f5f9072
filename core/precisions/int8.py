"""INT8: weights in 8 bits, and arithmetic too where the answers bear it; the rest, and the decoding, stays float32."""

from __future__ import annotations

from .dtype import FLOAT32, INT8_NUMBERS
from .precision import Precision

INT8 = Precision(
    "int8",
    weights=INT8_NUMBERS,
    activations=FLOAT32,
    io=FLOAT32,
    largest=FLOAT32.largest,
    help="1 byte a weight: a quarter of the size; needs images of yours (--data)",
    needs_images=True,
)
