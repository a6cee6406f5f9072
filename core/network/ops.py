"""The vocabulary that every description speaks and every reading implements, with each operation's shape rule.

Images are N×C×H×W. A dimension may be a numpy array of integers, one element a shape: the rules then hold
for many shapes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from .layers import Activation, Constant, Conv2d, ConvTranspose2d, Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
Dim: TypeAlias = "int | NDArray[np.int64]"
Shape: TypeAlias = "tuple[Dim, ...]"


# Elements of a tensor. What is beyond has no meaning on any machine, and would leave the integers that numpy counts in.
MAX_ELEMENTS = 2**56


class ShapeMismatch(ValueError):
    """Tensors that an operation cannot take: the size of the input does not suit the network."""


class Ops(Protocol[T]):
    """The operations, on tensors of a reading's own kind `T`. Activations are applied where the tensor is made."""

    def conv(self, x: T, layer: Conv2d, act: Activation | None = None) -> T:
        """Convolution with bias."""
        ...

    def conv_transpose(self, x: T, layer: ConvTranspose2d, act: Activation | None = None) -> T:
        """Transposed convolution with bias, without output padding."""
        ...

    def max_pool(self, x: T, kernel: Pair, stride: Pair, padding: Pair) -> T:
        """Maximum over a window; the padding never wins."""
        ...

    def pad(self, x: T, left: int, right: int, top: int, bottom: int) -> T:
        """A border of zeros."""
        ...

    def upsample(self, x: T, scale: int) -> T:
        """Nearest-neighbour enlargement by a whole factor."""
        ...

    def space_to_depth(self, x: T, block: int) -> T:
        """N×C×H×W → N×(block²·C)×(H/block)×(W/block); a block's row, then its column, then the channel."""
        ...

    def depth_to_space(self, x: T, block: int) -> T:
        """The inverse of `space_to_depth`."""
        ...

    def mean_hw(self, x: T, channels: int) -> T:
        """The mean over height and width of so many channels, kept as N×C×1×1."""
        ...

    def concat(self, xs: Sequence[T], axis: int) -> T:
        """Tensors one behind the other along `axis`; all other dimensions equal."""
        ...

    def split(self, x: T, sizes: Sequence[int], axis: int) -> Sequence[T]:
        """Views of `x` of the given sizes along `axis`."""
        ...

    def reshape(self, x: T, dims: Sequence[int]) -> T:
        """A view of other dimensions: 0 keeps the one at its place, -1 takes what is left."""
        ...

    def reshape_like(self, x: T, like: T) -> T:
        """A view of `x` with the shape of `like`."""
        ...

    def permute(self, x: T, axes: Sequence[int]) -> T:
        """The axes in another order, as a contiguous copy."""
        ...

    def add(self, x: T, y: T | Constant | float, act: Activation | None = None) -> T:
        """Sum, broadcast."""
        ...

    def mul(self, x: T, y: T | Constant | float) -> T:
        """Product, broadcast."""
        ...

    def matmul(self, x: T, y: T | Constant) -> T:
        """Matrix product over the last two axes; all other dimensions equal, or none: one matrix for all."""
        ...

    def softmax(self, x: T) -> T:
        """Softmax over the last axis."""
        ...

    def sigmoid(self, x: T) -> T:
        """Logistic function."""
        ...

    def sin(self, x: T) -> T:
        """Sine of an angle in radians."""
        ...

    def cos(self, x: T) -> T:
        """Cosine of an angle in radians."""
        ...

    def float32(self, x: T) -> T:
        """`x` in float32 at least: from here on nothing is rounded to FP16."""
        ...

    def grid(self, x: T, offset: float) -> T:
        """2×(H·W) in float32: column and row of every cell of `x`, row by row, plus `offset`."""
        ...


# ---- shape rules, used by the readings that know shapes


def conv_shape(x: Shape, layer: Conv2d) -> Shape:
    """⌊(n + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1. Raises `ShapeMismatch`."""
    batch, channels, height, width = x
    if _differ(channels, layer.in_channels):
        raise ShapeMismatch(f"{layer.name} takes {layer.in_channels} channels, {channels} are given")
    rows, columns = (
        _window(n, d * (k - 1) + 1, s, p)
        for n, k, s, p, d in zip(
            (height, width), layer.shape[2:], layer.stride, layer.padding, layer.dilation, strict=True
        )
    )
    return (batch, layer.out_channels, rows, columns)


def conv_transpose_shape(x: Shape, layer: ConvTranspose2d) -> Shape:
    """(n - 1)·stride - 2·padding + kernel. Raises `ShapeMismatch`."""
    batch, channels, height, width = x
    if _differ(channels, layer.in_channels):
        raise ShapeMismatch(f"{layer.name} takes {layer.in_channels} channels, {channels} are given")
    rows, columns = (
        (n - 1) * s - 2 * p + k
        for n, k, s, p in zip((height, width), layer.shape[2:], layer.stride, layer.padding, strict=True)
    )
    if _below_one(rows) or _below_one(columns):
        raise ShapeMismatch(f"{layer.name} would leave nothing of {spelled(x)}")
    return (batch, layer.out_channels, rows, columns)


