"""Detections over many images: kept, lost and new, how far they move, and mAP50-95."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..network.result import Boxes, Detections
from ..precisions import REFERENCE
from ..verify.detections import Found, found, paired
from ..verify.proof import Loss
from .average_precision import AveragePrecision, mean_of
from .marks import Mark, Marks
from .rows import Rows
from .tally import ByClass, Counted, drift, name_of

Array = NDArray[Any]

# Where detections begin that count for mAP: that of YOLOv5's own val. NMS is the one of `detect`, which keeps of those
# above the threshold the same ones as if there were no others.
_FLOOR = 0.001


@dataclass(frozen=True)
class DetectionFinder:
    """Finds detections: left, top, right, bottom (px), class, confidence, index among all boxes."""

    result: Detections
    what: str = "detections"
    width: int = 7

    @property
    def threshold(self) -> float:
        return self.result.threshold

    def finds(self, outputs: Sequence[Array]) -> Array:
        confidences = self.result.decoder.confidences(outputs)
        every = found(replace(self.result, threshold=_FLOOR), outputs, confidences)
        return np.column_stack((every.boxes.corners, every.boxes.classes, every.confidences, every.which))

    def marks(self, wanted: Array, got: Array, names: Mapping[int, str]) -> Marks:
        before, now = (above(found_in(rows), self.threshold) for rows in (wanted, got))
        pairs = paired(before, now, self.result.iou)
        return Marks(tuple(_marks(before, ~pairs.kept, names)), tuple(_marks(now, pairs.new, names)))

    def tally(self, network: Network, *, labelled: bool) -> DetectionTally:
        return DetectionTally(self.result, network, labelled)


def found_in(rows: Array) -> Found:
    """The detections that rows of a finder tell."""
    boxes = Boxes(rows[:, :4].astype(np.float64), rows[:, 4].astype(np.int64))
    return Found(rows[:, 6].astype(np.int64), boxes, rows[:, 5].astype(np.float64))


@dataclass
class DetectionTally:
    """Counts detections. mAP50-95 is against labels, of the images that have any, else against the reference's own."""

    result: Detections
    network: Network
    labelled: bool
    _before: AveragePrecision = field(default_factory=AveragePrecision)
    _now: AveragePrecision = field(default_factory=AveragePrecision)
    _moved: Rows = field(default_factory=lambda: Rows(2))  # IoU, confidence
    _classes: ByClass = field(default_factory=ByClass)

    def add(self, wanted: Array, got: Array, labels: Boxes | None) -> None:
        expected, actual = found_in(wanted), found_in(got)
        before, now = above(expected, self.result.threshold), above(actual, self.result.threshold)
        pairs = paired(before, now, self.result.iou)
        self._classes.expected.update(before.boxes.classes.tolist())
        self._classes.kept.update(before.boxes.classes[pairs.kept].tolist())
        self._classes.new.update(now.boxes.classes[pairs.new].tolist())
        confidence = np.abs(now.confidences[pairs.partner] - before.confidences[pairs.kept])
        self._moved.add(np.column_stack((pairs.iou, confidence)))
        truth = labels if self.labelled else before.boxes
        if truth is not None:
            self._before.add(expected, truth)
            self._now.add(actual, truth)

    def counted(self) -> Counted:
        truth = "the labels" if self.labelled else f"{REFERENCE.label}'s own detections"
        old, late = self._before.by_class(), self._now.by_class()
        return Counted(
            expected=self._classes.expected.total(),
            kept=self._classes.kept.total(),
            new=self._classes.new.total(),
            loss=Loss("mAP50-95", mean_of(old), mean_of(late), truth),
            iou=drift(self._moved.all[:, 0], least=True),
            confidence=drift(self._moved.all[:, 1]),
            classes=self._classes.proofs(self.network.names, old, late),
        )


def above(every: Found, threshold: float) -> Found:
    """Those above a threshold: the first ones."""
    count = int((every.confidences > np.float32(threshold)).sum())
    boxes = Boxes(every.boxes.corners[:count], every.boxes.classes[:count])
    return Found(every.which[:count], boxes, every.confidences[:count])


def _marks(every: Found, differs: Array, names: Mapping[int, str]) -> Iterator[Mark]:
    columns = (every.boxes.corners, every.boxes.classes.tolist(), every.confidences.tolist(), differs.tolist())
    for (left, top, right, bottom), number, confidence, other in zip(*columns, strict=True):
        corners = np.array(((left, top), (right, top), (right, bottom), (left, bottom)))
        yield Mark(corners, f"{name_of(number, names)} {confidence:.2f}", other)
