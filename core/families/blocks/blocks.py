"""What each block computes, described once against `Ops`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ...network.layers import Activation, Conv2d, ConvTranspose2d, Pair
from ...network.ops import Ops

T = TypeVar("T")


class Block(Protocol):
    """One tensor in, one tensor out."""

    def __call__(self, ops: Ops[T], x: T) -> T: ...


class Join(Protocol):
    """Several tensors in, one tensor out."""

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> T: ...


@dataclass(frozen=True, eq=False)
class ConvBlock:
    """Convolution (batch norm folded in) and activation. Conv, DWConv and Focus alike."""

    conv: Conv2d
    act: Activation | None

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.conv(x, self.conv, self.act)


@dataclass(frozen=True, eq=False)
class TransposeBlock:
    """Transposed convolution."""

    conv: ConvTranspose2d

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.conv_transpose(x, self.conv)


@dataclass(frozen=True, eq=False)
class Chain:
    """Blocks one after the other."""

    blocks: tuple[Block, ...]

    def __call__(self, ops: Ops[T], x: T) -> T:
        for block in self.blocks:
            x = block(ops, x)
        return x


@dataclass(frozen=True, eq=False)
class Bottleneck:
    """Two convolutions and, with `shortcut`, a residual. Bottleneck and CrossConv (1×k, then k×1)."""

    cv1: ConvBlock
    cv2: ConvBlock
    shortcut: bool

    def __call__(self, ops: Ops[T], x: T) -> T:
        y = self.cv2(ops, self.cv1(ops, x))
        return ops.add(x, y) if self.shortcut else y


@dataclass(frozen=True, eq=False)
class CrossStage:
    """Two branches, joined and convolved: C3 and its kin, and BottleneckCSP.

    BottleneckCSP normalises and activates the joined tensor; both act on each channel alone, so they are
    folded into the last convolution of each branch.
    """

    stem: ConvBlock
    inner: Block
    stem_out: ConvBlock | None  # BottleneckCSP's cv3
    bypass: ConvBlock
    out: ConvBlock

    def __call__(self, ops: Ops[T], x: T) -> T:
        y = self.inner(ops, self.stem(ops, x))
        if self.stem_out is not None:
            y = self.stem_out(ops, y)
        return self.out(ops, ops.concat((y, self.bypass(ops, x)), 1))


@dataclass(frozen=True, eq=False)
class SPP:
    """Spatial pyramid pooling: maxima over windows of several sizes, side by side."""

    cv1: ConvBlock
    cv2: ConvBlock
    sizes: tuple[int, ...]

    def __call__(self, ops: Ops[T], x: T) -> T:
        x = self.cv1(ops, x)
        pooled = [ops.max_pool(x, (k, k), (1, 1), (k // 2, k // 2)) for k in self.sizes]
        return self.cv2(ops, ops.concat((x, *pooled), 1))


@dataclass(frozen=True, eq=False)
class SPPF:
    """The same maxima, by pooling several times with one window."""

    cv1: ConvBlock
    cv2: ConvBlock
    size: int
    times: int = 3

    def __call__(self, ops: Ops[T], x: T) -> T:
        k = self.size
        pooled = [self.cv1(ops, x)]
        for _ in range(self.times):
            pooled.append(ops.max_pool(pooled[-1], (k, k), (1, 1), (k // 2, k // 2)))
        return self.cv2(ops, ops.concat(pooled, 1))


@dataclass(frozen=True, eq=False)
class GhostConv:
    """Half of the channels by a convolution, the other half cheaply from those."""

    cv1: ConvBlock
    cv2: ConvBlock

    def __call__(self, ops: Ops[T], x: T) -> T:
        y = self.cv1(ops, x)
        return ops.concat((y, self.cv2(ops, y)), 1)


@dataclass(frozen=True, eq=False)
class Residual:
    """A main path plus a shortcut (the input itself, if it has no blocks): GhostBottleneck."""

    main: Chain
    shortcut: Chain

    def __call__(self, ops: Ops[T], x: T) -> T:
        y = self.main(ops, x)
        return ops.add(y, self.shortcut(ops, x))


@dataclass(frozen=True, eq=False)
class MixConv:
    """Convolutions of several kernel sizes side by side; before v6.0 with a residual."""

    convs: tuple[ConvBlock, ...]
    shortcut: bool

    def __call__(self, ops: Ops[T], x: T) -> T:
        y = ops.concat([conv(ops, x) for conv in self.convs], 1)
        return ops.add(x, y) if self.shortcut else y


@dataclass(frozen=True)
class MaxPool:
    """Maximum over a window."""

    kernel: Pair
    stride: Pair
    padding: Pair

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.max_pool(x, self.kernel, self.stride, self.padding)


@dataclass(frozen=True, eq=False)
class ZeroPad:
    """A border of zeros: columns left and right, rows above and below."""

    left: int
    right: int
    top: int
    bottom: int

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.pad(x, self.left, self.right, self.top, self.bottom)


@dataclass(frozen=True, eq=False)
class Upsample:
    """Nearest-neighbour enlargement."""

    scale: int

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.upsample(x, self.scale)


@dataclass(frozen=True, eq=False)
class Contract:
    """Blocks of pixels into channels."""

    block: int

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.space_to_depth(x, self.block)


@dataclass(frozen=True, eq=False)
class Expand:
    """Channels into blocks of pixels."""

    block: int

    def __call__(self, ops: Ops[T], x: T) -> T:
        return ops.depth_to_space(x, self.block)


@dataclass(frozen=True, eq=False)
class Concat:
    """Tensors side by side, two or more: the joints of PANet and BiFPN."""

    axis: int

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> T:
        return ops.concat(xs, self.axis)


@dataclass(frozen=True, eq=False)
class Sum:
    """A sum of tensors, all but the first scaled by a trained factor if there are `factors`."""

    factors: tuple[float, ...]

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> T:
        total = xs[0]
        for i, x in enumerate(xs[1:]):
            total = ops.add(total, ops.mul(x, self.factors[i]) if self.factors else x)
        return total
