"""Rounding as runtimes do it: sums that are rounded as they grow, and float16 that lies in float32 arrays.

How far off a sum is depends on how often it is rounded on the way, and correct runtimes differ in that. In FP32, plain
kernels add product by product, better ones add up blocks. In FP16, most keep sums in FP32, but tensor cores may keep
them in FP16 (TensorRT lets them): those add 16 products and round what they have so far. The yardstick must not be
narrower than a correct file is wide, so `_product` computes the coarsest of these, on every processor alike. What is
rounded is computed in float64 before: what numpy's own `matmul` or `exp` is off by in float32 depends on the processor
that it finds, and through many layers that grew to a yardstick of twice the length on the next machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_FP32_BITS, _FP16_BITS = 24, 11  # of precision
# As many products a tensor core adds up before it rounds its FP16 accumulator (k of the instruction m16n8k16).
_BLOCK = 16
# Rounding every product's sum to 24 bits makes errors of some size; rounding a sixteenth as often makes a quarter of
# it, as errors add up like a random walk. So here FP32 sums are rounded to two bits less.
_FP32_SUM_BITS = _FP32_BITS - 2

LARGEST_FP16 = 65_504.0
_INFINITE_FP16 = 65_520.0  # from here on, rounding gives infinity


def to_fp16(x: Array) -> Array:
    """A float32 array, rounded in place to float16's precision; numpy's own conversion takes ten times as long.

    Values below 6e-5, of which float16 keeps fewer bits, keep all 11: what is lost there is too small to matter.
    """
    return _rounded(x, _FP16_BITS)


def overflown(x: Array) -> Array:
    """A float32 array with infinities where float16 ends."""
    return np.where(np.abs(x) >= _INFINITE_FP16, np.copysign(np.float32(np.inf), x), x)


def fp16_product(a: Array, b: Array) -> Array:
    """The matrix product over the last two axes of float32 arrays that hold float16 values, with sums in float16."""
    return _product(a, b, _FP16_BITS)


def fp32_product(a: Array, b: Array) -> Array:
    """The matrix product over the last two axes of float32 arrays, as far off as if added product by product."""
    return _product(a, b, _FP32_SUM_BITS)


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
    scaled = np.multiply(x, np.float32((1 << (_FP32_BITS - bits)) + 1), out=scratch)
    np.subtract(scaled, x, out=x)
    return np.subtract(scaled, x, out=x)
