"""The values that decide what is kept of an answer, on a scale where rounding moves all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import BestClass, Detections, Mask, Result

Array = NDArray[Any]

# Beyond these, no threshold lies, and what a runtime's sigmoid loses there says nothing of those between: 2**-24, its
# last bit, moves the log odds by 2**-10 at the least of these, and by more than FP16 does below.
_LEAST, _MOST = 2.0**-14, 0.99


def decisive_values(result: Result, outputs: Sequence[Array]) -> Array:
    """Of an answer to one image: the log odds of its boxes' confidences or its map's pixels, or its classes' scores."""
    match result:
        case Detections():
            return log_odds(result.decoder.confidences(outputs))
        case Mask():
            return log_odds(outputs[result.output])
        case BestClass():
            return np.asarray(outputs[result.output], np.float64)


def log_odds(probability: Array | float) -> Array:
    """log(p / (1 - p)): what a network computes before its sigmoid.

    Rounding moves it by about as much wherever it lies: in a trained yolov5n, by 0.003 to 0.015 in FP16, whatever
    the confidence. The probability itself moves a thousand times less at 1e-4 than at 0.5.
    """
    p = np.clip(np.asarray(probability, np.float64), _LEAST, _MOST)
    return np.log(p / (1 - p))


def decisive_noise(result: Result, actual: Sequence[Array], expected: Sequence[Array]) -> float:
    """The largest change of a value that decides."""
    moved = np.abs(decisive_values(result, actual) - decisive_values(result, expected))
    return float(moved.max(initial=0.0))
