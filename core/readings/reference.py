"""check: a network computed in numpy, the reference that every finished file is verified against.

It shares no kernel with torch or ONNX Runtime and needs neither. In float64 it is the reference itself; in
float32 and float16 it tells how far rounding alone moves the answer, which is the yardstick of verification: weights
and tensors are rounded as every runtime rounds them, and sums as the coarsest of correct runtimes do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.layers import Activation, Constant, Conv2d, ConvTranspose2d, Pair, Weights
from ..network.network import Network
from ..network.ops import reshape_shape
from ..precisions.dtype import FLOAT32, FLOAT64, DType
from .products import multiply
from .rounding import PIECE, Rounding
from .threads import one_thread_a_product

Array = NDArray[Any]

_IN_FLOAT32 = Rounding(FLOAT32)


class Reference:
    """Computes networks in one precision: what an operation makes is rounded to it.

    In a narrow type such as float16, all behind `float32` stays in float32, as in an artifact; and what is rounded
    still lies in float32 arrays, which take half the room. Rounding makes the same of a network on every processor: see
    `rounding.py`.
    """

    def __init__(self, dtype: DType, rounding: Rounding | None = None) -> None:
        """`rounding`: how it rounds to the precision (default: as far as the coarsest of correct runtimes)."""
        self._dtype = np.dtype(dtype.name)
        self._held = np.dtype(np.float64 if dtype == FLOAT64 else np.float32)
        self._rounding = rounding or Rounding(dtype)
        self._product = self._rounding.product
        self._layer = ""
        self.largest: dict[str, float] = {}  # by place: the largest magnitude that a narrow type would have to hold

    def run(self, network: Network, image: Array) -> tuple[Array, ...]:
        """The outputs for an N×C×H×W image."""
        with self.arithmetic():
            return network.body(self, self.prepared(image))

    @staticmethod
    @contextmanager
    def arithmetic() -> Iterator[None]:
        """The context to compute in: what overflows is told by the answer, and by nothing else."""
        with one_thread_a_product(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield

    def prepared(self, image: Array) -> Array:
        """An image as the network takes it, in the precision."""
        return image.astype(self._dtype).astype(self._held, copy=False)

    # ---- convolutions and windows

    def conv(self, x: Array, layer: Conv2d, act: Activation | None = None) -> Array:
        (y,) = self.convolved((x,), layer, layer.weights, act)
        return y

    def convolved(
        self, xs: Sequence[Array], layer: Conv2d, weights: Weights, act: Activation | None
    ) -> tuple[Array, ...]:
        """`conv` of several arrays, which may differ in size: the weights are gone through once."""
        weight, bias = map(self._rounding.stored, weights)
        self._layer = layer.name
        kernel = layer.shape[2:]
        windows = [_windows(_padded(x, layer.padding), kernel, layer.stride, layer.dilation) for x in xs]
        ys = tuple(self._empty((len(w), layer.out_channels, *w.shape[4:]), x) for w, x in zip(windows, xs, strict=True))
        if layer.groups == layer.in_channels == layer.out_channels:
            return tuple(self._depthwise(*each, weight, bias, act) for each in zip(windows, ys, strict=True))
        ins, outs = layer.shape[1], layer.out_channels // layer.groups
        for group in range(layer.groups):
            read, made = slice(group * ins, (group + 1) * ins), slice(group * outs, (group + 1) * outs)
            self._multiply(
                weight[made].reshape(outs, -1), [w[:, read] for w in windows], [y[:, made] for y in ys], bias[made], act
            )
        return ys

    def conv_transpose(self, x: Array, layer: ConvTranspose2d, act: Activation | None = None) -> Array:
        (y,) = self.convolved_transpose((x,), layer, layer.weights, act)
        return y

    def convolved_transpose(
        self, xs: Sequence[Array], layer: ConvTranspose2d, weights: Weights, act: Activation | None
    ) -> tuple[Array, ...]:
        """`conv_transpose` of several arrays."""
        weight, bias = map(self._rounding.stored, weights)
        self._layer = layer.name
        return tuple(self._transposed(x, layer, weight, bias, act) for x in xs)

    def _transposed(
        self, x: Array, layer: ConvTranspose2d, weight: Array, bias: Array, act: Activation | None
    ) -> Array:
        n, _, h, w = x.shape
        (kh, kw), (sy, sx), (py, px) = layer.shape[2:], layer.stride, layer.padding
        y = np.zeros((n, layer.out_channels, (h - 1) * sy + kh, (w - 1) * sx + kw), self._held)
        ins, outs = layer.in_channels // layer.groups, layer.shape[1]
        part = np.empty((n, outs, h, w), self._held)
        for group in range(layer.groups):
            read = slice(group * ins, (group + 1) * ins)
            windows = _windows(x[:, read], (1, 1), (1, 1), (1, 1))
            target = y[:, group * outs : (group + 1) * outs]
            for u in range(kh):
                for v in range(kw):
                    multiply(weight[read, :, u, v].T, [windows], [part], self._rounding)
                    target[:, :, u : u + sy * (h - 1) + 1 : sy, v : v + sx * (w - 1) + 1 : sx] += part
        y = y[:, :, py : y.shape[2] - py, px : y.shape[3] - px] + bias[:, None, None]
        return self._activated(self._made(y, x), act)

    def max_pool(self, x: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
        padded = _padded(x, padding, -np.inf)
        for axis in (2, 3):
            k, s = kernel[axis - 2], stride[axis - 2]
            count = (padded.shape[axis] - k) // s + 1
            best = _taken(padded, axis, 0, count, s).copy()
            for start in range(1, k):
                np.maximum(best, _taken(padded, axis, start, count, s), out=best)
            padded = best
        return padded

    # ---- moving elements

    def pad(self, x: Array, left: int, right: int, top: int, bottom: int) -> Array:
        return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))

    def upsample(self, x: Array, scale: int) -> Array:
        return x.repeat(scale, axis=2).repeat(scale, axis=3)

    def space_to_depth(self, x: Array, block: int) -> Array:
        n, c, h, w = x.shape
        cells = x.reshape(n, c, h // block, block, w // block, block).transpose(0, 3, 5, 1, 2, 4)
        return cells.reshape(n, c * block * block, h // block, w // block)

    def depth_to_space(self, x: Array, block: int) -> Array:
        n, c, h, w = x.shape
        cells = x.reshape(n, block, block, c // (block * block), h, w).transpose(0, 3, 4, 1, 5, 2)
        return cells.reshape(n, c // (block * block), h * block, w * block)

    def concat(self, xs: Sequence[Array], axis: int) -> Array:
        return np.concatenate(xs, axis)

    def split(self, x: Array, sizes: Sequence[int], axis: int) -> Sequence[Array]:
        return np.split(x, np.cumsum(sizes)[:-1], axis)

    def reshape(self, x: Array, dims: Sequence[int]) -> Array:
        return x.reshape(reshape_shape(x.shape, dims))

    def reshape_like(self, x: Array, like: Array) -> Array:
        return x.reshape(like.shape)

    def permute(self, x: Array, axes: Sequence[int]) -> Array:
        return x.transpose(axes)

    # ---- arithmetic

    def mean_hw(self, x: Array, channels: int) -> Array:
        if not self._rounding.rounds_sums:
            return x.mean(axis=(2, 3), keepdims=True)
        # Runtimes add up in FP32, in FP16 files too.
        n, c, height, width = x.shape
        total = _IN_FLOAT32.product(x.reshape(n, c, 1, -1), np.ones((height * width, 1), np.float32))
        return self._rounded(total / np.float32(height * width))

    def add(self, x: Array, y: Array | Constant | float, act: Activation | None = None) -> Array:
        total = _operand(x, self._held) + _operand(y, self._held)
        return self._activated(self._made(total, x, "the sum behind "), act)

    def mul(self, x: Array, y: Array | Constant | float) -> Array:
        return self._made(_operand(x, self._held) * _operand(y, self._held), x, "the product behind ")

    def matmul(self, x: Array, y: Array | Constant) -> Array:
        y = _operand(y, self._held)
        product = self._product(x, np.broadcast_to(y, (*x.shape[:-2], *y.shape[-2:])))
        product = product.view(_Wide) if isinstance(x, _Wide) else product
        return self._made(product, x, "the matrix product behind ")

    def softmax(self, x: Array) -> Array:
        powers = np.exp(x.astype(np.float64) - x.max(axis=-1, keepdims=True))
        return self._rounded((powers / powers.sum(axis=-1, keepdims=True)).astype(self._held, copy=False))

    def sigmoid(self, x: Array) -> Array:
        return self._activated(x.copy(), Activation("sigmoid"))

    def sin(self, x: Array) -> Array:
        return self._rounded(np.sin(x))

    def cos(self, x: Array) -> Array:
        return self._rounded(np.cos(x))

    def float32(self, x: Array) -> Array:
        return x.view(_Wide)

    def grid(self, x: Array, offset: float) -> Array:
        rows, columns = np.mgrid[: x.shape[2], : x.shape[3]]
        return (np.stack((columns, rows)).reshape(2, -1) + offset).astype(x.dtype)

    # ---- precision

    def _empty(self, shape: tuple[int, ...], like: Array) -> Array:
        y = np.empty(shape, self._held)
        return y.view(_Wide) if isinstance(like, _Wide) else y

    def _multiply(
        self, matrix: Array, windows: Sequence[Array], ys: Sequence[Array], bias: Array, act: Activation | None
    ) -> None:
        """Fill `ys` with a convolution of `windows`, as `multiply` has them, with its bias and activation."""
        found: list[float] = []

        def finish(total: Array, rows: slice) -> Array:
            total += bias[rows, None]
            if isinstance(ys[0], _Wide):
                return self._activated(total.view(_Wide), act)
            made, largest = self._narrowed(total)
            found.append(largest)
            return self._activated(made, act)

        multiply(matrix, windows, ys, self._rounding, finish)
        if found:
            self._note("", float(np.max(found)))

    def _depthwise(self, windows: Array, y: Array, weight: Array, bias: Array, act: Activation | None) -> Array:
        """Each channel with its own kernel: one multiply-add a tap."""
        y[...] = 0
        for u in range(weight.shape[2]):
            for v in range(weight.shape[3]):
                y += windows[:, :, u, v] * weight[:, 0, u, v, None, None]
        y += bias[:, None, None]
        return self._activated(self._made(y, y), act)

    def _made(self, y: Array, like: Array, what: str = "") -> Array:
        """A new array `y`, rounded like `like`. If a narrow type would have to hold it, its magnitude is noted."""
        if isinstance(like, _Wide):
            return y
        y, largest = self._narrowed(y)
        self._note(what, largest)
        return y

    def _narrowed(self, y: Array) -> tuple[Array, float]:
        """A new array `y` in the precision, and the largest magnitude that it had before."""
        largest = max(float(y.max()), -float(y.min()))
        y = self._rounded(y)
        return (self._rounding.overflown(y) if largest > self._rounding.largest else y), largest

    def _note(self, what: str, largest: float) -> None:
        place = f"{what}{self._layer}"
        self.largest[place] = max(largest, self.largest.get(place, 0.0))

    def _rounded(self, y: Array) -> Array:
        """`y`, rounded in place to the precision, unless it lies behind `float32`."""
        return y if isinstance(y, _Wide) else self._rounding.rounded(y)

    def _activated(self, x: Array, act: Activation | None) -> Array:
        """`x` after the activation, in place."""
        if act is None:
            return x
        function = _ACTIVATIONS[act.kind]
        flat = np.ravel(x)
        for start in range(0, flat.size, PIECE):
            piece = flat[start : start + PIECE]
            piece[...] = function(piece.astype(self._rounding.terms, copy=False), act.slope)
            if act.kind == "sigmoid" and self._rounding.rounds_sums:
                # Runtimes compute ½ + ½·tanh(½x), and lose what is small beside 1 (ONNX Runtime 1.31: off by 3.2e-8
                # in the root mean square at x = -16 as at 4). The confidences of most boxes are as small as that.
                piece += np.float32(1)
                piece -= np.float32(1)
            self._rounded(piece)
        return flat.reshape(x.shape)


class _Wide(np.ndarray):
    """An array behind `float32`: no narrow type ever holds it. Numpy hands the class on to what is computed from it."""


def _operand(value: Array | Constant | float, dtype: np.dtype[Any]) -> Array:
    return np.asanyarray(value.value if isinstance(value, Constant) else value, dtype)


def _padded(x: Array, padding: Pair, value: float = 0.0) -> Array:
    if padding == (0, 0):
        return x
    (top, left), (n, c, height, width) = padding, x.shape
    padded = np.full((n, c, height + 2 * top, width + 2 * left), value, x.dtype)
    padded[:, :, top : top + height, left : left + width] = x
    return padded


def _windows(x: Array, kernel: Pair, stride: Pair, dilation: Pair) -> Array:
    """A view of N×C×H×W as N×C×kernel rows×kernel columns×output rows×output columns."""
    n, c, height, width = x.shape
    (kh, kw), (sy, sx), (dy, dx) = kernel, stride, dilation
    rows, columns = (height - dy * (kh - 1) - 1) // sy + 1, (width - dx * (kw - 1) - 1) // sx + 1
    bn, bc, bh, bw = x.strides
    return np.lib.stride_tricks.as_strided(
        x, (n, c, kh, kw, rows, columns), (bn, bc, dy * bh, dx * bw, sy * bh, sx * bw), writeable=False
    )


def _taken(x: Array, axis: int, start: int, count: int, step: int) -> Array:
    index = [slice(None)] * 4
    index[axis] = slice(start, start + step * (count - 1) + 1, step)
    return x[tuple(index)]


def _silu(x: Array, _: float) -> Array:
    return x / (1 + np.exp(-x))


_ACTIVATIONS: dict[str, Callable[[Array, float], Array]] = {
    "silu": _silu,
    "sigmoid": lambda x, _: 1 / (1 + np.exp(-x)),
    "relu": lambda x, _: np.maximum(x, 0),
    "relu6": lambda x, _: np.clip(x, 0, 6),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, x * slope),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "hardswish": lambda x, _: x * np.clip(x + 3, 0, 6) / 6,
    "tanh": lambda x, _: np.tanh(x),
    "mish": lambda x, _: x * np.tanh(np.logaddexp(0, x)),
}
