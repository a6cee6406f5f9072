"""How often a tensor has which values, counted image by image in bins that widen as the values do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_MOST = 4096  # bins; a percentile or an error is as exact as one of them is wide


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of values. Bin `i` holds values from `(first + i) · width` up; `width` is a power of two.

    `low`, `high`: the least and the largest value, exactly.
    """

    width: float
    first: int
    counts: NDArray[np.int64]
    low: float
    high: float

    @property
    def centres(self) -> Array:
        """The middle of each bin."""
        return (self.first + np.arange(len(self.counts)) + 0.5) * self.width

    def percentile(self, share: float) -> float:
        """The value that a share (0 to 1) of all values does not exceed, to a bin."""
        total = self.counts.cumsum()
        index = int(np.searchsorted(total, share * total[-1]))
        edge = (self.first + min(index, len(total) - 1) + 1) * self.width
        return float(np.clip(edge, self.low, self.high))


def histogram_of(values: Array) -> Histogram:
    """The histogram of one tensor's values. Raises `ValueError` for values that are not finite."""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("values that are NaN or infinite")
    spread = max(high - low, max(abs(low), abs(high)) * 2.0**-10, 2.0**-100)
    width = 2.0 ** math.ceil(math.log2(spread / (_MOST - 2)))
    first = math.floor(low / width)
    places = np.floor(values.ravel() / width).astype(np.int64) - first
    return Histogram(width, first, np.bincount(places).astype(np.int64), low, high)


def together(a: Histogram, b: Histogram) -> Histogram:
    """Both histograms in one, of as wide bins as it takes."""
    low, high, width = min(a.low, b.low), max(a.high, b.high), max(a.width, b.width)
    while math.floor(high / width) - math.floor(low / width) >= _MOST:
        width *= 2
    first = math.floor(low / width)
    counts = np.zeros(math.floor(high / width) - first + 1, np.int64)
    for each in (a, b):
        step = round(width / each.width)
        places = (each.first + np.arange(len(each.counts))) // step - first
        np.add.at(counts, places, each.counts)
    return Histogram(width, first, counts, low, high)
