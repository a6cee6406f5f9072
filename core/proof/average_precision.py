"""Average precision of detections against the truth, as COCO defines it: mAP50-95, class by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Boxes
from ..verify.detections import Found, overlaps
from .rows import Rows

Array = NDArray[Any]

_IOUS = np.linspace(0.5, 0.95, 10)
_BITS = 1 << np.arange(len(_IOUS))
_RECALLS = np.linspace(0, 1, 101)


class AveragePrecision:
    """Gathers detections and the truth, image by image. Of each detection, what decides is kept, and no box."""

    def __init__(self) -> None:
        self._rows = Rows(3)  # confidence, class, and a bit for each IoU at which it is right
        self._truth = Counter[int]()

    def add(self, found: Found, truth: Boxes) -> None:
        """The detections in an image, the most confident first, and what is really there."""
        self._truth.update(truth.classes.tolist())
        self._rows.add(np.stack((found.confidences, found.boxes.classes, _right(found, truth) @ _BITS), axis=1))

    def by_class(self) -> Mapping[int, float]:
        """The mean over IoUs of .5 to .95, 0 to 1, of each class that is there."""
        every = self._rows.all
        every = every[np.argsort(-every[:, 0], kind="stable")]
        classes, right = every[:, 1], (every[:, 2:].astype(np.int64) & _BITS) > 0
        return {number: _mean(right[classes == number], count) for number, count in sorted(self._truth.items())}

    def mean(self) -> float:
        """Over all classes that are there; 1 where nothing is."""
        return mean_of(self.by_class())


def mean_of(by_class: Mapping[int, float]) -> float:
    """The mean over all classes that are there; 1 where nothing is."""
    return sum(by_class.values()) / len(by_class) if by_class else 1.0


def _right(found: Found, truth: Boxes) -> Array:
    """Of each detection and each IoU (D×10), whether it is right: the best one, by confidence, of a thing there."""
    count = len(found.confidences)
    common = overlaps(found.boxes, np.arange(count), truth, np.arange(len(truth.classes)))
    right = np.zeros((count, len(_IOUS)), bool)
    near = np.flatnonzero(common.max(axis=1, initial=0) >= _IOUS[0])
    for column, iou in enumerate(_IOUS):
        free = np.ones(len(truth.classes), bool)
        for row in near:
            likeness = np.where(free, common[row], 0)
            best = int(likeness.argmax())
            if likeness[best] >= iou:
                free[best], right[row, column] = False, True
    return right


def _mean(right: Array, count: int) -> float:
    """Of a class's detections, the most confident first (D×10), the precision at 101 recalls, over all IoUs."""
    if not len(right):
        return 0.0
    hits = np.cumsum(right, axis=0)
    precision = hits / np.arange(1, len(right) + 1)[:, None]
    # At a recall, the best precision that this or a higher recall has.
    precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    wanted = np.ceil(np.round(_RECALLS * count, 9))  # in hits, as whole numbers: 0.1 + 0.2 is no 0.3
    first = np.stack([np.searchsorted(column, wanted) for column in hits.T], axis=1)
    reached = first < len(right)
    return float(np.where(reached, np.take_along_axis(precision, np.where(reached, first, 0), axis=0), 0).mean())
