"""What a YOLOv5 network ends in: boxes, boxes with masks, or classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...network.layers import Constant, Conv2d
from ...network.ops import Ops
from ..blocks.blocks import Chain, ConvBlock

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Level:
    """One feature map's part of a detector: its convolution, its anchors (1×A×2×1, px) and its stride (px)."""

    conv: Conv2d
    anchors: Constant
    stride: float

    @property
    def anchor_count(self) -> int:
        return self.anchors.shape[1]


@dataclass(frozen=True, eq=False)
class Detect:
    """Boxes: N×cells×values, a row being center x, y, width, height (px), objectness, classes (and mask weights).

    With the sigmoid of a cell's raw values, x y = (2·σ - 0.5 + cell)·stride and w h = (2·σ)²·anchor. All of
    it is computed in float32 at least: in FP16 a coordinate near 1000 px is off by up to half a pixel.
    """

    levels: tuple[Level, ...]
    values: int
    masks: int = 0

    @property
    def classes(self) -> int:
        return self.values - self.masks - 5

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> tuple[T, ...]:
        rows = [self.decode(ops, x, level) for x, level in zip(xs, self.levels, strict=True)]
        return (ops.concat(rows, 1),)

    def decode(self, ops: Ops[T], x: T, level: Level) -> T:
        """The rows of one feature map: N×(A·H·W)×values, anchor by anchor."""
        y = ops.float32(ops.conv(x, level.conv))
        grid = ops.grid(y, -0.5)
        # Values before cells: their slices are contiguous, and every constant broadcasts as OpenCV 4.5 can.
        y = ops.reshape(y, (0, level.anchor_count, self.values, -1))
        mask_weights: tuple[T, ...] = ()
        if self.masks:
            y, *rest = ops.split(y, (self.values - self.masks, self.masks), 2)
            mask_weights = tuple(rest)
        xy, wh, confidences = ops.split(ops.sigmoid(y), (2, 2, self.values - self.masks - 4), 2)
        xy = ops.mul(ops.add(ops.mul(xy, 2.0), grid), level.stride)
        wh = ops.mul(wh, 2.0)
        wh = ops.mul(ops.mul(wh, wh), level.anchors)
        rows = ops.permute(ops.concat((xy, wh, confidences, *mask_weights), 2), (0, 1, 3, 2))
        return ops.reshape(rows, (0, -1, self.values))


@dataclass(frozen=True, eq=False)
class Segment:
    """Boxes with mask weights, and the prototypes that those weights mix: N×masks×height×width."""

    detect: Detect
    prototypes: Chain

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> tuple[T, ...]:
        prototypes = ops.float32(self.prototypes(ops, xs[0]))
        return (*self.detect(ops, xs), prototypes)


@dataclass(frozen=True, eq=False)
class Classify:
    """Class scores before any softmax, N×classes: a convolution (before v6.2: none), the mean, a linear layer."""

    conv: ConvBlock | None
    linear: Conv2d

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> tuple[T, ...]:
        (x,) = xs
        mean = ops.mean_hw(x if self.conv is None else self.conv(ops, x), self.linear.in_channels)
        return (ops.reshape(ops.float32(ops.conv(mean, self.linear)), (0, -1)),)
