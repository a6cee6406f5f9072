"""What a person keeps of an answer: detections, the mask of a map, or the best class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"


@dataclass(frozen=True, eq=False)
class Boxes:
    """Some of the boxes that an answer proposes: left, top, right and bottom (B×4, px), and the class of each (B)."""

    corners: Array
    classes: Array


@dataclass(frozen=True)
class Rows:
    """The layout of an answer N×boxes×(5 + classes + masks): center x, center y, width, height (px), objectness,
    confidences, and the weights of masks.

    A box's confidence is the product of its objectness and its likeliest class.
    """

    classes: int
    masks: int = 0

    @property
    def axis(self) -> int:
        """Along which the boxes lie."""
        return 1

    @property
    def further(self) -> int:
        """How many values of a box come behind its classes."""
        return self.masks

    @property
    def turned(self) -> bool:
        """Whether boxes are turned about their center."""
        return False

    def rows(self, output: Array) -> Array:
        """The boxes of one image, a row each."""
        return output[0]


@dataclass(frozen=True)
class Columns:
    """The layout of an answer N×(4 + classes + …)×boxes: center x, center y, width, height (px), confidences, and the
    weights of masks, the values of `points` keypoints of `dimensions` (x, y in px, and how visible), or the angle by
    which the box is turned.

    A box's confidence is that of its likeliest class.
    """

    classes: int
    masks: int = 0
    points: int = 0
    dimensions: int = 0
    angles: int = 0

    @property
    def axis(self) -> int:
        """Along which the boxes lie."""
        return 2

    @property
    def further(self) -> int:
        """How many values of a box come behind its classes."""
        return self.masks + self.points * self.dimensions + self.angles

    @property
    def turned(self) -> bool:
        """Whether boxes are turned about their center."""
        return self.angles > 0

    def rows(self, output: Array) -> Array:
        """The boxes of one image, a row each."""
        return output[0].T


Layout: TypeAlias = Rows | Columns


class Decoder(Protocol):
    """A family's way from an answer to one image (every output with a batch of one) to boxes."""

    def confidences(self, outputs: Sequence[Array]) -> Array:
        """Of every box that the answer proposes, the confidence that it holds its likeliest class: B values, 0 to 1."""
        ...

    def boxes(self, outputs: Sequence[Array], which: Array) -> Boxes:
        """The boxes of these indices."""
        ...


@dataclass(frozen=True)
class Detections:
    """The boxes whose confidence is above `threshold`, without those that overlap a more confident one.

    `iou`: boxes of one class overlap if their intersection over union is larger. `most`: of those left, so many of
    the most confident.
    """

    decoder: Decoder
    threshold: float
    iou: float
    most: int


# What DBNet's own post-processing does with the regions of a map. Boxes with a shorter side (px) are no line of text,
# and one row of pixels more or less is much of them; a box is enlarged by its area × this / circumference (px).
LEAST_SIDE, UNCLIP = 8.0, 1.5


@dataclass(frozen=True)
class Mask:
    """The pixels of an N×1×H×W map of probabilities that are above `threshold`. `output`: which output it is."""

    output: int
    threshold: float


@dataclass(frozen=True)
class BestClass:
    """The class with the largest score, in an N×classes output. `output`: which output it is.

    `probabilities`: whether the scores are that already, by a softmax in the network.
    """

    output: int
    probabilities: bool = False


Result: TypeAlias = Detections | Mask | BestClass
