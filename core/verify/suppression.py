"""Does a file that suppresses boxes itself keep those that non-maximum suppression outside of it keeps?

Both decide by the file's own answer before suppression. Where a confidence or an overlap is so near its threshold, or
two confidences so near each other, that float32 decides, either way is right, and all else follows from what the file
decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Boxes, Decoder, Layout
from ..network.suppression import COLUMNS, Suppression
from .detections import overlaps, survivors

Array = NDArray[Any]

# A file computes a confidence and a corner in two roundings of float32, and its thresholds are rounded to it.
_CLOSE = 2.0**-22


@dataclass(frozen=True)
class Suppressed:
    """What a file keeps of one image's boxes.

    `found`: its detections. `candidates`: the boxes above the threshold. `ties`: boxes that it keeps, or does not,
    otherwise than float64 would, as float32 decides. `wrong`: what is wrong about it; empty if nothing is. `check`:
    which one this is of.
    """

    found: int
    candidates: int
    ties: int
    wrong: str = ""
    check: str = "nms"


def suppressed(
    decoder: Decoder, layout: Layout, nms: Suppression, raw: Sequence[Array], rows: Array, count: int
) -> Suppressed:
    """Hold what a file keeps of one image against its own answer before suppression.

    `raw`: that answer, every output with a batch of one. `rows`: max_det×(6 + further), with `count` detections.
    """
    confidences = decoder.confidences(raw)
    which = np.flatnonzero(confidences > nms.confidence * (1 - _CLOSE))
    told, confidences = decoder.boxes(raw, which), confidences[which]
    boxes = Boxes(told.corners, np.zeros_like(told.classes)) if nms.agnostic else told
    above = np.flatnonzero(confidences > nms.confidence)
    expected = above[survivors(_some(boxes, above), confidences[above], nms.iou, nms.max_det)]
    known = len(above)
    if not 0 <= count <= nms.max_det:
        return Suppressed(0, known, 0, f"it counts {count} detections, and may give {nms.max_det}")
    if rows[count:].any():
        return Suppressed(count, known, 0, f"it counts {count} detections, and gives more")
    if (np.diff(rows[:count, 4]) > 0).any():
        return Suppressed(count, known, 0, "the most confident detection does not come first")
    every = layout.rows(raw[0])[which]
    further = every[:, every.shape[1] - layout.further :].astype(np.float64)
    kept, stray = _matched(rows[:count], told, confidences, further, np.isin(np.arange(len(which)), expected))
    if stray is not None:
        return Suppressed(count, known, 0, f"detection {stray} is none of the boxes above the threshold")
    ties = len(set(kept.tolist()) ^ set(expected.tolist()))
    return Suppressed(count, known, ties, _wrong(boxes, confidences, kept, nms))


def _some(boxes: Boxes, which: Array) -> Boxes:
    return Boxes(boxes.corners[which], boxes.classes[which])


def _matched(rows: Array, boxes: Boxes, confidences: Array, further: Array, likely: Array) -> tuple[Array, int | None]:
    """The box that each row tells, by its place among the candidates; and the first row that tells none.

    `further`: what else is told of each box. `likely`: those that are looked at first, where several boxes are the same
    to the digits of a row.
    """
    close = max(_CLOSE, float(np.finfo(rows.dtype).eps))
    free = np.ones(len(confidences), bool)
    kept: list[int] = []
    for number, row in enumerate(rows.astype(np.float64)):
        reach = close * np.maximum(np.abs(boxes.corners).max(1, initial=0.0), 1.0)
        same = free & (np.abs(boxes.corners - row[:4]).max(1, initial=0.0) <= reach)
        same &= (np.abs(confidences - row[4]) <= close * confidences) & (boxes.classes == row[5])
        same &= (np.abs(further - row[COLUMNS:]) <= close * np.maximum(np.abs(further), 1.0)).all(1)
        found = np.flatnonzero(same & likely) if (same & likely).any() else np.flatnonzero(same)
        if not len(found):
            return np.array(kept, np.int64), number
        free[found[0]] = False
        kept.append(int(found[0]))
    return np.array(kept, np.int64), None


def _wrong(boxes: Boxes, confidences: Array, kept: Array, nms: Suppression) -> str:
    """What is wrong with keeping these of the candidates.

    A box stays if and only if no box that stays and is more confident overlaps it: there is one set of which that is
    true, and no order to follow.
    """
    every = np.arange(len(confidences))
    surely, maybe = np.zeros(len(every), bool), np.zeros(len(every), bool)
    for one in kept:
        overlap = overlaps(boxes, np.array([one]), boxes, every)[0]
        reach = _reach(boxes.corners[one], boxes.corners, overlap)
        better = confidences[one] > confidences * (1 + _CLOSE)
        maybe_better = (confidences[one] >= confidences * (1 - _CLOSE)) & (every != one)
        surely |= better & (overlap > nms.iou * (1 + _CLOSE) + reach)
        maybe |= maybe_better & (overlap > nms.iou * (1 - _CLOSE) - reach)
    stays = np.isin(every, kept)
    if (stays & surely).any():
        return f"{int((stays & surely).sum())} of its detections overlap a more confident one of the same class"
    least = confidences[kept].min(initial=np.inf) if len(kept) == nms.max_det else 0.0
    sure = confidences > nms.confidence * (1 + _CLOSE)
    lost = ~stays & sure & ~maybe & (confidences > least * (1 + _CLOSE))
    return f"{int(lost.sum())} boxes that nothing suppresses are lost" if lost.any() else ""


def _reach(corners: Array, others: Array, overlap: Array) -> Array:
    """How far float32 may move the overlaps of a box with others.

    A side's place is off by a rounding of the largest coordinate; a product of two lengths, in their parts, by the sum
    of theirs. No side of the three areas in an overlap is shorter than the common one.
    """
    off = _CLOSE * np.maximum(np.abs(corners).max(), np.abs(others).max(1, initial=0.0))
    common = np.minimum(corners[2:], others[:, 2:]) - np.maximum(corners[:2], others[:, :2])
    return overlap * 4 * (off[:, None] / np.maximum(common, np.finfo(np.float64).tiny)).sum(1)
