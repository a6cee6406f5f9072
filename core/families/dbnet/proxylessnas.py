"""The searched mobile backbone (ProxylessNAS, arXiv 1812.00332): inverted bottlenecks, four feature maps.

Training adds up depthwise convolutions of several kernels; they are one convolution here, as convolving is linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ...network.layers import Activation, Conv2d
from ...network.ops import Ops
from ..blueprint import Blueprint
from .resnet import RELU

T = TypeVar("T")
_SIGMOID = Activation("sigmoid")


class _Stage(NamedTuple):
    """What the search found: output channels, how far the blocks widen, kernels block by block, how far the
    channel attention at the end narrows. The first block of each stage halves the size.
    """

    width: int
    widening: int
    kernels: tuple[tuple[int, ...], ...]
    narrowing: int


_STAGES = (
    _Stage(32, 2, ((3, 5), (1, 3, 5), (1, 3, 5), (1, 3, 5), (1, 3, 5)), 2),
    _Stage(64, 4, ((3, 5), (3, 5), (1, 3, 5), (1, 3, 5), (3, 5)), 8),
    _Stage(96, 4, ((3, 5), (1, 3, 5), (3, 5), (1, 3, 5), (1, 3, 5)), 8),
    _Stage(128, 4, ((5,), (1, 3, 5), (1, 3, 5), (1, 3, 5), (3, 5)), 8),
)


@dataclass(frozen=True, eq=False)
class InvertedBottleneck:
    """Widen, convolve each channel by itself, narrow; each slope is that of a leaky ReLU learned in training."""

    widen: Conv2d
    widen_act: Activation
    depthwise: Conv2d
    depthwise_act: Activation
    narrow: Conv2d
    shortcut: bool

    def __call__(self, ops: Ops[T], x: T) -> T:
        y = ops.conv(ops.conv(x, self.widen, self.widen_act), self.depthwise, self.depthwise_act)
        y = ops.conv(y, self.narrow)
        return ops.add(x, y) if self.shortcut else y


@dataclass(frozen=True, eq=False)
class ChannelAttention:
    """Each channel weighed by what the means of all channels say of it (squeeze and excitation, arXiv 1709.01507)."""

    squeeze: Conv2d
    excite: Conv2d

    def __call__(self, ops: Ops[T], x: T) -> T:
        means = ops.mean_hw(x, self.squeeze.in_channels)
        weights = ops.conv(ops.conv(means, self.squeeze, RELU), self.excite, _SIGMOID)
        return ops.add(x, ops.mul(x, weights))


@dataclass(frozen=True, eq=False)
class MobileBackbone:
    """A stem and four stages."""

    stem: Conv2d
    stages: tuple[tuple[InvertedBottleneck | ChannelAttention, ...], ...]

    def __call__(self, ops: Ops[T], x: T) -> tuple[T, ...]:
        x = ops.conv(x, self.stem, RELU)
        features: list[T] = []
        for stage in self.stages:
            for block in stage:
                x = block(ops, x)
            features.append(x)
        return tuple(features)


def proxylessnas(blueprint: Blueprint) -> MobileBackbone:
    """The backbone that the search found."""
    before = _STAGES[0].width
    stem = blueprint.conv("backbone.first_conv.0", 3, before, 3, stride=2, norm="backbone.first_conv.1")
    stages: list[tuple[InvertedBottleneck | ChannelAttention, ...]] = []
    index = 0
    for stage in _STAGES:
        blocks: list[InvertedBottleneck | ChannelAttention] = []
        for i, kernels in enumerate(stage.kernels):
            path = f"backbone.blocks.{index}.mobile_inverted_conv"
            blocks.append(_bottleneck(blueprint, path, before, stage, kernels, stride=1 if i else 2))
            before, index = stage.width, index + 1
        path, narrow = f"backbone.blocks.{index}.mobile_inverted_conv", before // stage.narrowing
        squeeze = blueprint.conv(f"{path}.fc1", before, narrow, 1, bias=True)
        blocks.append(ChannelAttention(squeeze, blueprint.conv(f"{path}.fc2", narrow, before, 1, bias=True)))
        stages.append(tuple(blocks))
        index += 1
    return MobileBackbone(stem, tuple(stages))


def _bottleneck(
    blueprint: Blueprint, path: str, before: int, stage: _Stage, kernels: tuple[int, ...], stride: int
) -> InvertedBottleneck:
    inner, after = before * stage.widening, stage.width
    widen = blueprint.conv(f"{path}.inverted_bottleneck.conv", before, inner, 1, norm=f"{path}.inverted_bottleneck.bn")
    widen_act = _leaky(blueprint, f"{path}.inverted_bottleneck.act")
    first, *others = kernels
    if others:
        parts = [(f"{path}.rep_conv.{i}.conv", k, f"{path}.rep_conv.{i}.bn") for i, k in enumerate(kernels)]
        depthwise = blueprint.sum_of_depthwise(f"{path}.rep_conv", parts, inner, stride=stride)
        depthwise_act = _leaky(blueprint, f"{path}.act")
    else:
        at = f"{path}.depth_conv"
        depthwise = blueprint.conv(f"{at}.conv", inner, inner, first, stride=stride, groups=inner, norm=f"{at}.bn")
        depthwise_act = _leaky(blueprint, f"{at}.act")
    narrow = blueprint.conv(f"{path}.point_conv.conv", inner, after, 1, norm=f"{path}.point_conv.bn")
    return InvertedBottleneck(widen, widen_act, depthwise, depthwise_act, narrow, stride == 1 and before == after)


def _leaky(blueprint: Blueprint, path: str) -> Activation:
    return Activation("leaky_relu", blueprint.slope(path))
