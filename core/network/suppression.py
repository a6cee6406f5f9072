"""Non-maximum suppression as part of a file: what it keeps of a detector's boxes, and what its outputs are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..errors import BadRequest
from .network import Network
from .result import Detections, Rows

# The outputs of a file that suppresses: batch×max_det×6, a row being x1, y1, x2, y2 (px), confidence, class; the most
# confident first, zeros behind the last. And how many there are in each image of the batch.
DETECTIONS, COUNTS = "detections", "counts"
COLUMNS = 6


@dataclass(frozen=True)
class Suppression:
    """Of the boxes whose confidence is above `confidence`, those that overlap no more confident one by more than `iou`.

    `max_det`: of an image, so many of the most confident. `agnostic`: whether boxes of different classes suppress each
    other too.
    """

    confidence: float
    iou: float
    max_det: int
    agnostic: bool = False

    @classmethod
    def of(cls, said: Any) -> Suppression:
        """From JSON. Raises `ValueError` for what is none; anybody may have written it."""
        match said:
            case {
                "confidence": int() | float() as confidence,
                "iou": int() | float() as iou,
                "max_det": int(max_det),
                "agnostic": bool(agnostic),
            } if 0 <= confidence <= 1 and 0 <= iou <= 1 and 0 < max_det <= MOST_DETECTIONS:
                return cls(float(confidence), float(iou), max_det, agnostic)
            case _:
                raise ValueError("no thresholds of a non-maximum suppression")

    @classmethod
    def from_text(cls, text: str) -> Suppression:
        """From JSON text. Raises `ValueError` as `of` does."""
        try:
            return cls.of(json.loads(text))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


MOST_DETECTIONS = 100_000  # of an image; more than the boxes of any size that is usual


def rows_of(network: Network) -> Rows:
    """How the boxes lie in the answer of a network that a file may suppress. Raises `BadRequest` for any other."""
    match network.result:
        case Detections(rows=Rows(masks=0) as rows):
            return rows
        case Detections(rows=Rows()):
            why = "NMS in the file would part the boxes from their masks"
        case Detections():
            why = f"NMS in the file is not supported yet for boxes as {network.family} lays them out"
        case _:
            why = "NMS is for boxes"
    raise BadRequest(f"this is a network of the task {network.task}: {why}", "leave out --nms")
