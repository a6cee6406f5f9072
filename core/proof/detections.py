"""Detections over many images: kept, lost and new, how far they move, and mAP50-95."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..network.result import Boxes, Detections
from ..precisions import REFERENCE
from ..verify.detections import Found, found, paired
from ..verify.proof import ClassProof, Loss
from .average_precision import AveragePrecision
from .tally import Counted, drift

Array = NDArray[Any]

# Where detections begin that count for mAP: that of YOLOv5's own val. NMS is the one of `detect`, which keeps of those
# above the threshold the same ones as if there were no others.
_FLOOR = 0.001


@dataclass(frozen=True)
class DetectionFinder:
    """Finds detections."""

    result: Detections
    what: str = "detections"

    @property
    def threshold(self) -> float:
        return self.result.threshold

    def finds(self, outputs: Sequence[Array]) -> Found:
        confidences = self.result.decoder.confidences(outputs)
        every = found(replace(self.result, threshold=_FLOOR), outputs, confidences)
        boxes = Boxes(every.boxes.corners.astype(np.float32), every.boxes.classes.astype(np.int16))
        return Found(every.which.astype(np.int32), boxes, every.confidences.astype(np.float32))

    def tally(self, network: Network) -> DetectionTally:
        return DetectionTally(self.result, network)


@dataclass
class DetectionTally:
    """Counts detections. mAP50-95 is against labels, of the images that have any, else against the reference's own."""

    result: Detections
    network: Network
    _before: AveragePrecision = field(default_factory=AveragePrecision)
    _now: AveragePrecision = field(default_factory=AveragePrecision)
    _by_labels: tuple[AveragePrecision, AveragePrecision] = field(
        default_factory=lambda: (AveragePrecision(), AveragePrecision())
    )
    _labelled: bool = False
    _iou: list[Array] = field(default_factory=list[Array])
    _confidence: list[Array] = field(default_factory=list[Array])
    _expected: list[Array] = field(default_factory=list[Array])
    _kept: list[Array] = field(default_factory=list[Array])
    _new: list[Array] = field(default_factory=list[Array])

    def add(self, wanted: Found, got: Found, labels: Boxes | None) -> None:
        before, now = _above(wanted, self.result.threshold), _above(got, self.result.threshold)
        pairs = paired(before, now, self.result.iou)
        self._expected.append(before.boxes.classes)
        self._kept.append(before.boxes.classes[pairs.kept])
        self._new.append(now.boxes.classes[pairs.new])
        self._iou.append(pairs.iou)
        self._confidence.append(np.abs(now.confidences[pairs.partner] - before.confidences[pairs.kept]))
        self._before.add(wanted, before.boxes)
        self._now.add(got, before.boxes)
        if labels is not None:
            self._labelled = True
            for precision, detections in zip(self._by_labels, (wanted, got), strict=True):
                precision.add(detections, labels)

    def counted(self) -> Counted:
        before, now = self._by_labels if self._labelled else (self._before, self._now)
        truth = "the labels" if self._labelled else f"{REFERENCE.label}'s own detections"
        expected, kept, new = (np.concatenate(each) for each in (self._expected, self._kept, self._new))
        old, late = before.by_class(), now.by_class()
        numbers = sorted({*expected.tolist(), *new.tolist(), *old})
        classes = tuple(
            ClassProof(
                self.network.names.get(number, f"class {number}"),
                expected=int((expected == number).sum()),
                kept=int((kept == number).sum()),
                new=int((new == number).sum()),
                reference=old.get(number),
                found=late.get(number),
            )
            for number in numbers
        )
        return Counted(
            expected=len(expected),
            kept=len(kept),
            new=len(new),
            loss=Loss("mAP50-95", before.mean(), now.mean(), truth),
            iou=drift(self._iou, least=True),
            confidence=drift(self._confidence),
            classes=classes,
        )


def _above(every: Found, threshold: float) -> Found:
    """Those above a threshold: the first ones."""
    count = int((every.confidences > np.float32(threshold)).sum())
    boxes = Boxes(every.boxes.corners[:count].astype(np.float64), every.boxes.classes[:count])
    return Found(every.which[:count], boxes, every.confidences[:count])
