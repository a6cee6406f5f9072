"""Several images through a network at the same time, each in its precision: a layer's weights serve all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..network.layers import Activation, Constant, Conv2d, ConvTranspose2d, Pair
from ..network.network import Network
from .reference import Array, Reference

Arrays: TypeAlias = tuple[Array, ...]  # one a lane


@dataclass(frozen=True, eq=False)
class Lane:
    """An N×C×H×W image and who reads it. Sizes may differ from lane to lane."""

    reference: Reference
    image: Array


def run_together(network: Network, lanes: Sequence[Lane]) -> tuple[Arrays, ...]:
    """By lane: the outputs for its image, as `Reference.run` has them."""
    read = tuple(lane.reference for lane in lanes)
    images = tuple(lane.reference.prepared(lane.image) for lane in lanes)
    with Reference.arithmetic():
        outputs = network.body(_Lanes(read), images)
    return tuple(zip(*outputs, strict=True))


class _Lanes:
    """The operations, on a tensor a lane. Convolutions of one precision are computed as one."""

    def __init__(self, references: Sequence[Reference]) -> None:
        self._references = tuple(references)
        self._places = {
            each: tuple(i for i, reference in enumerate(references) if reference is each)
            for each in dict.fromkeys(references)
        }

    # ---- convolutions and windows

    def conv(self, x: Arrays, layer: Conv2d, act: Activation | None = None) -> Arrays:
        weights = layer.weights
        return self._by_reference(x, lambda reference, xs: reference.convolved(xs, layer, weights, act))

    def conv_transpose(self, x: Arrays, layer: ConvTranspose2d, act: Activation | None = None) -> Arrays:
        weights = layer.weights
        return self._by_reference(x, lambda reference, xs: reference.convolved_transpose(xs, layer, weights, act))

    def max_pool(self, x: Arrays, kernel: Pair, stride: Pair, padding: Pair) -> Arrays:
        return self._each(lambda r, x: r.max_pool(x, kernel, stride, padding), x)

    # ---- moving elements

    def pad(self, x: Arrays, left: int, right: int, top: int, bottom: int) -> Arrays:
        return self._each(lambda r, x: r.pad(x, left, right, top, bottom), x)

    def upsample(self, x: Arrays, scale: int) -> Arrays:
        return self._each(lambda r, x: r.upsample(x, scale), x)

    def space_to_depth(self, x: Arrays, block: int) -> Arrays:
        return self._each(lambda r, x: r.space_to_depth(x, block), x)

    def depth_to_space(self, x: Arrays, block: int) -> Arrays:
        return self._each(lambda r, x: r.depth_to_space(x, block), x)

    def concat(self, xs: Sequence[Arrays], axis: int) -> Arrays:
        return tuple(r.concat(each, axis) for r, *each in zip(self._references, *xs, strict=True))

    def split(self, x: Arrays, sizes: Sequence[int], axis: int) -> Sequence[Arrays]:
        lanes = [r.split(each, sizes, axis) for r, each in zip(self._references, x, strict=True)]
        return list(zip(*lanes, strict=True))

    def reshape(self, x: Arrays, dims: Sequence[int]) -> Arrays:
        return self._each(lambda r, x: r.reshape(x, dims), x)

    def reshape_like(self, x: Arrays, like: Arrays) -> Arrays:
        return self._both(lambda r, x, y: r.reshape_like(x, y), x, like)

    def permute(self, x: Arrays, axes: Sequence[int]) -> Arrays:
        return self._each(lambda r, x: r.permute(x, axes), x)

    # ---- arithmetic

    def mean_hw(self, x: Arrays, channels: int) -> Arrays:
        return self._each(lambda r, x: r.mean_hw(x, channels), x)

    def add(self, x: Arrays, y: Arrays | Constant | float, act: Activation | None = None) -> Arrays:
        if isinstance(y, tuple):
            return self._both(lambda r, x, y: r.add(x, y, act), x, y)
        return self._each(lambda r, x: r.add(x, y, act), x)

    def mul(self, x: Arrays, y: Arrays | Constant | float) -> Arrays:
        if isinstance(y, tuple):
            return self._both(lambda r, x, y: r.mul(x, y), x, y)
        return self._each(lambda r, x: r.mul(x, y), x)

    def matmul(self, x: Arrays, y: Arrays | Constant) -> Arrays:
        if isinstance(y, tuple):
            return self._both(lambda r, x, y: r.matmul(x, y), x, y)
        return self._each(lambda r, x: r.matmul(x, y), x)

    def softmax(self, x: Arrays) -> Arrays:
        return self._each(lambda r, x: r.softmax(x), x)

    def sigmoid(self, x: Arrays) -> Arrays:
        return self._each(lambda r, x: r.sigmoid(x), x)

    def sin(self, x: Arrays) -> Arrays:
        return self._each(lambda r, x: r.sin(x), x)

    def cos(self, x: Arrays) -> Arrays:
        return self._each(lambda r, x: r.cos(x), x)

    def float32(self, x: Arrays) -> Arrays:
        return self._each(lambda r, x: r.float32(x), x)

    def grid(self, x: Arrays, offset: float) -> Arrays:
        return self._each(lambda r, x: r.grid(x, offset), x)

    # ---- lanes

    def _each(self, compute: Callable[[Reference, Array], Array], x: Arrays) -> Arrays:
        return tuple(compute(reference, each) for reference, each in zip(self._references, x, strict=True))

    def _both(self, compute: Callable[[Reference, Array, Array], Array], x: Arrays, y: Arrays) -> Arrays:
        return tuple(compute(reference, *each) for reference, *each in zip(self._references, x, y, strict=True))

    def _by_reference(self, x: Arrays, compute: Callable[[Reference, Arrays], Arrays]) -> Arrays:
        """`compute` once a reference, with all its lanes."""
        made: dict[int, Array] = {}
        for reference, places in self._places.items():
            made.update(zip(places, compute(reference, tuple(x[i] for i in places)), strict=True))
        return tuple(made[i] for i in range(len(x)))
