"""What networks of the ultralytics package end in: boxes, with masks, keypoints or an angle, or classes.

A box is told without anchors: at each cell, how far its left, top, right and bottom edge are from the cell's middle,
in strides. Everything behind the last convolutions is computed in float32 at least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ...network.layers import Constant
from ...network.ops import Ops
from ..blocks.blocks import Block, Chain
from ..yolov5 import heads as yolov5

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Level:
    """One feature map's part of a detector: what tells edges, classes, and the rest; its stride (px)."""

    edges: Block
    scores: Block
    further: Block | None
    stride: float


@dataclass(frozen=True, eq=False)
class Edges:
    """Distances of the four edges from a cell's middle, in strides: N×4×cells.

    With `bins`, each is the expectation of a distribution over whole distances (a K×1 matrix): a softmax, and the sum
    of distance times probability.
    """

    bins: Constant | None

    def __call__(self, ops: Ops[T], x: T) -> T:
        if self.bins is None:
            return ops.reshape(x, (0, 4, -1))
        x = ops.permute(ops.reshape(x, (0, 4, self.bins.shape[0], -1)), (0, 1, 3, 2))
        return ops.reshape(ops.matmul(ops.softmax(x), self.bins), (0, 4, -1))


class Further(Protocol):
    """What a task tells of a cell beside its box and its classes."""

    @property
    def count(self) -> int:
        """How many values."""
        ...

    def values(self, ops: Ops[T], x: T, grid: T, stride: float) -> T:
        """N×`count`×cells, of N×`count`×H×W. `grid`: the middle of each cell, 2×cells, in strides."""
        ...

    def center(self, ops: Ops[T], offset: T, values: T) -> T:
        """How far a box's center is from the cell's middle, N×2×cells in strides, if it is `offset` by its edges."""
        ...


@dataclass(frozen=True, eq=False)
class Masks:
    """The weights with which prototypes are mixed to a mask."""

    count: int

    def values(self, ops: Ops[T], x: T, grid: T, stride: float) -> T:
        return ops.reshape(x, (0, self.count, -1))

    def center(self, ops: Ops[T], offset: T, values: T) -> T:
        return offset


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Points of x, y (px) and, with a third dimension, how visible: (factor·y + shift + cell)·stride, and a sigmoid."""

    points: int
    dimensions: int
    factor: float = 2.0
    shift: float = -0.5

    @property
    def count(self) -> int:
        return self.points * self.dimensions

    def values(self, ops: Ops[T], x: T, grid: T, stride: float) -> T:
        x = ops.reshape(x, (0, self.points, self.dimensions, -1))
        if self.dimensions == 2:
            return ops.reshape(self._place(ops, x, grid, stride), (0, self.count, -1))
        place, visible = ops.split(x, (2, 1), 2)
        told = ops.concat((self._place(ops, place, grid, stride), ops.sigmoid(visible)), 2)
        return ops.reshape(told, (0, self.count, -1))

    def _place(self, ops: Ops[T], x: T, grid: T, stride: float) -> T:
        x = x if self.factor == 1 else ops.mul(x, self.factor)
        x = x if self.shift == 0 else ops.add(x, self.shift)
        return ops.mul(ops.add(x, grid), stride)

    def center(self, ops: Ops[T], offset: T, values: T) -> T:
        return offset


@dataclass(frozen=True, eq=False)
class Angle:
    """How far a box is turned about its center, in radians. Its edges are those of the turned box.

    `bounded`: it is (σ - ¼)·π; else it is told as it is.
    """

    bounded: bool
    count: int = 1

    def values(self, ops: Ops[T], x: T, grid: T, stride: float) -> T:
        x = ops.reshape(x, (0, self.count, -1))
        return ops.mul(ops.add(ops.sigmoid(x), -0.25), math.pi) if self.bounded else x

    def center(self, ops: Ops[T], offset: T, values: T) -> T:
        x, y = ops.split(offset, (1, 1), 1)
        cosine, sine = ops.cos(values), ops.sin(values)
        across = ops.add(ops.mul(x, cosine), ops.mul(ops.mul(y, sine), -1.0))
        down = ops.add(ops.mul(x, sine), ops.mul(y, cosine))
        return ops.concat((across, down), 1)


@dataclass(frozen=True, eq=False)
class Detect:
    """Boxes: N×values×cells, over all levels: center x, y, width, height (px), the classes' probabilities, the rest."""

    levels: tuple[Level, ...]
    edges: Edges
    classes: int
    further: Further | None = None

    @property
    def values(self) -> int:
        return 4 + self.classes + (self.further.count if self.further else 0)

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> tuple[T, ...]:
        return (ops.concat([self.decode(ops, x, level) for x, level in zip(xs, self.levels, strict=True)], 2),)

    def decode(self, ops: Ops[T], x: T, level: Level) -> T:
        """The boxes of one feature map."""
        distances = ops.float32(level.edges(ops, x))
        grid = ops.grid(distances, 0.5)
        before, behind = ops.split(self.edges(ops, distances), (2, 2), 1)
        scores = ops.sigmoid(ops.reshape(ops.float32(level.scores(ops, x)), (0, self.classes, -1)))
        offset = ops.mul(ops.add(behind, ops.mul(before, -1.0)), 0.5)
        rest: tuple[T, ...] = ()
        if self.further is not None and level.further is not None:
            rest = (self.further.values(ops, ops.float32(level.further(ops, x)), grid, level.stride),)
            offset = self.further.center(ops, offset, rest[0])
        box = ops.mul(ops.concat((ops.add(offset, grid), ops.add(before, behind)), 1), level.stride)
        return ops.concat((box, scores, *rest), 1)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Of the finest feature map; with `coarser`, the other maps are added to it, each enlarged to its size."""

    blocks: Chain
    coarser: tuple[Chain, ...] = ()

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> T:
        x = xs[0]
        for block, more in zip(self.coarser, xs[1:], strict=bool(self.coarser)):
            x = ops.add(x, block(ops, more))
        return self.blocks(ops, x)


@dataclass(frozen=True, eq=False)
class Segment:
    """Boxes with mask weights, and the prototypes that those weights mix: N×masks×height×width."""

    detect: Detect
    prototypes: Prototypes

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> tuple[T, ...]:
        prototypes = ops.float32(self.prototypes(ops, xs))
        return (*self.detect(ops, xs), prototypes)


@dataclass(frozen=True, eq=False)
class Classify:
    """The classes' probabilities, N×classes."""

    scores: yolov5.Classify

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> tuple[T, ...]:
        (scores,) = self.scores(ops, xs)
        return (ops.softmax(scores),)
