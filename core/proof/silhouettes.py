"""The masks of a detector's things: which pixels of the prototypes belong to each, packed into bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Detections, Layout
from ..verify.detections import Found, paired
from ..verify.proof import Drift
from .detections import above, found_in
from .rows import Rows
from .tally import drift

Array = NDArray[Any]


@dataclass(frozen=True)
class MaskFinder:
    """Finds the mask of each detection above the threshold, within its box: where the prototypes, mixed by the box's
    weights, are above 0, which is a probability of 0.5.
    """

    result: Detections
    layout: Layout

    def masks(self, outputs: Sequence[Array], rows: Array, size: tuple[int, int]) -> Array:
        """All bits one after the other, packed (uint8). `rows`: the detections as they are kept; `size`: px."""
        every, prototypes = above(found_in(rows), self.result.threshold), outputs[1][0]
        weights = self.layout.rows(outputs[0])[every.which, -self.layout.masks :]
        bits = [np.zeros(0, bool)]
        for (left, top, right, bottom), mix in zip(_frames(every, prototypes.shape[1:], size), weights, strict=True):
            part = prototypes[:, top:bottom, left:right].astype(np.float64)
            bits.append((np.tensordot(mix.astype(np.float64), part, 1) > 0).ravel())
        return np.packbits(np.concatenate(bits))

    def tally(self, size: tuple[int, int], grid: tuple[int, int]) -> MaskTally:
        """Begin to compare. `size`: of the image; `grid`: of the prototypes, height and width."""
        return MaskTally(self.result, size, grid)


@dataclass
class MaskTally:
    """How far the masks of the detections that are kept overlap."""

    result: Detections
    size: tuple[int, int]
    grid: tuple[int, int]
    _overlaps: Rows = field(default_factory=lambda: Rows(1))

    def add(self, wanted: tuple[Array, Array], got: tuple[Array, Array]) -> None:
        """One image: the rows and the masks of the reference, and those of the artifact."""
        before, now = (above(found_in(rows), self.result.threshold) for rows, _ in (wanted, got))
        pairs = paired(before, now, self.result.iou)
        old, new = (list(self._unpacked(*each)) for each in ((before, wanted[1]), (now, got[1])))
        kept = np.flatnonzero(pairs.kept).tolist()
        found = [iou(old[one], new[other]) for one, other in zip(kept, pairs.partner.tolist(), strict=True)]
        self._overlaps.add(np.array(found).reshape(-1, 1))

    def drift(self) -> Drift | None:
        return drift(self._overlaps.all[:, 0], least=True)

    def _unpacked(self, every: Found, packed: Array) -> Iterator[Array]:
        """The masks, each on the whole grid."""
        bits, place = np.unpackbits(packed).astype(bool), 0
        for left, top, right, bottom in _frames(every, self.grid, self.size):
            mask = np.zeros(self.grid, bool)
            area = (bottom - top) * (right - left)
            mask[top:bottom, left:right] = bits[place : place + area].reshape(bottom - top, right - left)
            place += area
            yield mask


def iou(one: Array, other: Array) -> float:
    """Of two masks, the intersection over union; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def _frames(every: Found, grid: Sequence[int], size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The cells of a grid that boxes touch: left, top, and right and bottom behind the last."""
    (rows, columns), (height, width) = grid, size
    ends = every.boxes.corners * np.array((columns / width, rows / height) * 2)
    ends = np.concatenate((np.floor(ends[:, :2]), np.ceil(ends[:, 2:])), axis=1)
    limits = np.array((columns, rows, columns, rows))
    return [tuple(frame) for frame in np.clip(ends, 0, limits).astype(int).tolist()]
