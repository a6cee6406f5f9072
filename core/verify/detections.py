"""Detections, as people take them from a detector's answer, and what becomes of them in a file's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Boxes, Detections
from ..units import figure
from .compare import by_noise
from .decisive import log_odds
from .report import Check, DetectionChange, Verdict, worst

Array = NDArray[Any]

# Training teaches a detector that nearly all of its boxes hold nothing. In an image where more of them than this are
# above the threshold, what it finds means nothing.
_CROWD = 0.1
# The place to name the flag that takes a person's own images, once there is one.
_MORE_PROOF = "images of your own would prove more"


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
    if above > _CROWD * len(before):
        verdict = None if noise is None else Verdict.PASS
        return DetectionChange(result.threshold, shape, seed, len(before), above, 0, 0, 0, 0.0, 0.0, verdict)
    wanted, got = found(result, expected, before), found(result, actual, now)
    common = overlaps(wanted.boxes, np.arange(len(wanted.which)), got.boxes, np.arange(len(got.which)))
    same = common > result.iou
    kept, new = same.any(1), ~same.any(0)
    # The box at the same place of the answer, if it was not taken for another one; else the nearest.
    likeness = np.where(same, common + 2 * (wanted.which[:, None] == got.which), 0)[kept]
    partner = likeness.argmax(1) if kept.any() else []
    changed = np.concatenate((wanted.which[~kept], got.which[new]))
    crossed = changed[(before[changed] > result.threshold) != (now[changed] > result.threshold)]
    margin = np.abs(log_odds(before[crossed]) - log_odds(result.threshold)).max(initial=0.0)
    return DetectionChange(
        threshold=result.threshold,
        shape=shape,
        seed=seed,
        boxes=len(before),
        above=above,
        expected=len(wanted.which),
        kept=int(kept.sum()),
        new=int(new.sum()),
        shift=_largest(got.boxes.corners[partner] - wanted.boxes.corners[kept]),
        confidence=_largest(got.confidences[partner] - wanted.confidences[kept]),
        verdict=None if noise is None else by_noise(float(margin), noise),
    )


def _largest(moved: Array) -> float:
    return float(np.abs(moved).max(initial=0.0))


def check_detections(changes: Sequence[DetectionChange]) -> Check:
    """What a person keeps of a detector's answers to the test images."""
    verdict = worst(change.verdict for change in changes)
    calm = [change for change in changes if change.above <= _CROWD * change.boxes]
    expected, kept, new = (sum(getattr(change, name) for change in calm) for name in ("expected", "kept", "new"))
    if verdict is not Verdict.PASS:
        told = f"{_counted(calm)}: more than rounding explains"
    elif not calm:
        share = max(change.above / change.boxes for change in changes)
        crowd = f"{figure(100 * share)} % of its boxes are above a confidence of {changes[0].threshold:g}"
        told = f"{crowd}, as in an untrained network, so what it finds means nothing"
    elif not expected and not new:
        told = f"finds nothing {_on(calm)}; {_MORE_PROOF}"
    elif (kept == expected and not new) or changes[0].verdict is None:
        told = _counted(calm)
    elif kept < expected / 2:
        told = f"{_counted(calm)}: rounding alone changes most of what it finds, as in an untrained network"
    else:
        told = f"{_counted(calm)}: no more than rounding explains"
    return Check("detections", verdict, told)


def _counted(changes: Sequence[DetectionChange]) -> str:
    expected, kept, new = (sum(getattr(change, name) for change in changes) for name in ("expected", "kept", "new"))
    if kept == expected and not new:
        what = f"all {kept} detections {_on(changes)} are kept, none is new"
        what = what if kept > 1 else f"the one detection {_on(changes)} is kept, none is new"
    else:
        what = f"{kept} of {expected} detections {_on(changes)} are kept, {expected - kept} lost, {new} new"
    shift, confidence = max(change.shift for change in changes), max(change.confidence for change in changes)
    return f"{what}; they move by {figure(shift)} px and {figure(confidence)} of confidence at most" if kept else what


def _on(changes: Sequence[DetectionChange]) -> str:
    return f"on {len(changes)} test images" if len(changes) > 1 else "on the test image"
