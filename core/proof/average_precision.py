"""Average precision of detections against the truth, as COCO defines it: mAP50-95, class by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Boxes
from ..verify.detections import Found, alike
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
        bits = right_of(found, truth, _IOUS) @ _BITS
        self._rows.add(np.stack((found.confidences, found.boxes.classes, bits), axis=1))

    def by_class(self) -> Mapping[int, float]:
        """The mean over IoUs of .5 to .95, 0 to 1, of each class that is there."""
        every = self._rows.all
        return precision_by_class(every[:, 0], every[:, 1], (every[:, 2:].astype(np.int64) & _BITS) > 0, self._truth)

    def mean(self) -> float:
        """Over all classes that are there; 1 where nothing is."""
        return mean_of(self.by_class())


def mean_of(by_class: Mapping[int, float]) -> float:
    """The mean over all classes that are there; 1 where nothing is."""
    return sum(by_class.values()) / len(by_class) if by_class else 1.0


def precision_by_class(
    confidences: Array, classes: Array, right: Array, truth: Mapping[int, int]
) -> Mapping[int, float]:
    """The average precision, 0 to 1, of each class that is there, over all IoUs.

    Of D detections: `confidences`, `classes`, and at which IoUs each is `right` (D×IoUs). `truth`: how many things
    there are of each class.
    """
    order = np.argsort(-confidences, kind="stable")
    classes, right = classes[order], right[order]
    return {number: _mean(right[classes == number], count) for number, count in sorted(truth.items())}


def right_of(found: Found, truth: Boxes, ious: Array) -> Array:
    """Of each detection and each IoU (D×IoUs), whether it is right: the best one, by confidence, of a thing there.

    `ious`: in ascending order.
    """
    count = len(found.confidences)
    common = alike(found.boxes, truth)
    right = np.zeros((count, len(ious)), bool)
    nearest = common.max(axis=1, initial=0)
    for column, iou in enumerate(ious):
        free = np.ones(len(truth.classes), bool)
        for row in np.flatnonzero(nearest >= iou):
            likeness = np.where(free, common[row], 0)
            best = int(likeness.argmax())
            if likeness[best] >= iou:
                free[best], right[row, column] = False, True
    return right


def _mean(right: Array, count: int) -> float:
    """Of a class's detections, the most confident first (D×IoUs), the precision at 101 recalls, over all IoUs."""
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
