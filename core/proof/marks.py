"""What is marked in a picture: the things that the reference finds, and those that an artifact finds."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Mark:
    """A thing. `corners`: of its outline, P×2 (x, y), px of the network's image; none for the image as a whole.

    `words`: what it is. `differs`: whether the other side lacks it.
    """

    corners: Array
    words: str
    differs: bool


@dataclass(frozen=True, eq=False)
class Marks:
    """The things in one image before, as the reference finds them, and after, as the artifact does."""

    before: Sequence[Mark]
    after: Sequence[Mark]

    @property
    def lost(self) -> int:
        return sum(mark.differs for mark in self.before)

    @property
    def new(self) -> int:
        return sum(mark.differs for mark in self.after)

    @property
    def weight(self) -> tuple[int, int]:
        """How much the image is worth looking at: what differs counts first, then how much there is to see."""
        return self.lost + self.new, len(self.before)


@dataclass
class Album:
    """Keeps the images that are most worth looking at, `most` of them at most."""

    most: int
    _kept: list[tuple[tuple[int, int], int, Marks]] = field(default_factory=list[tuple[tuple[int, int], int, Marks]])

    def add(self, index: int, marks: Marks) -> None:
        """An image by its place among all; those come in order, and of equal ones the first stay."""
        heapq.heappush(self._kept, (marks.weight, -index, marks))
        if len(self._kept) > self.most:
            heapq.heappop(self._kept)

    @property
    def marks(self) -> dict[int, Marks]:
        """Those kept, by their place, in order."""
        return {-place: marks for _, place, marks in sorted(self._kept, key=lambda each: -each[1])}
