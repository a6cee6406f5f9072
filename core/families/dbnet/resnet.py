"""ResNet backbones (arXiv 1512.03385): four feature maps, at a quarter of the size to a thirty-second of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ...network.layers import Activation, Conv2d
from ...network.ops import Ops
from ..blueprint import Blueprint

T = TypeVar("T")
RELU = Activation("relu")
_WIDTHS = (64, 128, 256, 512)


@dataclass(frozen=True, eq=False)
class Residual:
    """Convolutions around which the input is led: as it is, or through `down` where its size changes."""

    convs: tuple[Conv2d, ...]
    down: Conv2d | None

    def __call__(self, ops: Ops[T], x: T) -> T:
        y = x
        for conv in self.convs[:-1]:
            y = ops.conv(y, conv, RELU)
        y = ops.conv(y, self.convs[-1])
        return ops.add(y, x if self.down is None else ops.conv(x, self.down), RELU)


@dataclass(frozen=True, eq=False)
class ResNet:
    """A stem and four stages of residual blocks."""

    stem: Conv2d
    stages: tuple[tuple[Residual, ...], ...]

    def __call__(self, ops: Ops[T], x: T) -> tuple[T, ...]:
        x = ops.max_pool(ops.conv(x, self.stem, RELU), (3, 3), (2, 2), (1, 1))
        features: list[T] = []
        for stage in self.stages:
            for block in stage:
                x = block(ops, x)
            features.append(x)
        return tuple(features)


def resnet(blueprint: Blueprint, depths: tuple[int, ...], *, bottleneck: bool) -> ResNet:
    """The backbone with so many blocks a stage: of two 3×3 convolutions, or as a bottleneck of three."""
    expansion = 4 if bottleneck else 1
    stem = blueprint.conv("backbone.conv1", 3, 64, 7, stride=2, norm="backbone.bn1")
    stages: list[tuple[Residual, ...]] = []
    before = 64
    for index, (width, depth) in enumerate(zip(_WIDTHS, depths, strict=True), 1):
        blocks: list[Residual] = []
        for i in range(depth):
            stride = 2 if i == 0 and index > 1 else 1
            blocks.append(_block(blueprint, f"backbone.layer{index}.{i}", before, width, stride, expansion))
            before = width * expansion
        stages.append(tuple(blocks))
    return ResNet(stem, tuple(stages))


def _block(blueprint: Blueprint, path: str, before: int, width: int, stride: int, expansion: int) -> Residual:
    after = width * expansion
    # Of each convolution: channels in and out, kernel, stride.
    if expansion == 1:
        plan = ((before, width, 3, stride), (width, width, 3, 1))
    else:
        plan = ((before, width, 1, 1), (width, width, 3, stride), (width, after, 1, 1))
    convs = tuple(
        blueprint.conv(f"{path}.conv{i}", *channels_and_kernel, stride=s, norm=f"{path}.bn{i}")
        for i, (*channels_and_kernel, s) in enumerate(plan, 1)
    )
    if stride == 1 and before == after:
        return Residual(convs, None)
    down = blueprint.conv(f"{path}.downsample.0", before, after, 1, stride=stride, norm=f"{path}.downsample.1")
    return Residual(convs, down)
