"""What a file is held to that is made on images of the user: how much it may lose, and what measures that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from .loaded import Runner

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
Images: TypeAlias = Callable[[], Iterator[Array]]  # the same images whenever it is called: N×C×H×W, float32
Answer: TypeAlias = tuple[Array, ...]
# How far an answer to one image is from the exact one: 0 for the same. It grows with the square of an error, so that
# the figures of independent errors add up.
Divergence: TypeAlias = Callable[[Answer, Answer], float]
Tell: TypeAlias = Callable[[int, int, str], None]  # so many of so many steps are done, and what the last one was


AT_ONCE = 256 * 2**20  # bytes of what flows through a model for one image that are looked at in one pass


@dataclass(frozen=True)
class Loss:
    """What a file loses on images, in points of mAP or F-score, 0 to 100.

    `points`: on all images, as reports count it; `aside`: on those alone that it was not made on, None if there is
    none. `expected`, `expected_aside`: the same by a finer count, which one box at a threshold moves less, and `error`:
    the standard error of `expected`; where they are not known, the plain count and 0 stand for them.
    """

    points: float
    aside: float | None
    expected: float
    expected_aside: float | None
    error: float

    @property
    def held(self) -> float:
        """What is held against a budget: on all images by either count, and on those aside by the finer one."""
        return max(self.points, self.expected, self.expected if self.expected_aside is None else self.expected_aside)

    @property
    def worst(self) -> float:
        """The largest of all counts."""
        return self.held if self.aside is None else max(self.held, self.aside)

    @classmethod
    def of(cls, points: float) -> Self:
        """A loss of which nothing more is known."""
        return cls(points, None, points, None, 0.0)


@dataclass(frozen=True, eq=False)
class Budget:
    """What a quantised file is held to: at most `points` may be lost, which `loss` measures on all images.

    `divergence`: how far one answer is from another, for the order in which layers go back to float. `aside`: how many
    of the images the file is not made on.
    """

    points: float
    loss: Callable[[Runner], Loss]
    divergence: Divergence
    aside: int = 0


def ignored(done: int, total: int, text: str) -> None:
    """Do nothing: nobody asked for progress."""


@dataclass(frozen=True, eq=False)
class Examples:
    """The user's images that a file is made on, its budget, and a function that is called after each step."""

    images: Images
    budget: Budget
    tell: Tell = ignored
