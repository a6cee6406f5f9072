"""The types of numbers that networks are computed with, as values: their size, their range, their digits."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class DType:
    """A type of numbers: its name in numpy, the bytes of an element, and the largest finite magnitude it holds.

    `digits`: the bits of its precision, the leading one counted.
    """

    name: str
    itemsize: int
    largest: float
    digits: int

    @property
    def infinite(self) -> float:
        """The magnitude from which on rounding gives infinity: half a last digit beyond the largest."""
        return self.largest + math.ldexp(0.5, math.frexp(self.largest)[1] - self.digits)

    @property
    def narrow(self) -> float:
        """The magnitude beyond which less than a factor of two is left, in whole powers of two: 16,384 of float16."""
        return math.ldexp(1.0, math.frexp(self.largest)[1] - 2)

    def __str__(self) -> str:
        return self.name


# Whole numbers, each with a step of its own: what they hold is as large as the step makes it.
INT8_NUMBERS = DType("int8", 1, 127.0, 7)
# IEEE 754 binary64, binary32 and binary16.
FLOAT64 = DType("float64", 8, math.ldexp(1 - 2.0**-53, 1024), 53)
FLOAT32 = DType("float32", 4, math.ldexp(1 - 2.0**-24, 128), 24)
FLOAT16 = DType("float16", 2, 65_504.0, 11)
