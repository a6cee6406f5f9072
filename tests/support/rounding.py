"""What rounding may do to an answer: bounds for tests, from the networks and the formats themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpint.core.network.network import Network
from halfpint.core.precisions.dtype import FLOAT32, FLOAT64, DType
from halfpint.core.readings.reference import Reference
from halfpint.core.verify.compare import PASS_FACTOR
from halfpint.core.verify.report import LEAST_NOISE
from support.checkpoints import nrmse

Array = NDArray[Any]

_FP64 = 2.0 ** (24 - 53)  # what float64 makes, of what float32 does


def limits(network: Network, image: Array, dtype: DType = FLOAT32) -> list[float]:
    """By output: the NRMSE within which an answer to an image is off by rounding alone, as in verification."""
    exact, rounded = (Reference(each).run(network, image) for each in (FLOAT64, dtype))
    return [PASS_FACTOR * max(nrmse(y, x), LEAST_NOISE) for y, x in zip(rounded, exact, strict=True)]


def limits64(network: Network, image: Array) -> list[float]:
    """The same for float64: two answers differ, and each is rounded."""
    return [2 * _FP64 * limit for limit in limits(network, image)]


def fp16_limit(wanted: Array, roundings: int) -> float:
    """The NRMSE within which an answer is off that FP16 rounds so many times, by up to 2**-11 of the largest value."""
    return float(roundings * 2.0**-11 * np.abs(wanted).max() / np.std(wanted, dtype=np.float64))