def max_pool_shape(x: Shape, kernel: Pair, stride: Pair, padding: Pair) -> Shape:
    """As `conv_shape`, with the channels kept."""
    batch, channels, height, width = x
    rows, columns = (_window(n, k, s, p) for n, k, s, p in zip((height, width), kernel, stride, padding, strict=True))
    return (batch, channels, rows, columns)


def space_to_depth_shape(x: Shape, block: int) -> Shape:
    """Height and width divided by `block`, the channels times block². Raises `ShapeMismatch`."""
    batch, channels, height, width = x
    if _differ(height % block, 0) or _differ(width % block, 0):
        raise ShapeMismatch(f"{height}×{width} is not divisible by {block}")
    return (batch, channels * block * block, height // block, width // block)


def depth_to_space_shape(x: Shape, block: int) -> Shape:
    """Height and width times `block`, the channels divided by block². Raises `ShapeMismatch`."""
    batch, channels, height, width = x
    if _differ(channels % (block * block), 0):
        raise ShapeMismatch(f"{channels} channels are not divisible by {block}²")
    return (batch, channels // (block * block), height * block, width * block)


def concat_shape(shapes: Sequence[Shape], axis: int) -> Shape:
    """The first shape, with the sum of all along `axis`. Raises `ShapeMismatch`."""
    first = shapes[0]
    for other in shapes[1:]:
        if len(other) != len(first) or any(
            _differ(a, b) for i, (a, b) in enumerate(zip(first, other, strict=True)) if i != axis
        ):
            raise ShapeMismatch(f"{spelled(first)} and {spelled(other)} cannot be joined")
    joined: Dim = 0
    for shape in shapes:
        joined = joined + shape[axis]
    return (*first[:axis], joined, *first[axis + 1 :])


def reshape_shape(x: Shape, dims: Sequence[int]) -> Shape:
    """The dimensions with 0 and -1 resolved. Raises `ShapeMismatch` if the elements do not come out even."""
    shape: list[Dim] = [x[i] if d == 0 else d for i, d in enumerate(dims)]
    if -1 in dims:
        free = dims.index(-1)
        known = numel(tuple(d for i, d in enumerate(shape) if i != free))
        shape[free] = numel(x) // known
    if _differ(numel(tuple(shape)), numel(x)):
        raise ShapeMismatch(f"{spelled(x)} cannot be viewed as {tuple(dims)}")
    return tuple(shape)


def broadcast_shape(x: Shape, y: Shape) -> Shape:
    """The shape of an elementwise result. Raises `ShapeMismatch`."""
    rank = max(len(x), len(y))
    x, y = (1,) * (rank - len(x)) + x, (1,) * (rank - len(y)) + y
    for a, b in zip(x, y, strict=True):
        if not _is_one(a) and not _is_one(b) and _differ(a, b):
            raise ShapeMismatch(f"{spelled(x)} and {spelled(y)} do not broadcast")
    return tuple(b if _is_one(a) else a for a, b in zip(x, y, strict=True))


def matmul_shape(x: Shape, y: Shape) -> Shape:
    """(…, n, k) by (…, k, m), or by one (k, m) for all. Raises `ShapeMismatch`."""
    if len(y) not in (2, len(x)) or _differ(x[-1], y[-2]) or any(map(_differ, x[:-2], y[:-2])):
        raise ShapeMismatch(f"{spelled(x)} and {spelled(y)} cannot be multiplied")
    return (*x[:-1], y[-1])


def numel(shape: Shape) -> Dim:
    """The number of elements."""
    count: Dim = 1
    for dim in shape:
        count = count * dim
    return count


def _window(n: Dim, extent: int, stride: int, padding: int) -> Dim:
    count = (n + 2 * padding - extent) // stride + 1
    if _below_one(count):
        raise ShapeMismatch(f"a window of {extent} does not fit into {n} rows or columns")
    return count


def _differ(a: Dim, b: Dim) -> bool:
    return a != b if isinstance(a, int) and isinstance(b, int) else bool(((a - b) != 0).any())  # pyright: ignore


def _below_one(dim: Dim) -> bool:
    return dim < 1 if isinstance(dim, int) else bool((dim < 1).any())


def _is_one(dim: Dim) -> bool:
    return isinstance(dim, int) and dim == 1


def spelled(shape: Shape) -> str:
    """A shape for people; where dimensions are arrays, from the least to the most."""
    return "(" + ", ".join(str(d) if isinstance(d, int) else f"{d.min()}…{d.max()}" for d in shape) + ")"
