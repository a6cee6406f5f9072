"""What a difference between two maps of probabilities means: pixels of the mask that flip, boxes that move or go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..units import figure
from .regions import Points, boxes_of, iou
from .report import Check, MaskChange, Verdict

Array = NDArray[Any]

# Smaller boxes are no line of text, and one row of pixels more or less is much of them.
LEAST_SIDE = 8.0  # px
# Rounding to FP16 flips 0.1 to 0.2 % of a trained detector's mask, and moves a box by a pixel at most.
MOST_FLIPPED, LEAST_IOU = 0.01, 0.9


def mask_changes(
    network: Network, actual: Sequence[Array], expected: Sequence[Array], shape: tuple[int, ...], seed: int
) -> tuple[MaskChange, ...]:
    """What becomes of the mask of each map, for one image."""
    return tuple(
        mask_change(
            component.name, actual[component.output], expected[component.output], component.threshold, shape, seed
        )
        for component in network.components
        if component.threshold is not None
    )


def mask_change(
    name: str, actual: Array, expected: Array, threshold: float, shape: tuple[int, ...], seed: int
) -> MaskChange:
    """What becomes of a map's mask (1×1×H×W), its pixels above the threshold."""
    now, before = actual[0, 0] > threshold, expected[0, 0] > threshold
    overlaps = best_overlaps(boxes_of(before, LEAST_SIDE), boxes_of(now, LEAST_SIDE))
    return MaskChange(
        component=name,
        threshold=threshold,
        shape=shape,
        seed=seed,
        flipped=float(np.mean(now != before)),
        boxes=len(overlaps),
        least_iou=min(overlaps, default=1.0),
    )


def best_overlaps(before: Sequence[Points], now: Sequence[Points]) -> list[float]:
    """For each box from before: its largest intersection over union with any box of now; 0 if it is lost."""
    if not len(before) or not len(now):
        return [0.0] * len(before)
    lows, highs = np.array([box.min(axis=0) for box in now]), np.array([box.max(axis=0) for box in now])
    overlaps: list[float] = []
    for box in before:
        near = np.flatnonzero(np.all((lows < box.max(axis=0)) & (highs > box.min(axis=0)), axis=1))
        overlaps.append(max((iou(box, now[i]) for i in near.tolist()), default=0.0))
    return overlaps


def check_masks(changes: Sequence[MaskChange]) -> Check:
    """WARN where many pixels flip or a box goes: the file may be right, and its precision is the wrong choice."""
    flipped, least = max(change.flipped for change in changes), min(change.least_iou for change in changes)
    boxes = sum(change.boxes for change in changes)
    message = f"{figure(100 * flipped)} % of the mask's pixels flip at {changes[0].threshold:g}"
    if boxes:
        message += f"; the {boxes} boxes of its regions stay within an IoU of {least:.3f}"
    fine = flipped <= MOST_FLIPPED and least >= LEAST_IOU
    return Check("mask", Verdict.PASS if fine else Verdict.WARN, message)
