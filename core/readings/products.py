"""A matrix times the windows of a convolution, tile by tile, on several cores.

No whole image's windows are ever gathered, and no whole layer's weights are ever float64: a tile of the result takes
both in pieces that a core's cache holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rounding import Rounding
from .threads import THREADS, spread

Array = NDArray[Any]

# A tile of the result has so many elements. Where sums are rounded, numpy goes over it again and again, so that it must
# lie in the second level of the cache: 24 bytes an element. (For products of such a size OpenBLAS takes one thread.)
_TILE, _ROUNDED_TILE = 2**17, 2**15
# What a thread holds at most while it computes a tile: sums, weights, columns, and what an activation takes.
THREAD_NBYTES = 4 * 2**20


def multiply(
    matrix: Array,
    windows: Sequence[Array],
    ys: Sequence[Array],
    rounding: Rounding,
    finish: Callable[[Array, slice], Array] = lambda total, _: total,
) -> None:
    """Fill each of `ys` (N×out×rows×columns) with `finish(matrix·windows)`.

    `matrix`: out×taps. `windows`: for each of `ys`, N×C×kernel rows×kernel columns×rows×columns, of as many taps.
    `finish`: what becomes of a tile (some outs×some columns), and of which outs it is; several threads call it.
    """
    outs, _ = matrix.shape
    kernel = math.prod(windows[0].shape[2:4])
    columns = sum(len(each) * math.prod(each.shape[4:]) for each in windows)
    tile = _ROUNDED_TILE if rounding.rounds_sums else _TILE
    # Square if it can be, as a square has the least to gather; longer where outs or columns are few.
    side = math.isqrt(tile)
    height = min(outs, max(side, min(4 * side, tile // columns)))
    width = min(columns, tile // height, 4 * side)
    blocks = list(_blocks(windows, width))
    parts = max(math.ceil(outs / height), min(outs, math.ceil(THREADS / len(blocks))))
    height = math.ceil(outs / parts)
    step = max(1, 2 * tile // (max(height, width, side) * kernel))
    spread(
        [
            partial(
                _fill,
                _Tile(slice(first, min(outs, first + height)), block),
                matrix,
                windows,
                ys,
                step,
                rounding,
                finish,
            )
            for block in blocks
            for first in range(0, outs, height)
        ]
    )


@dataclass(frozen=True)
class _Strip:
    """Columns of a tile: those at `place` are a rectangle of an image of one of the arrays."""

    array: int
    image: int
    rows: slice
    columns: slice
    place: slice

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


@dataclass(frozen=True)
class _Tile:
    """A part of the result: some outs, some columns."""

    outs: slice
    strips: tuple[_Strip, ...]

    @property
    def shape(self) -> tuple[int, int]:
        return self.outs.stop - self.outs.start, self.strips[-1].place.stop


def _blocks(windows: Sequence[Array], most: int) -> Iterator[tuple[_Strip, ...]]:
    """All columns of all arrays, in blocks of at most so many."""
    block: list[_Strip] = []
    used = 0
    for index, array in enumerate(windows):
        images, rows, columns = len(array), *array.shape[4:]
        for image in range(images):
            for left in range(0, columns, most):
                across = slice(left, min(columns, left + most))
                width, row = across.stop - left, 0
                while row < rows:
                    if used + width > most:
                        yield tuple(block)
                        block, used = [], 0
                    down = slice(row, min(rows, row + (most - used) // width))
                    count = (down.stop - row) * width
                    block.append(_Strip(index, image, down, across, slice(used, used + count)))
                    row, used = down.stop, used + count
    yield tuple(block)


def _fill(
    tile: _Tile,
    matrix: Array,
    windows: Sequence[Array],
    ys: Sequence[Array],
    step: int,
    rounding: Rounding,
    finish: Callable[[Array, slice], Array],
) -> None:
    """Compute a tile. `step`: so many channels at a time."""
    height, width = tile.shape
    _, channels, *kernel, _, _ = windows[0].shape
    step, taps = min(step, channels), math.prod(kernel)
    # A wider type's products need a copy of the weights.
    copied = None if matrix.dtype == rounding.terms else np.empty(height * step * taps, rounding.terms)
    columns = np.empty((step, *kernel, width), rounding.terms)
    sums = rounding.sums(tile.shape, channels * taps)
    for first in range(0, channels, step):
        some = slice(first, min(channels, first + step))
        weights = matrix[tile.outs, first * taps : some.stop * taps]
        if copied is not None:
            buffer = copied[: weights.size].reshape(weights.shape)
            np.copyto(buffer, weights)
            weights = buffer
        sums.add(weights, _gathered(windows, tile.strips, some, columns))
    made = finish(sums.total, tile.outs)
    for strip in tile.strips:
        part = made[:, strip.place].reshape(height, *strip.shape)
        ys[strip.array][strip.image, tile.outs, strip.rows, strip.columns] = part


def _gathered(windows: Sequence[Array], strips: Sequence[_Strip], channels: slice, buffer: Array) -> Array:
    """The taps of these channels for these columns, in the buffer's type: a view, or copied into it."""
    count, width = channels.stop - channels.start, buffer.shape[-1]
    if len(strips) == 1 and buffer.shape[1:3] == (1, 1):
        (strip,) = strips
        taken = windows[strip.array][strip.image, channels, 0, 0, strip.rows, strip.columns]
        return taken.reshape(count, width).astype(buffer.dtype, copy=False)
    for strip in strips:
        taken = windows[strip.array][strip.image, channels, :, :, strip.rows, strip.columns]
        np.copyto(buffer[:count, :, :, strip.place].reshape(taken.shape), taken)
    return buffer[:count].reshape(-1, width)
