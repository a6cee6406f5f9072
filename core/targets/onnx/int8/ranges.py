"""The range of values that a tensor's 8 bits cover: several ways to choose it from a histogram."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .histogram import Histogram
from .scheme import Scheme

Array = NDArray[Any]
Method: TypeAlias = str  # the name of a way to choose ranges

_ROUNDS, _CUTS = 2, 32  # of the search for the least error: each side in turn, in so many steps


@dataclass(frozen=True)
class Range:
    """From the least to the largest value that 8 bits are to hold; 0 is always among them."""

    low: float
    high: float

    def grid(self, scheme: Scheme) -> tuple[float, int]:
        """The step (float32) and the number that stands for 0."""
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        if scheme.symmetric:
            return _step(max(-low, high) / scheme.highest), 0
        step = _step((high - low) / (scheme.highest - scheme.lowest))
        return step, int(np.clip(round(scheme.lowest - low / step), scheme.lowest, scheme.highest))

    def rounded(self, values: Array, scheme: Scheme) -> Array:
        """What 8 bits make of values."""
        step, zero = self.grid(scheme)
        return (np.clip(np.rint(values / step) + zero, scheme.lowest, scheme.highest) - zero) * step


def candidates(found: Histogram, scheme: Scheme, activation: str = "") -> Mapping[Method, Range]:
    """A tensor's range by each method. `activation`: what is computed of the tensor next, for the error's sake."""
    ways: dict[Method, Range] = {"min-max": Range(found.low, found.high)}
    for share in (0.99999, 0.9999):
        low, high = found.percentile(1 - share), found.percentile(share)
        ways[f"percentile {100 * share:g}"] = Range(min(low, 0.0), max(high, 0.0))
    ways["least error"] = least_error(found, scheme, activation)
    return ways


METHODS: tuple[Method, ...] = ("min-max", "percentile 99.999", "percentile 99.99", "least error")


def least_error(found: Histogram, scheme: Scheme, activation: str = "") -> Range:
    """The range with the least mean square error of what the next activation makes of the values."""
    present = found.counts > 0
    centres, counts = found.centres[present], found.counts[present]
    after = _AFTER.get(activation, _same)
    exact = after(centres)

    def error(low: float, high: float) -> float:
        difference = after(Range(low, high).rounded(centres, scheme)) - exact
        return float((counts * difference * difference).sum())

    low, high = min(found.low, 0.0), max(found.high, 0.0)
    shares = np.linspace(1 / _CUTS, 1, _CUTS)
    for _ in range(_ROUNDS):
        if high > 0:
            high = min((error(low, share * found.high), share * found.high) for share in shares)[1]
        if low < 0:
            low = min((error(share * found.low, high), share * found.low) for share in shares)[1]
    return Range(float(low), float(high))


def _step(step: float) -> float:
    """As float32 holds it; of a tensor that is always 0, any will do."""
    return float(np.float32(step)) or 1.0


def _same(values: Array) -> Array:
    return values


def _silu(values: Array) -> Array:
    return values / (1 + np.exp(-values))


_AFTER: Mapping[str, Callable[[Array], Array]] = {"silu": _silu}
