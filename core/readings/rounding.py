"""Rounding as runtimes do it: sums that are rounded as they grow, and float16 that lies in float32 arrays.

How far off a sum is depends on how often it is rounded on the way, and correct runtimes differ in that. In FP32, plain
kernels add product by product, better ones add up blocks. In FP16, most keep sums in FP32, but tensor cores may keep
them in FP16 (TensorRT lets them): those add 16 products and round what they have so far. The yardstick must not be
narrower than a correct file is wide, so `_RoundedSums` is as far off as the coarsest of these, on every processor
alike. What is rounded is computed in float64 before: what numpy's own `matmul` or `exp` is off by in float32 depends on
the processor that it finds, and through many layers that grew to a yardstick of twice the length on the next machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..precisions.dtype import FLOAT32, FLOAT64, DType

Array = NDArray[Any]

# As many products a tensor core adds up before it rounds its FP16 accumulator (k of the instruction m16n8k16).
BLOCK = 16
# What is done to an array element by element is done to so many elements at a time: a core's cache holds them.
PIECE = 16 * 1024
# Rounding every product's sum to 24 bits makes errors of some size; rounding a sixteenth as often makes a quarter of
# it, as errors add up like a random walk. So here FP32 sums are rounded to two bits less.
_FP32_SUM_BITS = FLOAT32.digits - 2
# So many roundings of a sum are enough for their errors to add up like a random walk.
_LEAST_ROUNDINGS = 8


class Rounding:
    """What computing in a type does to numbers: float64 is the reference, and exact."""

    def __init__(self, dtype: DType) -> None:
        self._narrow = dtype.digits < FLOAT32.digits
        self._digits = dtype.digits
        self._infinite = dtype.infinite
        self.largest = dtype.largest if self._narrow else math.inf  # beyond it, `overflown` has something to do
        self.rounds_sums = dtype != FLOAT64
        self.terms = np.dtype(np.float64)  # what products and functions are computed in, before they are rounded
        least = 2 - math.frexp(dtype.largest)[1]
        self._normal = math.ldexp(1.0, least)  # smaller numbers keep fewer digits
        # Added to a smaller number in float32, it leaves the digits that the number keeps.
        self._shift = np.float32(math.ldexp(1.5, least - dtype.digits + FLOAT32.digits)) if self._narrow else None

    def rounded(self, x: Array) -> Array:
        """An array, rounded in place to the type where that is narrower than float32, in whose arrays it lies.

        numpy's own conversion to float16 takes ten times as long. Values below 6e-5, of which float16 keeps fewer bits,
        keep all 11: what is lost there is too small to matter.
        """
        return _rounded(x, self._digits) if self._narrow else x

    def stored(self, x: Array) -> Array:
        """float32 weights as a file in the type stores them, in float32. numpy's conversion takes twice as long."""
        if self._shift is None:
            return x
        stored = x.flatten()
        for start in range(0, stored.size, PIECE):
            y = stored[start : start + PIECE]
            magnitude, small = np.abs(y), y + self._shift
            small -= self._shift
            _rounded(y, self._digits)
            np.copyto(y, small, where=magnitude < self._normal)
            if magnitude.max() >= self._infinite:
                np.copyto(y, np.copysign(np.float32(np.inf), small), where=magnitude >= self._infinite)
        return stored.reshape(x.shape)

    def overflown(self, x: Array) -> Array:
        """A float32 array with infinities where the type ends."""
        return np.where(np.abs(x) >= self._infinite, np.copysign(np.float32(np.inf), x), x)

    def sums(self, shape: tuple[int, ...], products: int) -> Sums:
        """Sums of so many products in the type, none added yet. In float32, as far off as if added one by one."""
        if not self.rounds_sums:
            return _Sums(shape, self.terms)
        return _RoundedSums(shape, _pace(products, self._digits if self._narrow else _FP32_SUM_BITS))

    def product(self, a: Array, b: Array) -> Array:
        """The matrix product over the last two axes (the axes before are the same), with sums in the type.

        What is narrower than float32 lies in float32 arrays.
        """
        if not self.rounds_sums:
            return np.matmul(a, b)
        sums = self.sums((*a.shape[:-1], b.shape[-1]), a.shape[-1])
        sums.add(a.astype(np.float64), b.astype(np.float64))
        return sums.total


class Float32(Rounding):
    """float32 as numpy computes it: sums in blocks, no further from float64 than the yardstick, in half its time."""

    def __init__(self) -> None:
        super().__init__(FLOAT32)
        self.rounds_sums = False
        self.terms = np.dtype(np.float32)


class Sums(Protocol):
    """Matrix products over the last two axes, to which products with the next columns of the first are added."""

    @property
    def total(self) -> Array:
        """What they have come to. Nothing may be added after it was asked for."""
        ...

    def add(self, a: Array, b: Array) -> None:
        """Add `a`·`b`, both of the terms' type."""
        ...


class _Sums:
    """As numpy makes them, in a type."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.total = np.empty(shape, dtype)
        self._part = self.total  # what is added first is the total

    def add(self, a: Array, b: Array) -> None:
        np.matmul(a, b, out=self._part)
        if self._part is self.total:
            self._part = np.empty_like(self.total)
        else:
            self.total += self._part


@dataclass(frozen=True)
class _Pace:
    """How a sum is rounded as it grows: to so many bits, each time that so many products are going to be added."""

    block: int
    bits: int


def _pace(products: int, bits: int) -> _Pace:
    """At which pace to round a sum of so many products that runtimes round to `bits` after every `BLOCK`.

    Rounding a quarter as often, to one bit less, makes errors of the same size: they add up like a random walk. It
    takes a quarter of the time, and is done where enough roundings are left to add up.
    """
    block = BLOCK
    while products >= 4 * block * _LEAST_ROUNDINGS:
        block, bits = 4 * block, bits - 1
    return _Pace(block, bits)


class _RoundedSums:
    """In float32, rounded before a block of products is added: the products themselves are float64."""

    def __init__(self, shape: tuple[int, ...], pace: _Pace) -> None:
        self._pace = pace
        self._total: Array | None = None
        self._scratch = np.empty(shape, np.float32)
        self._wide = np.empty(shape)
        self._block, self._part = np.empty(shape), np.empty(shape)
        self._added = 0  # products in the block that is not in the total yet

    @property
    def total(self) -> Array:
        if self._added:
            self._end_block()
        assert self._total is not None
        return self._total

    def add(self, a: Array, b: Array) -> None:
        start, most = 0, a.shape[-1]
        while start < most:
            end = min(most, start + self._pace.block - self._added)
            part = self._part if self._added else self._block
            np.matmul(a[..., start:end], b[..., start:end, :], out=part)
            if self._added:
                np.add(self._block, part, out=self._block)
            self._added += end - start
            if self._added == self._pace.block:
                self._end_block()
            start = end

    def _end_block(self) -> None:
        if self._total is None:
            self._total = self._block.astype(np.float32)
        else:
            # Added in float64; numpy takes twice as long if it has to convert an operand on the way.
            np.copyto(self._wide, _rounded(self._total, self._pace.bits, self._scratch))
            np.add(self._block, self._wide, out=self._block)
            np.copyto(self._total, self._block, casting="same_kind")
        self._added = 0


def _rounded(x: Array, bits: int, scratch: Array | None = None) -> Array:
    """A float32 array, rounded in place to so many bits of precision, to even where two values are as near (Dekker)."""
    scaled = np.multiply(x, np.float32((1 << (FLOAT32.digits - bits)) + 1), out=scratch)
    np.subtract(scaled, x, out=x)
    return np.subtract(scaled, x, out=x)
