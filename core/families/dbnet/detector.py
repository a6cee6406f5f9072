"""DBNet (arXiv 1911.08947): a backbone, feature maps joined at a quarter of the size, and a map of where text is.

The decoder's branches for the adaptive threshold serve training alone and are not described.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from ...network.layers import Conv2d, ConvTranspose2d
from ...network.ops import Ops
from ..blueprint import Blueprint
from .resnet import RELU

T = TypeVar("T")


class Backbone(Protocol):
    """An image in; feature maps out, at a quarter, an eighth, a sixteenth and a thirty-second of its size."""

    def __call__(self, ops: Ops[T], x: T) -> tuple[T, ...]: ...


class Decoder(Protocol):
    """Feature maps in, the largest first; out, a value for each of the image's pixels, before the sigmoid."""

    def __call__(self, ops: Ops[T], features: tuple[T, ...]) -> T: ...


@dataclass(frozen=True, eq=False)
class DBNet:
    """The probability of each pixel to be text: N×1×H×W, computed in float32 at least from its logarithmic odds."""

    backbone: Backbone
    decoder: Decoder

    def __call__(self, ops: Ops[T], x: T) -> tuple[T, ...]:
        return (ops.sigmoid(ops.float32(self.decoder(ops, self.backbone(ops, x)))),)


@dataclass(frozen=True, eq=False)
class PyramidDecoder:
    """A feature pyramid, smoothed level by level and stacked; then two enlargements by two.

    `laterals` and `smooth`: the largest feature map first.
    """

    laterals: tuple[Conv2d, ...]
    smooth: tuple[Conv2d, ...]
    reduce: Conv2d
    enlarge: ConvTranspose2d
    finish: ConvTranspose2d

    def __call__(self, ops: Ops[T], features: tuple[T, ...]) -> T:
        *rest, last = (*zip(features, self.laterals, strict=True),)
        levels = [ops.conv(*last)]
        for feature, lateral in reversed(rest):
            levels.append(ops.add(ops.upsample(levels[-1], 2), ops.conv(feature, lateral)))
        stacked: list[T] = []
        for index, (level, smooth) in enumerate(zip(levels, reversed(self.smooth), strict=True)):
            y = ops.conv(level, smooth)
            scale = 2 ** (len(levels) - 1 - index)
            stacked.append(y if scale == 1 else ops.upsample(y, scale))
        y = ops.conv(ops.concat(stacked, 1), self.reduce, RELU)
        return ops.conv_transpose(ops.conv_transpose(y, self.enlarge, RELU), self.finish)


@dataclass(frozen=True, eq=False)
class Separable:
    """A convolution, or an enlargement, of each channel by itself, and one that mixes the channels."""

    depthwise: Conv2d | ConvTranspose2d
    pointwise: Conv2d
    last: bool = False

    def __call__(self, ops: Ops[T], x: T) -> T:
        match self.depthwise:
            case Conv2d():
                y = ops.conv(x, self.depthwise, RELU)
            case ConvTranspose2d():
                y = ops.conv_transpose(x, self.depthwise, RELU)
        return ops.conv(y, self.pointwise, None if self.last else RELU)


@dataclass(frozen=True, eq=False)
class LightDecoder:
    """Feature maps added up at the largest one's size; then two enlargements by two, all separable.

    `laterals`: the largest feature map first.
    """

    laterals: tuple[Conv2d, ...]
    steps: tuple[Separable, ...]

    def __call__(self, ops: Ops[T], features: tuple[T, ...]) -> T:
        *rest, last = (*zip(features, self.laterals, strict=True),)
        y = ops.conv(*last)
        # Enlarged step by step: the same values as each map enlarged at once, in a fraction of the memory.
        for feature, lateral in reversed(rest):
            y = ops.add(ops.upsample(y, 2), ops.conv(feature, lateral))
        for step in self.steps:
            y = step(ops, y)
        return y


def pyramid_decoder(blueprint: Blueprint, channels: tuple[int, ...], inner: int = 256) -> PyramidDecoder:
    """The decoder for feature maps of these channels."""
    outer = inner // 4
    conv, binarize = blueprint.conv, "decoder.binarize"
    smooth = ("out2", "out3.0", "out4.0", "out5.0")
    return PyramidDecoder(
        laterals=_laterals(blueprint, channels, inner),
        smooth=tuple(conv(f"decoder.{name}", inner, outer, 3) for name in smooth),
        reduce=conv(f"{binarize}.0", inner, outer, 3, norm=f"{binarize}.1"),
        enlarge=blueprint.conv_transpose(f"{binarize}.3", outer, outer, 2, norm=f"{binarize}.4"),
        finish=blueprint.conv_transpose(f"{binarize}.6", outer, 1, 2),
    )


def light_decoder(blueprint: Blueprint, channels: tuple[int, ...], inner: int = 64) -> LightDecoder:
    """The decoder of separable convolutions for feature maps of these channels."""
    outer = inner // 4
    conv, path = blueprint.conv, "decoder.binarize"

    def enlarge(at: str, out: int, norm: str = "") -> Separable:
        depthwise = blueprint.conv_transpose(f"{at}.depthwise", outer, outer, 2, groups=outer, norm=f"{at}.bn1")
        return Separable(depthwise, conv(f"{at}.pointwise", outer, out, 1, norm=norm, bias=True), last=not norm)

    reduce = Separable(
        conv(f"{path}.0.depthwise", inner, inner, 5, groups=inner, norm=f"{path}.0.bn1"),
        conv(f"{path}.0.pointwise", inner, outer, 1, norm=f"{path}.1"),
    )
    steps = (reduce, enlarge(f"{path}.3", outer, norm=f"{path}.4"), enlarge(f"{path}.6", 1))
    return LightDecoder(_laterals(blueprint, channels, inner), steps)


def _laterals(blueprint: Blueprint, channels: tuple[int, ...], inner: int) -> tuple[Conv2d, ...]:
    return tuple(blueprint.conv(f"decoder.in{i}", count, inner, 1) for i, count in enumerate(channels, 2))
