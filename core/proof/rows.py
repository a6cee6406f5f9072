"""Rows of numbers that are gathered image by image and stay."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_FIRST_NBYTES = 64 * 1024


class Rows:
    """A table of one type that grows, in pages of its own.

    Small arrays that stay would lie between the large ones that come and go with each image, and keep their room from
    being used again: measured, that costs a MiB an image.
    """

    def __init__(self, width: int, dtype: type[np.generic] = np.float32) -> None:
        self._width, self._count, self._dtype = width, 0, np.dtype(dtype)
        self._table = self._pages(_FIRST_NBYTES // (self._dtype.itemsize * width))

    def add(self, rows: Array) -> range:
        """Copy some rows (R×width) behind the others; where they lie."""
        place = range(self._count, self._count + len(rows))
        if place.stop > len(self._table):
            larger = self._pages(2 * max(place.stop, len(self._table)))
            larger[: self._count] = self.all
            self._table = larger
        self._count = place.stop
        self._table[place.start : place.stop] = rows
        return place

    def at(self, place: range) -> Array:
        """The rows that lie there. They are not to be changed."""
        return self._table[place.start : place.stop]

    @property
    def all(self) -> Array:
        return self._table[: self._count]

    def _pages(self, rows: int) -> Array:
        return np.frombuffer(mmap.mmap(-1, rows * self._width * self._dtype.itemsize), self._dtype).reshape(
            rows, self._width
        )
