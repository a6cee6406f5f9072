"""What a difference between two maps of probabilities means: pixels of the mask that flip, boxes that move or go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..units import figure
from .compare import PASS_FACTOR, WARN_FACTOR
from .decisive import log_odds
from .regions import Points, area, boxes_of, intersection, iou
from .report import LEAST_NOISE, Check, MaskChange, Verdict, worst

Array = NDArray[Any]

# Smaller boxes are no line of text, and one row of pixels more or less is much of them.
_LEAST_SIDE = 8.0  # px
# A box that covers half of another's is taken for the same: what benchmarks of text detection ask for (ICDAR).
_SAME = 0.5
# What nobody would notice: fewer pixels that flip, and boxes that differ less.
_MOST_FLIPPED, _LEAST_IOU = 0.01, 0.9


def mask_change(
    actual: Array, expected: Array, threshold: float, noise: float | None, shape: tuple[int, ...], seed: int
) -> MaskChange:
    """What becomes of a map's mask (1×1×H×W), its pixels above the threshold.

    `noise`: how far rounding moves the log odds of a pixel; None where that is not known, and nothing is judged.
    """
    now, before = actual[0, 0] > threshold, expected[0, 0] > threshold
    wanted, got = boxes_of(before, _LEAST_SIDE), boxes_of(now, _LEAST_SIDE)
    overlaps, others = best_overlaps(wanted, got), best_overlaps(got, wanted)
    flipped = now != before
    moved = [(box, overlap) for box, overlap in zip(wanted, overlaps, strict=True) if overlap < _LEAST_IOU]
    new = [box for box, overlap in zip(got, others, strict=True) if overlap < _SAME]
    verdict = None if noise is None else Verdict.PASS
    if noise is not None and (np.mean(flipped) > _MOST_FLIPPED or moved or new):
        margin = log_odds(expected[0, 0]) - log_odds(threshold)
        verdict = _judged(Changed(flipped, moved, new), margin / max(noise, LEAST_NOISE))
    return MaskChange(
        threshold=threshold,
        shape=shape,
        seed=seed,
        flipped=float(np.mean(flipped)),
        expected=len(wanted),
        kept=sum(overlap >= _SAME for overlap in overlaps),
        new=len(new),
        least_iou=min(overlaps, default=1.0),
        verdict=verdict,
    )


@dataclass(frozen=True, eq=False)
class Changed:
    """What changed between two masks: pixels, boxes (and how much of each is left, as IoU), and boxes that are new."""

    pixels: Array
    moved: Sequence[tuple[Points, float]]
    new: Sequence[Points]


def _judged(changed: Changed, margin: Array) -> Verdict:
    """PASS where rounding explains the change, WARN where ten times as much would, else FAIL.

    `margin`: how far each pixel (H×W) is above the threshold, in units of the rounding noise.
    """
    if _explained(changed, sure=margin > PASS_FACTOR, possible=margin > -PASS_FACTOR):
        return Verdict.PASS
    explained = _explained(changed, sure=margin > WARN_FACTOR, possible=margin > -WARN_FACTOR)
    return Verdict.WARN if explained else Verdict.FAIL


def _explained(changed: Changed, sure: Array, possible: Array) -> bool:
    """Whether the change is one that rounding may make.

    It leaves the pixels in a mask that are `sure` to be in it, and adds none but those that are `possible`. So a box
    lies between its likes in those two masks, and differs from what it was by no more than those from each other.
    """
    if np.mean(changed.pixels & (sure | ~possible)) > _MOST_FLIPPED:
        return False
    inner, outer = boxes_of(sure, _LEAST_SIDE), boxes_of(possible, _LEAST_SIDE)
    for box, overlap in changed.moved:
        small, large = _nearest(box, inner), _nearest(box, outer)
        if small is not None and large is not None and overlap < iou(small, large):
            return False
    return all(any(intersection(box, large) >= _LEAST_IOU * area(box) for large in outer) for box in changed.new)


def _nearest(box: Points, others: Sequence[Points]) -> Points | None:
    """The box that covers this one best, if any touches it."""
    best = max(others, key=lambda other: iou(box, other), default=None)
    return best if best is not None and iou(box, best) > 0 else None


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
    """What a person keeps of the masks of the test images."""
    verdict = worst(change.verdict for change in changes)
    on = f"on {len(changes)} test images" if len(changes) > 1 else "on the test image"
    expected, kept, new = (sum(getattr(change, name) for change in changes) for name in ("expected", "kept", "new"))
    if not expected and not new:
        told = f"finds no region above {changes[0].threshold:g} {on}"
    elif kept == expected and not new:
        told = f"all {kept} regions {on} are kept, none is new"
    else:
        told = f"{kept} of {expected} regions {on} are kept, {expected - kept} lost, {new} new"
    flipped = f"{figure(100 * max(change.flipped for change in changes))} % of the mask's pixels flip at most"
    iou = f"the least IoU of a box is {min(change.least_iou for change in changes):.3f}, " if expected else ""
    told = f"{told}; {iou}{flipped}"
    if verdict is not Verdict.PASS:
        told += ": more than rounding explains"
    elif (kept < expected or new) and changes[0].verdict is not None:
        told += ": no more than rounding explains"
    return Check("mask", verdict, told)
