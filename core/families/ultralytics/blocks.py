"""What the blocks compute that came with YOLOv8 and later, described once against `Ops`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ...network.layers import Conv2d
from ...network.ops import Ops
from ..blocks.blocks import Block, ConvBlock

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Stages:
    """Blocks one after the other behind the last of some beginnings; all that came up is joined and convolved.

    C2f and its kin, which begin with two halves of the channels, and A2C2f, which begins with one convolution.
    """

    first: tuple[ConvBlock, ...]
    inner: tuple[Block, ...]
    out: ConvBlock

    def __call__(self, ops: Ops[T], x: T) -> T:
        parts = [block(ops, x) for block in self.first]
        for block in self.inner:
            parts.append(block(ops, parts[-1]))
        return self.out(ops, ops.concat(parts, 1))


@dataclass(frozen=True, eq=False)
class Halves:
    """Two halves of the channels, of which one goes through blocks, joined and convolved: C2, C2PSA, PSA."""

    first: Block
    second: Block
    out: ConvBlock

    def __call__(self, ops: Ops[T], x: T) -> T:
        return self.out(ops, ops.concat((self.first(ops, x), self.second(ops, x)), 1))


@dataclass(frozen=True, eq=False)
class Apart:
    """Each channel with a kernel of its own, and nothing added: a mean over a window, or a trained factor."""

    conv: Conv2d

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.conv(x, self.conv)


@dataclass(frozen=True, eq=False)
class Forked:
    """Half of the channels through a convolution, the other half through a pooling and one; both halve the size."""

    mean: Apart
    first: ConvBlock
    second: ConvBlock

    def __call__(self, ops: Ops[T], x: T) -> T:
        halves = ops.split(self.mean(ops, x), (self.first.conv.in_channels, self.second.conv.in_channels), 1)
        # As tensors of their own: runtimes would copy a half that lies between others.
        one, other = (ops.concat((half,), 1) for half in halves)
        pooled = ops.max_pool(other, (3, 3), (2, 2), (1, 1))
        return ops.concat((self.first(ops, one), self.second(ops, pooled)), 1)


@dataclass(frozen=True, eq=False)
class Added:
    """What blocks make of a tensor, added to it."""

    inner: Block

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.add(x, self.inner(ops, x))


@dataclass(frozen=True, eq=False)
class Attention:
    """Multi-head attention between all cells, with a convolution of the values that tells where a cell is.

    The query is scaled by 1/√depth in its weights. `areas`: as many parts of the cells, row by row, are each looked at
    by themselves.
    """

    query: Conv2d
    key: Conv2d
    value: Conv2d
    position: Conv2d
    out: Conv2d
    heads: int
    areas: int = 1

    def __call__(self, ops: Ops[T], x: T) -> T:
        value = ops.conv(x, self.value)
        return ops.conv(ops.add(self.attended(ops, x, value), ops.conv(value, self.position)), self.out)

    def attended(self, ops: Ops[T], x: T, value: T) -> T:
        """softmax(Q·Kᵀ)·V for each head and area; N×C×H×W in and out."""
        by_cell, back = ((0, 1, 3, 2), (0, 1, 3, 2)) if self.areas == 1 else ((0, 1, 3, 4, 2), (0, 1, 4, 2, 3))
        query = ops.permute(self._parted(ops, ops.conv(x, self.query), self.query), by_cell)
        key = self._parted(ops, ops.conv(x, self.key), self.key)
        key = key if self.areas == 1 else ops.permute(key, (0, 1, 3, 2, 4))
        weights = ops.softmax(ops.matmul(query, key))
        mixed = ops.matmul(weights, ops.permute(self._parted(ops, value, self.value), by_cell))
        return ops.reshape_like(ops.permute(mixed, back), value)

    def _parted(self, ops: Ops[T], x: T, layer: Conv2d) -> T:
        """N×heads×depth×cells, or ×areas×cells."""
        areas = () if self.areas == 1 else (self.areas,)
        return ops.reshape(x, (0, self.heads, layer.out_channels // self.heads, *areas, -1))
