"""What a difference between two maps of probabilities means: pixels of the mask that flip, boxes that move or go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import LEAST_SIDE
from .compare import PASS_FACTOR, WARN_FACTOR
from .decisive import log_odds
from .evidence import Verdict
from .regions import Points, boxes_of, iou
from .report import LEAST_NOISE, MaskChange

Array = NDArray[Any]

# A box that covers half of another's is taken for the same: what benchmarks of text detection ask for (ICDAR).
SAME = 0.5
# What nobody would notice: fewer pixels that flip, and boxes that differ less.
_MOST_FLIPPED, _LEAST_IOU = 0.01, 0.9


def mask_change(
    actual: Array, expected: Array, threshold: float, noise: float | None, shape: tuple[int, ...], seed: int
) -> MaskChange:
    """What becomes of a map's mask (1×1×H×W), its pixels above the threshold.

    `noise`: how far rounding moves the log odds of a pixel; None where that is not known, and nothing is judged.
    """
    now, before = actual[0, 0] > threshold, expected[0, 0] > threshold
    changed = _changed(now, before)
    verdict = None
    if noise is not None:
        margin = np.abs(log_odds(expected[0, 0]) - log_odds(threshold)) / max(noise, LEAST_NOISE)
        verdict = Verdict.PASS if not changed.noticed else _judged(now, before, margin)
    return MaskChange(
        threshold=threshold,
        shape=shape,
        seed=seed,
        flipped=changed.flipped,
        expected=len(changed.overlaps),
        kept=sum(overlap >= SAME for overlap in changed.overlaps),
        new=changed.new,
        least_iou=min(changed.overlaps, default=1.0),
        verdict=verdict,
    )


@dataclass(frozen=True)
class _Changed:
    """What changed between two masks.

    `flipped`: the share of the pixels. `overlaps`: of each box from before, how much of it is left, as IoU. `new`: how
    many boxes there are besides.
    """

    flipped: float
    overlaps: Sequence[float]
    new: int

    @property
    def noticed(self) -> bool:
        """Whether somebody might notice."""
        return self.flipped > _MOST_FLIPPED or min(self.overlaps, default=1.0) < _LEAST_IOU or self.new > 0


def _changed(now: Array, before: Array) -> _Changed:
    wanted, got = boxes_of(before, LEAST_SIDE), boxes_of(now, LEAST_SIDE)
    new = sum(overlap < SAME for overlap in best_overlaps(got, wanted))
    return _Changed(float(np.mean(now != before)), best_overlaps(wanted, got), new)


def _judged(now: Array, before: Array, margin: Array) -> Verdict:
    """PASS where rounding explains what changed, WARN where ten times as much would, else FAIL.

    `margin`: how far each pixel (H×W) was from the threshold, in units of the rounding noise.

    Rounding explains the pixels that flip near the threshold, and with them whatever becomes of the boxes around them:
    they may move, come and go, merge and part. So the mask is held against one that rounding may make of it: where
    the other pixels had not flipped, would anybody notice?
    """
    for factor, verdict in ((PASS_FACTOR, Verdict.PASS), (WARN_FACTOR, Verdict.WARN)):
        beyond = (now != before) & (margin > factor)
        if not _changed(now, now ^ beyond).noticed:
            return verdict
    return Verdict.FAIL


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
