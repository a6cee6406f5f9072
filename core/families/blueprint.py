"""From a state dict to layers: what a network needs of it is noted, and every way of not being that is told.

A state dict has tensors and no modules, so a description says itself which layer has which kernel and stride.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import WeightsRefused
from ..network.layers import Conv2d, ConvTranspose2d, Weights
from ..untrusted import printable
from ..weights.tensors import FLOATS, Tensor
from .folded import Affine, affine, finished, float64, folded, folded_transpose

if TYPE_CHECKING:
    from .folded import Float64

NORM_EPS = 1e-5  # of torch's nn.BatchNorm2d, unless a network sets another
_NORM = ("weight", "bias", "running_mean", "running_var")
_TOLD = 8  # keys of each kind that an error lists


class Blueprint:
    """Makes a network's layers, and notes which tensors (by key and shape) it takes them from.

    Layers load their weights when they are asked for, so a blueprint can be made of a state dict that lacks
    some, or of an empty one: `check` tells, and must be called before weights are loaded.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors
        self.needed: dict[str, tuple[int, ...]] = {}
        self._allowed: set[str] = set()  # keys that may be there and change nothing

    # ---- layers

    def conv(
        self,
        path: str,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        norm: str = "",
        bias: bool = False,
    ) -> Conv2d:
        """A convolution with an odd kernel, padded so that stride 1 keeps the size. `norm`: of what is behind it."""
        shape = (out_channels, in_channels // groups, kernel, kernel)
        self._need(path, shape, out_channels, norm, bias)

        def load() -> Weights:
            return finished(path, *self._convolution(path, norm, bias))

        return Conv2d(path, shape, load, (stride, stride), (kernel // 2, kernel // 2), groups=groups)

    def sum_of_depthwise(
        self, path: str, parts: Sequence[tuple[str, int, str]], channels: int, *, stride: int = 1
    ) -> Conv2d:
        """Depthwise convolutions of one input whose results are added up, as the one that they amount to.

        `parts`: path, kernel (odd) and norm of each. A smaller kernel is the larger one with zeros around it.
        """
        largest = max(kernel for _, kernel, _ in parts)
        for part, kernel, norm in parts:
            self._need(part, (channels, 1, kernel, kernel), channels, norm, bias=False)

        def load() -> Weights:
            import numpy as np

            weight, bias = np.zeros((channels, 1, largest, largest)), np.zeros(channels)
            for part, kernel, norm in parts:
                w, b = self._convolution(part, norm, bias=False)
                border = (largest - kernel) // 2
                weight[:, :, border : border + kernel, border : border + kernel] += w
                bias += b
            return finished(path, weight, bias)

        both = (stride, stride), (largest // 2, largest // 2)
        return Conv2d(path, (channels, 1, largest, largest), load, *both, groups=channels)

    def conv_transpose(
        self, path: str, in_channels: int, out_channels: int, kernel: int, *, groups: int = 1, norm: str = ""
    ) -> ConvTranspose2d:
        """A transposed convolution with bias whose stride is its kernel: it enlarges by that factor."""
        shape = (in_channels, out_channels // groups, kernel, kernel)
        self._need(path, shape, out_channels, norm, bias=True)

        def load() -> Weights:
            w, b = self._array(f"{path}.weight"), self._array(f"{path}.bias")
            if norm:
                w, b = folded_transpose(w, b, self._norm(norm), groups)
            return finished(path, w, b)

        return ConvTranspose2d(path, shape, load, (kernel, kernel), groups=groups)

    def slope(self, path: str) -> float:
        """The one slope of an `nn.PReLU`; 0 as long as it is missing. Raises `WeightsRefused` if it is not finite."""
        key = f"{path}.weight"
        self.needed[key] = (1,)
        tensor = self._tensors.get(key)
        if tensor is None or _unlike(tensor, (1,)):
            return 0.0
        (slope,) = tensor.values()
        if not math.isfinite(slope):
            raise WeightsRefused(f"{key} is {slope}: the training diverged", "use an earlier checkpoint")
        return slope

    # ---- what is there and what is not

    def check(self, unused: Collection[str]) -> None:
        """Raises `WeightsRefused` that lists every key that is missing, not known, or of another shape.

        `unused`: beginnings of keys that the network has no use for.
        """
        needed, there, beginnings = self.needed, self._tensors, tuple(unused)
        missing = [key for key in needed if key not in there]
        surplus = [key for key in there if not (key in needed or key in self._allowed or key.startswith(beginnings))]
        misshapen = [key for key, shape in needed.items() if key in there and _unlike(there[key], shape)]
        # Only those that are listed are spelled: there may be a hundred thousand.
        told = (
            ("missing", missing, lambda key: _dims(needed[key])),
            ("not known", surplus, lambda key: _dims(there[key].shape)),
            ("not as expected", misshapen, lambda key: _instead(there[key], needed[key])),
        )
        problems = [f"{len(keys)} {what}: {_listed(keys, spell)}" for what, keys, spell in told if keys]
        if problems:
            raise WeightsRefused(
                f"the state dict is not this network's: {'; '.join(problems)}",
                "give the weights as they were saved; a changed network cannot be exported",
            )

    # ---- parts of the above

    def _need(self, path: str, shape: tuple[int, ...], out_channels: int, norm: str, bias: bool) -> None:
        self.needed[f"{path}.weight"] = shape
        if bias:
            self.needed[f"{path}.bias"] = (out_channels,)
        if norm:
            for name in _NORM:
                self.needed[f"{norm}.{name}"] = (out_channels,)
            self._allowed.add(f"{norm}.num_batches_tracked")

    def _array(self, key: str) -> Float64:
        return float64(self._tensors[key])

    def _norm(self, path: str) -> Affine:
        weight, bias, mean, variance = (self._array(f"{path}.{name}") for name in _NORM)
        return affine(weight, bias, mean, variance, NORM_EPS)

    def _convolution(self, path: str, norm: str, bias: bool) -> tuple[Float64, Float64]:
        import numpy as np

        weight = self._array(f"{path}.weight")
        values = self._array(f"{path}.bias") if bias else np.zeros(len(weight))
        return folded(weight, values, self._norm(norm)) if norm else (weight, values)


def _unlike(tensor: Tensor, shape: tuple[int, ...]) -> str:
    """What a tensor is instead of weights of this shape; empty if it is that."""
    if tensor.dtype.name not in FLOATS:
        return f"{_dims(tensor.shape)} in {tensor.dtype}"
    if tensor.repeats:
        return f"{_dims(tensor.shape)} that repeats its elements"
    return "" if tensor.shape == shape else _dims(tensor.shape)


def _instead(tensor: Tensor, shape: tuple[int, ...]) -> str:
    return f"{_unlike(tensor, shape)}, {_dims(shape)} was expected"


def _dims(shape: Iterable[int]) -> str:
    return printable("×".join(map(str, shape))) or "one value"


def _listed(keys: Sequence[str], spell: Callable[[str], str]) -> str:
    """The first keys, each with what `spell` says of it."""
    more = f" and {len(keys) - _TOLD} more" if len(keys) > _TOLD else ""
    return ", ".join(f"{printable(key)} ({spell(key)})" for key in keys[:_TOLD]) + more
