"""Detections, as people take them from a detector's answer, and what becomes of them in a file's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Boxes, Detections
from .compare import by_noise
from .decisive import log_odds
from .evidence import Verdict
from .report import DetectionChange

Array = NDArray[Any]

# Training teaches a detector that nearly all of its boxes hold nothing. In an image where more of them than this are
# above the threshold, what it finds means nothing.
CROWD = 0.1


@dataclass(frozen=True, eq=False)
class Found:
    """The detections in an answer, the most confident first. `which`: their indices among all boxes."""

    which: Array
    boxes: Boxes
    confidences: Array


def found(result: Detections, outputs: Sequence[Array], confidences: Array) -> Found:
    """The detections in an answer."""
    which = np.flatnonzero(confidences > result.threshold)
    boxes = result.decoder.boxes(outputs, which)
    kept = survivors(boxes, confidences[which], result.iou, result.most)
    return Found(which[kept], Boxes(boxes.corners[kept], boxes.classes[kept]), confidences[which[kept]])


def survivors(boxes: Boxes, confidences: Array, iou: float, most: int) -> Array:
    """Non-maximum suppression, class by class: the indices of the boxes that stay, the most confident first."""
    waiting = np.argsort(-confidences, kind="stable")
    kept: list[int] = []
    while len(waiting) and len(kept) < most:
        best, waiting = waiting[:1], waiting[1:]
        kept.append(int(best[0]))
        waiting = waiting[overlaps(boxes, best, boxes, waiting)[0] <= iou]
    return np.array(kept, dtype=np.int64)


def overlaps(a: Boxes, rows: Array, b: Boxes, columns: Array) -> Array:
    """The intersection over union of some boxes with some others; 0 for boxes of different classes."""
    x, y = a.corners[rows][:, None], b.corners[columns][None]
    sides = np.minimum(x[..., 2:], y[..., 2:]) - np.maximum(x[..., :2], y[..., :2])
    common = np.maximum(sides, 0).prod(-1)
    union = (x[..., 2:] - x[..., :2]).prod(-1) + (y[..., 2:] - y[..., :2]).prod(-1) - common
    same = a.classes[rows][:, None] == b.classes[columns][None]
    return np.where(same & (union > 0), common / np.where(union > 0, union, 1), 0.0)


def alike(a: Boxes, b: Boxes) -> Array:
    """As `overlaps`, of all boxes with all others. A box without an area, which untrained networks find too, is like
    one that is equal to it.
    """
    common = overlaps(a, np.arange(len(a.classes)), b, np.arange(len(b.classes)))
    equal = (a.corners[:, None] == b.corners[None]).all(-1) & (a.classes[:, None] == b.classes[None])
    return np.where(equal, 1.0, common)


@dataclass(frozen=True, eq=False)
class Paired:
    """What became of detections. `kept`: of each expected one, whether it is still there; `new`: of each found one,
    whether it was not there. Of those kept, in their order, `partner`: which one it is now, and `iou`: of the two.
    """

    kept: Array
    new: Array
    partner: Array
    iou: Array


def paired(wanted: Found, got: Found, iou: float) -> Paired:
    """Which detections stand for which: of one class, and overlapping so much that the two would be taken for one."""
    common = alike(wanted.boxes, got.boxes)
    same: Array = common > iou
    kept: Array = np.any(same, axis=1)
    new: Array = ~np.any(same, axis=0)
    # The box at the same place of the answer, if it was not taken for another one; else the nearest.
    likeness = np.where(same, common + 2 * (wanted.which[:, None] == got.which), 0)[kept]
    partner = likeness.argmax(1) if kept.any() else np.zeros(0, np.int64)
    return Paired(kept, new, partner, common[kept][np.arange(len(partner)), partner])


def detection_change(
    result: Detections,
    actual: Sequence[Array],
    expected: Sequence[Array],
    noise: float | None,
    shape: tuple[int, ...],
    seed: int,
) -> DetectionChange:
    """What becomes of the detections in one image.

    `noise`: how far rounding moves the log odds of confidences; None where that is not known, and nothing is judged.

    A detection is kept where another of its class overlaps it so much that the two would be taken for one. Of those
    that are lost or new, the confidences tell whether rounding explains it: how far from the threshold should they
    have been? (Where a box hides another one, or no longer does, that follows from where boxes are, which is judged
    as accuracy.)
    """
    before, now = (result.decoder.confidences(outputs) for outputs in (expected, actual))
    above = int((before > result.threshold).sum())
    if above > CROWD * len(before):
        verdict = None if noise is None else Verdict.PASS
        return DetectionChange(result.threshold, shape, seed, len(before), above, 0, 0, 0, 0.0, 0.0, verdict)
    wanted, got = found(result, expected, before), found(result, actual, now)
    pairs = paired(wanted, got, result.iou)
    changed = np.concatenate((wanted.which[~pairs.kept], got.which[pairs.new]))
    crossed = changed[(before[changed] > result.threshold) != (now[changed] > result.threshold)]
    margin = np.abs(log_odds(before[crossed]) - log_odds(result.threshold)).max(initial=0.0)
    return DetectionChange(
        threshold=result.threshold,
        shape=shape,
        seed=seed,
        boxes=len(before),
        above=above,
        expected=len(wanted.which),
        kept=int(pairs.kept.sum()),
        new=int(pairs.new.sum()),
        shift=_largest(got.boxes.corners[pairs.partner] - wanted.boxes.corners[pairs.kept]),
        confidence=_largest(got.confidences[pairs.partner] - wanted.confidences[pairs.kept]),
        verdict=None if noise is None else by_noise(float(margin), noise),
    )


def _largest(moved: Array) -> float:
    return float(np.abs(moved).max(initial=0.0))
