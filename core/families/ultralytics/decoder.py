"""From an answer to boxes, as the ultralytics package's own `predict` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ...network.result import Boxes, Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"

# The defaults of its non-maximum suppression.
_CONFIDENCE, _IOU, _MOST = 0.25, 0.7, 300


@dataclass(frozen=True)
class ColumnDecoder:
    """Columns of center x, center y, width, height (px) and classes; a box's confidence is that of its likeliest."""

    classes: int

    def confidences(self, outputs: Sequence[Array]) -> Array:
        return self._classes(outputs[0][0]).max(0).astype("float64")

    def boxes(self, outputs: Sequence[Array], which: Array) -> Boxes:
        columns = outputs[0][0][:, which].astype("float64")
        rows = columns[:4].T
        corners = rows[:, [0, 1, 0, 1]] + rows[:, [2, 3, 2, 3]] * (-0.5, -0.5, 0.5, 0.5)
        return Boxes(corners, self._classes(columns).argmax(0))

    def _classes(self, columns: Array) -> Array:
        return columns[4 : 4 + self.classes]


def detections(classes: int) -> Detections:
    """What is kept of the answer of a detector of so many classes."""
    return Detections(ColumnDecoder(classes), _CONFIDENCE, _IOU, _MOST)
