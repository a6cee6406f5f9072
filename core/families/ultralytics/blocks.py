"""What the blocks compute that came with YOLOv8 and later, described once against `Ops`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ...network.layers import Conv2d
from ...network.ops import Ops
from ..blocks.blocks import Block, Chain, ConvBlock

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Stages:
    """Two halves of the channels, of which the second goes through blocks; all that came up is joined and convolved.

    C2f and its kin. `inner`: each block reads what the one before it made.
    """

    first: ConvBlock
    second: ConvBlock
    inner: tuple[Block, ...]
    out: ConvBlock

    def __call__(self, ops: Ops[T], x: T) -> T:
        parts = [self.first(ops, x), self.second(ops, x)]
        for block in self.inner:
            parts.append(block(ops, parts[-1]))
        return self.out(ops, ops.concat(parts, 1))


@dataclass(frozen=True, eq=False)
class HalfThrough:
    """Two halves of the channels, of which the second goes through blocks, joined and convolved: C2PSA, PSA."""

    first: ConvBlock
    second: ConvBlock
    inner: Chain
    out: ConvBlock

    def __call__(self, ops: Ops[T], x: T) -> T:
        return self.out(ops, ops.concat((self.first(ops, x), self.inner(ops, self.second(ops, x))), 1))


@dataclass(frozen=True, eq=False)
class Added:
    """What blocks make of a tensor, added to it."""

    inner: Block

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.add(x, self.inner(ops, x))


@dataclass(frozen=True, eq=False)
class Attention:
    """Multi-head attention between all cells, with a convolution of the values that tells where a cell is.

    The query is scaled by 1/√depth in its weights.
    """

    query: Conv2d
    key: Conv2d
    value: Conv2d
    position: Conv2d
    out: Conv2d
    heads: int

    def __call__(self, ops: Ops[T], x: T) -> T:
        value = ops.conv(x, self.value)
        return ops.conv(ops.add(self.attended(ops, x, value), ops.conv(value, self.position)), self.out)

    def attended(self, ops: Ops[T], x: T, value: T) -> T:
        """softmax(Q·Kᵀ)·V for each head; N×C×H×W in and out."""
        depths = (0, self.heads, self.key.out_channels // self.heads, -1)
        query = ops.permute(ops.reshape(ops.conv(x, self.query), depths), (0, 1, 3, 2))
        weights = ops.softmax(ops.matmul(query, ops.reshape(ops.conv(x, self.key), depths)))
        values = (0, self.heads, self.value.out_channels // self.heads, -1)
        columns = ops.permute(ops.reshape(value, values), (0, 1, 3, 2))
        return ops.reshape_like(ops.permute(ops.matmul(weights, columns), (0, 1, 3, 2)), value)
