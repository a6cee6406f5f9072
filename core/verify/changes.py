"""What becomes of what a person keeps of the answers, whatever kind of network gave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..network.result import BestClass, Detections, Mask, Result
from .best_class import class_change
from .detections import detection_change
from .masks import mask_change
from .report import Change

Array = NDArray[Any]


def change(
    result: Result,
    actual: Sequence[Array],
    expected: Sequence[Array],
    noise: float | None,
    shape: tuple[int, ...],
    seed: int,
) -> Change:
    """What becomes of one image's result. `noise`: how far rounding moves the values that decide it."""
    match result:
        case Detections():
            return detection_change(result, actual, expected, noise, shape, seed)
        case Mask():
            now, before = actual[result.output], expected[result.output]
            return mask_change(now, before, result.threshold, noise, shape, seed)
        case BestClass():
            return class_change(result, actual, expected, noise, shape, seed)
