"""Weights are rounded to a type exactly as numpy, and with it a file's writer, rounds them."""

from __future__ import annotations

import numpy as np
import pytest

from halfpint.core.precisions.dtype import FLOAT16, FLOAT32, FLOAT64, DType
from halfpint.core.readings.rounding import Rounding

pytestmark = pytest.mark.numbers


@pytest.mark.parametrize("dtype", [FLOAT16, FLOAT32, FLOAT64], ids=str)
def test_every_finite_float32_of_some_digits(dtype: DType) -> None:
    """Of either sign and of every size: those that float16 holds, those halfway between two of them, and others."""
    ends = np.array([0x0000, 0x0001, 0x0FFF, 0x1000, 0x1001, 0x1FFF], np.uint32)  # of the 13 bits that float16 drops
    beginnings = np.arange(0, 2**32, 2**13, dtype=np.uint64).astype(np.uint32)
    values = (beginnings[:, None] | ends).view(np.float32)
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        stored = Rounding(dtype).stored(finite)
        wanted = finite.astype(dtype.name).astype(np.float32)
    np.testing.assert_array_equal(stored, wanted)


def test_numbers_below_the_normal_ones() -> None:
    """float16 keeps multiples of 2**-24 there, and halves between two go to the even one."""
    count = np.arange(0, 1025, 0.25, dtype=np.float32)
    stored = Rounding(FLOAT16).stored(np.float32(2.0**-24) * count)
    np.testing.assert_array_equal(stored * np.float32(2.0**24), np.round(count))
