"""Rounding as runtimes do it: sums that are rounded as they grow, and float16 that lies in float32 arrays.

How far off a sum is depends on how often it is rounded on the way, and correct runtimes differ in that. In FP32, plain
kernels add product by product, better ones add up blocks. In FP16, most keep sums in FP32, but tensor cores may keep
them in FP16 (TensorRT lets them): those add 16 products and round what they have so far. The yardstick must not be
narrower than a correct file is wide, so `_product` computes the coarsest of these, on every processor alike. What is
rounded is computed in float64 before: what numpy's own `matmul` or `exp` is off by in float32 depends on the processor
that it finds, and through many layers that grew to a yardstick of twice the length on the next machine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..precisions.dtype import FLOAT32, FLOAT64, DType

Array = NDArray[Any]

# As many products a tensor core adds up before it rounds its FP16 accumulator (k of the instruction m16n8k16).
_BLOCK = 16
# Rounding every product's sum to 24 bits makes errors of some size; rounding a sixteenth as often makes a quarter of
# it, as errors add up like a random walk. So here FP32 sums are rounded to two bits less.
_FP32_SUM_BITS = FLOAT32.digits - 2


class Rounding:
    """What computing in a type does to numbers: float64 is the reference, and exact."""

    def __init__(self, dtype: DType) -> None:
        self._narrow = dtype.digits < FLOAT32.digits
        self._digits = dtype.digits
        self._infinite = dtype.infinite
        self.largest = dtype.largest if self._narrow else math.inf  # beyond it, `overflown` has something to do
        self.rounds_sums = dtype != FLOAT64

    def rounded(self, x: Array) -> Array:
        """An array, rounded in place to the type where that is narrower than float32, in whose arrays it lies.

        numpy's own conversion to float16 takes ten times as long. Values below 6e-5, of which float16 keeps fewer bits,
        keep all 11: what is lost there is too small to matter.
        """
        return _rounded(x, self._digits) if self._narrow else x

    def overflown(self, x: Array) -> Array:
        """A float32 array with infinities where the type ends."""
        return np.where(np.abs(x) >= self._infinite, np.copysign(np.float32(np.inf), x), x)

    def product(self, a: Array, b: Array) -> Array:
        """The matrix product over the last two axes, with sums in the type.

        In float32 it is as far off as if added product by product; what is narrower lies in float32 arrays.
        """
        if not self.rounds_sums:
            return np.matmul(a, b)
        return _product(a, b, self._digits if self._narrow else _FP32_SUM_BITS)


def _product(a: Array, b: Array, bits: int) -> Array:
    part = _block(a, b, 0)
    total = part.astype(np.float32)
    scratch = np.empty_like(total)
    for start in range(_BLOCK, a.shape[-1], _BLOCK):
        _rounded(total, bits, scratch)
        np.add(total, _block(a, b, start, part), out=total, casting="same_kind")
    return total


def _block(a: Array, b: Array, start: int, out: Array | None = None) -> Array:
    """The products of a block, added up in float64."""
    block = slice(start, start + _BLOCK)
    return np.matmul(a[..., block].astype(np.float64), b[..., block, :].astype(np.float64), out=out)


def _rounded(x: Array, bits: int, scratch: Array | None = None) -> Array:
    """A float32 array, rounded in place to so many bits of precision, to even where two values are as near (Dekker)."""
    scaled = np.multiply(x, np.float32((1 << (FLOAT32.digits - bits)) + 1), out=scratch)
    np.subtract(scaled, x, out=x)
    return np.subtract(scaled, x, out=x)
