"""Regions of text over many images: kept, lost and new, and the F-score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..network.result import LEAST_SIDE, UNCLIP, Boxes, Mask
from ..precisions import REFERENCE
from ..verify.masks import SAME, best_overlaps
from ..verify.proof import Loss
from ..verify.regions import Points, area, boxes_of
from .marks import Mark, Marks
from .rows import Rows
from .tally import Counted, drift

Array = NDArray[Any]


@dataclass(frozen=True)
class RegionFinder:
    """Finds the boxes of a map's regions, enlarged as users do it: four corners (px), x before y."""

    result: Mask
    what: str = "regions"
    width: int = 8

    @property
    def threshold(self) -> float:
        return self.result.threshold

    def finds(self, outputs: Sequence[Array]) -> Array:
        mask = outputs[self.result.output][0, 0] > self.result.threshold
        return np.array([enlarged(box).ravel() for box in boxes_of(mask, LEAST_SIDE)]).reshape(-1, self.width)

    def marks(self, wanted: Array, got: Array, names: Mapping[int, str]) -> Marks:
        before, now = _regions(wanted), _regions(got)
        lost, new = best_overlaps(before, now), best_overlaps(now, before)
        return Marks(
            tuple(Mark(box, "", overlap < SAME) for box, overlap in zip(before, lost, strict=True)),
            tuple(Mark(box, "", overlap < SAME) for box, overlap in zip(now, new, strict=True)),
        )

    def tally(self, network: Network, *, labelled: bool) -> RegionTally:
        return RegionTally()


def enlarged(box: Points) -> Points:
    """A rectangle (4×2, px) whose sides all went outward by its area × 1.5 / circumference.

    That is the smallest rectangle around what pyclipper makes of it with round corners.
    """
    along, across = box[1] - box[0], box[2] - box[1]
    sides = float(np.hypot(*along)), float(np.hypot(*across))
    by = area(box) * UNCLIP / (2 * sum(sides))
    u, v = along / sides[0] * by, across / sides[1] * by
    return box + np.array((-u - v, u - v, u + v, v - u))


def _regions(rows: Array) -> list[Points]:
    """The regions that rows of a finder tell."""
    return [*rows.astype(np.float64).reshape(-1, 4, 2)]


@dataclass
class RegionTally:
    """Counts regions. One is kept where another covers it by half, as benchmarks of text detection ask for."""

    _overlaps: Rows = field(default_factory=lambda: Rows(1))
    _found: int = 0
    _new: int = 0

    def add(self, wanted: Array, got: Array, labels: Boxes | None) -> None:
        before, now = _regions(wanted), _regions(got)
        self._overlaps.add(np.array(best_overlaps(before, now)).reshape(-1, 1))
        self._found += len(now)
        self._new += sum(overlap < SAME for overlap in best_overlaps(now, before))

    def counted(self) -> Counted:
        overlaps = self._overlaps.all[:, 0]
        expected, kept = len(overlaps), int((overlaps >= SAME).sum())
        right = self._found - self._new
        both = expected + self._found
        # Twice precision × recall by their sum, where each of what is right stands for one of what is wanted.
        score = (kept + right) / both if both else 1.0
        loss = Loss("F-score", 1.0, score, f"{REFERENCE.label}'s own regions")
        return Counted(expected, kept, self._new, loss, drift(overlaps[overlaps >= SAME], least=True))
