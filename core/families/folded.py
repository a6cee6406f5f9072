"""From modules to layers: batch norm folded into the convolution before it, linear maps as 1×1 convolutions.

A convolution w, b followed by batch norm (γ, β, mean μ, variance σ², ε) is the convolution
w·s, β + (b - μ)·s with s = γ / √(σ² + ε). Folding is done in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from ..errors import WeightsRefused
from ..network.layers import Conv2d, ConvTranspose2d, Weights
from ..shapes import MAX_SIDE
from ..untrusted import printable
from ..weights.tensors import FLOATS, Tensor
from .modules import Module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]


class Affine(NamedTuple):
    """y = scale · x + shift, a channel each."""

    scale: Float64
    shift: Float64


class BatchNorm:
    """An `nn.BatchNorm2d` in inference, or some of its channels."""

    def __init__(self, module: Module) -> None:
        """Raises `WeightsRefused` if a statistic is missing or has another length than the module says."""
        self._module = module
        self._eps = module.number("eps", least=0)
        self._first = 0
        self._total = self.channels = module.integer("num_features", least=1)
        self._mean = module.required("running_mean", self._total)
        self._variance = module.required("running_var", self._total)
        self._weight = module.weights("weight", self._total)
        self._bias = module.weights("bias", self._total)

    def split(self, counts: Sequence[int]) -> list[BatchNorm]:
        """Its channels in parts of these sizes. Raises `WeightsRefused` if they do not add up."""
        if sum(counts) != self.channels:
            message = f"{self._module} has {self.channels} channels, the convolutions before it {sum(counts)}"
            raise WeightsRefused(message)
        parts: list[BatchNorm] = []
        for i, count in enumerate(counts):
            part = copy(self)
            part._first, part.channels = self._first + sum(counts[:i]), count
            parts.append(part)
        return parts

    def load(self) -> Affine:
        import numpy as np

        weight = np.ones(self._total) if self._weight is None else float64(self._weight)
        bias = _vector(self._bias, self._total)
        scale, shift = affine(weight, bias, float64(self._mean), float64(self._variance), self._eps)
        mine = slice(self._first, self._first + self.channels)
        return Affine(scale[mine], shift[mine])


def affine(weight: Float64, bias: Float64, mean: Float64, variance: Float64, eps: float) -> Affine:
    """What a batch norm with these statistics does in inference."""
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        scale = weight / np.sqrt(variance + eps)
    return Affine(scale, bias - mean * scale)


def folded(weight: Float64, bias: Float64, norm: Affine) -> tuple[Float64, Float64]:
    """Weight and bias of a convolution with the norm behind it."""
    return weight * norm.scale[:, None, None, None], bias * norm.scale + norm.shift


def folded_transpose(weight: Float64, bias: Float64, norm: Affine, groups: int) -> tuple[Float64, Float64]:
    """Weight and bias of a transposed convolution with the norm behind it."""
    ins, outs = weight.shape[:2]
    # Input channel i belongs to group i // (in / groups), whose outputs the second axis counts.
    of_group = norm.scale.reshape(groups, 1, outs).repeat(ins // groups, axis=1)
    return weight * of_group.reshape(ins, outs, 1, 1), bias * norm.scale + norm.shift


def conv(module: Module, norm: BatchNorm | None = None) -> Conv2d:
    """The layer of an `nn.Conv2d`, with the batch norm behind it folded in.

    Raises `WeightsRefused` for a padding mode other than zeros, or weights that do not suit the attributes.
    """
    in_channels, out_channels, groups = _channels(module, norm)
    shape = (out_channels, in_channels // groups, *_window(module, "kernel_size", 1))
    weight, bias = module.required("weight", *shape), module.weights("bias", out_channels)

    def load() -> Weights:
        w, b = float64(weight), _vector(bias, out_channels)
        if norm is not None:
            w, b = folded(w, b, norm.load())
        return finished(module, w, b)

    return Conv2d(
        name=module.path,
        shape=shape,
        load=load,
        stride=_window(module, "stride", 1),
        padding=_window(module, "padding", 0),
        dilation=_window(module, "dilation", 1),
        groups=groups,
    )


def conv_part(layer: Conv2d, name: str, channels: Sequence[int], scale: float = 1.0) -> Conv2d:
    """Those output channels of a convolution without groups, times `scale`, as a layer of its own.

    Where a network parts what a convolution gives, runtimes copy the parts; several convolutions give them as they are.
    """
    if layer.groups != 1:
        raise WeightsRefused(f"{layer.name} has groups, and cannot be parted")

    def load() -> Weights:
        import numpy as np

        weight, bias = layer.load()
        return Weights(np.float32(scale) * weight[list(channels)], np.float32(scale) * bias[list(channels)])

    shape = (len(channels), *layer.shape[1:])
    return Conv2d(f"{layer.name}.{name}", shape, load, layer.stride, layer.padding, layer.dilation)


def conv_sum(first: Conv2d, *others: Conv2d) -> Conv2d:
    """Convolutions of one input whose results are added up, as the one that they amount to, named after the first.

    All have odd kernels and keep the place of a pixel; a smaller kernel is the largest one with zeros around it.
    Raises `WeightsRefused` for any others.
    """
    layers = (first, *others)
    height, width = (max(layer.shape[axis] for layer in layers) for axis in (2, 3))
    same = {(layer.shape[:2], layer.stride, layer.dilation, layer.groups) for layer in layers}
    centered = all(layer.padding == (layer.shape[2] // 2, layer.shape[3] // 2) for layer in layers)
    odd = all(layer.shape[axis] % 2 for layer in layers for axis in (2, 3))
    if len(same) != 1 or not centered or not odd:
        raise WeightsRefused(f"{first.name} and the convolutions that are added to it do not suit each other")

    def load() -> Weights:
        import numpy as np

        weight = np.zeros((*first.shape[:2], height, width))
        bias = np.zeros(first.out_channels)
        for layer in layers:
            w, b = layer.load()
            top, left = (height - w.shape[2]) // 2, (width - w.shape[3]) // 2
            weight[:, :, top : top + w.shape[2], left : left + w.shape[3]] += w
            bias += b
        return finished(first.name, weight, bias)

    shape = (*first.shape[:2], height, width)
    padding = (height // 2, width // 2)
    return Conv2d(first.name, shape, load, first.stride, padding, first.dilation, first.groups)


def scaled_channels(name: str, channels: int, kernel: int, load: Callable[[], Float64]) -> Conv2d:
    """A kernel for each channel by itself, without padding. `load`: its values, channels×kernel×kernel."""

    def weights() -> Weights:
        import numpy as np

        return finished(name, load()[:, None], np.zeros(channels))

    return Conv2d(name, (channels, 1, kernel, kernel), weights, groups=channels)


def conv_transpose(module: Module, norm: BatchNorm | None = None) -> ConvTranspose2d:
    """The layer of an `nn.ConvTranspose2d`, with the batch norm behind it folded in. Raises `WeightsRefused`."""
    in_channels, out_channels, groups = _channels(module, norm)
    if module.pair("output_padding") != (0, 0) or module.pair("dilation") != (1, 1):
        raise WeightsRefused(f"{module}: output padding and dilation are not supported")
    shape = (in_channels, out_channels // groups, *_window(module, "kernel_size", 1))
    weight, bias = module.required("weight", *shape), module.weights("bias", out_channels)

    def load() -> Weights:
        w, b = float64(weight), _vector(bias, out_channels)
        if norm is not None:
            w, b = folded_transpose(w, b, norm.load(), groups)
        return finished(module, w, b)

    return ConvTranspose2d(
        name=module.path,
        shape=shape,
        load=load,
        stride=_window(module, "stride", 1),
        padding=_window(module, "padding", 0),
        groups=groups,
    )


def batch_norm(module: Module) -> Conv2d:
    """The layer of an `nn.BatchNorm2d` that follows no convolution: one weight a channel."""
    norm = BatchNorm(module)

    def load() -> Weights:
        scale, shift = norm.load()
        return finished(module, scale.reshape(-1, 1, 1, 1), shift)

    return Conv2d(module.path, (norm.channels, 1, 1, 1), load, groups=norm.channels)


class Linear:
    """A linear map over channels, y = matrix·x + bias, whose arrays are loaded when asked for."""

    def __init__(self, out_channels: int, in_channels: int, load: Callable[[], tuple[Float64, Float64]]) -> None:
        self.out_channels, self.in_channels, self.load = out_channels, in_channels, load

    def after(self, inner: Linear) -> Linear:
        """The map that applies `inner` first and then this one."""

        def load() -> tuple[Float64, Float64]:
            matrix, bias = self.load()
            inner_matrix, inner_bias = inner.load()
            return matrix @ inner_matrix, matrix @ inner_bias + bias

        return Linear(self.out_channels, inner.in_channels, load)

    def scaled(self, factor: float) -> Linear:
        """The map with its result multiplied by `factor`."""

        def load() -> tuple[Float64, Float64]:
            matrix, bias = self.load()
            return matrix * factor, bias * factor

        return Linear(self.out_channels, self.in_channels, load)

    def as_conv(self, module: Module) -> Conv2d:
        """The map as a 1×1 convolution, named after `module`."""

        def load() -> Weights:
            matrix, bias = self.load()
            return finished(module, matrix[:, :, None, None], bias)

        return Conv2d(name=module.path, shape=(self.out_channels, self.in_channels, 1, 1), load=load)


def linear(module: Module) -> Linear:
    """The map of an `nn.Linear`. Raises `WeightsRefused` if its weights do not suit its attributes."""
    out_channels, in_channels = module.integer("out_features", 1), module.integer("in_features", 1)
    weight = module.required("weight", out_channels, in_channels)
    return rows(weight, module.weights("bias", out_channels), 0, out_channels)


def rows(weight: Tensor, bias: Tensor | None, first: int, count: int) -> Linear:
    """The map of `count` rows of a matrix and its bias, from row `first` on."""

    def load() -> tuple[Float64, Float64]:
        part = slice(first, first + count)
        return float64(weight)[part], _vector(bias, weight.shape[0])[part]

    return Linear(count, weight.shape[1], load)


def float64(tensor: Tensor) -> Float64:
    """The elements of `tensor` in float64. Raises `WeightsRefused` if they are no floating-point numbers."""
    import numpy as np

    if tensor.dtype.name not in FLOATS:
        raise WeightsRefused(
            f"tensor data {printable(tensor.storage.key)} is {tensor.dtype}, which no weights here are"
        )
    return tensor.array().astype(np.float64)


def finished(module: Module | str, weight: Float64, bias: Float64) -> Weights:
    """Folded weights as float32. `module`: whose they are. Raises `WeightsRefused` if a value is not finite."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        weights = Weights(np.ascontiguousarray(weight, np.float32), np.ascontiguousarray(bias, np.float32))
    bad = sum(array.size - int(np.isfinite(array).sum()) for array in weights)
    if bad:
        raise WeightsRefused(
            f"the weights of {module} hold {bad} values that are NaN or infinite: the training diverged",
            "use an earlier checkpoint",
        )
    return weights


def _channels(module: Module, norm: BatchNorm | None) -> tuple[int, int, int]:
    """(in, out, groups) of a convolution, checked."""
    mode = module.attribute("padding_mode")
    if mode not in (None, "zeros"):
        raise WeightsRefused(f"{module}: only padding with zeros is supported")
    in_channels, out_channels = module.integer("in_channels", 1), module.integer("out_channels", 1)
    groups = module.integer("groups", 1)
    if in_channels % groups or out_channels % groups:
        raise WeightsRefused(f"{module}: {in_channels} → {out_channels} channels do not form {groups} groups")
    if norm is not None and out_channels != norm.channels:
        raise WeightsRefused(f"{module} has {out_channels} channels, the batch norm behind it {norm.channels}")
    return in_channels, out_channels, groups


def _vector(tensor: Tensor | None, length: int) -> Float64:
    """A bias in float64, zeros where there is none."""
    import numpy as np

    return np.zeros(length) if tensor is None else float64(tensor)


def _window(module: Module, name: str, least: int) -> tuple[int, int]:
    """Height and width in px of a window or of its steps, none of them larger than the largest image."""
    return module.pair(name, least, MAX_SIDE)
