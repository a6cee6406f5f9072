"""From a YOLOv5 answer to boxes, as YOLOv5's own `detect.py` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ...network.result import Boxes, Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"

# The defaults of its non-maximum suppression.
_CONFIDENCE, _IOU, _MOST = 0.25, 0.45, 300


@dataclass(frozen=True)
class RowDecoder:
    """Rows of center x, center y, width, height (px), objectness and classes; a box's confidence is the product of
    its objectness and its likeliest class.
    """

    classes: int

    def confidences(self, outputs: Sequence[Array]) -> Array:
        rows = outputs[0][0]
        return rows[:, 4].astype("float64") * self._classes(rows).max(1)

    def boxes(self, outputs: Sequence[Array], which: Array) -> Boxes:
        rows = outputs[0][0, which].astype("float64")
        corners = rows[:, [0, 1, 0, 1]] + rows[:, [2, 3, 2, 3]] * (-0.5, -0.5, 0.5, 0.5)
        return Boxes(corners, self._classes(rows).argmax(1))

    def _classes(self, rows: Array) -> Array:
        return rows[:, 5 : 5 + self.classes]


def detections(classes: int) -> Detections:
    """What is kept of the answer of a detector of so many classes."""
    return Detections(RowDecoder(classes), _CONFIDENCE, _IOU, _MOST)
