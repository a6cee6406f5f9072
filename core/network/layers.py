"""The leaves of every description: layers that own weights, folded and loaded when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pair = tuple[int, int]  # height first, as everywhere


class Weights(NamedTuple):
    """A layer's weight and bias, float32, C-contiguous."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


# Reads a layer's tensors and folds what belongs to it (batch norm, a preceding linear layer, …).
Load = Callable[[], Weights]
# Takes an array; what it returns gives it back.
Put = Callable[["NDArray[np.float32]"], Callable[[], "NDArray[np.float32]"]]


def in_memory(array: NDArray[np.float32]) -> Callable[[], NDArray[np.float32]]:
    """Keep an array in memory."""
    return lambda: array


class Weighted:
    """A layer's weights: folded when first asked for, and then kept in memory, or where `keep` puts them."""

    load: Load

    @property
    def weights(self) -> Weights:
        return self._kept()

    @cached_property
    def bias(self) -> NDArray[np.float32]:
        """Its bias alone."""
        return self._kept().bias

    @cached_property
    def _kept(self) -> Load:
        weights = self.load()
        return lambda: weights

    def keep(self, put: Put) -> None:
        """Fold them now, and keep them where `put` puts the weight; the bias is small."""
        weight, bias = self.load()
        read = put(weight)
        self.__dict__.update(bias=bias, _kept=lambda: Weights(read(), bias))


@dataclass(frozen=True, eq=False)
class Conv2d(Weighted):
    """A convolution with bias. `shape`: (out channels, in channels / groups, kernel height, kernel width)."""

    name: str  # the module's dotted name in the checkpoint: its initializers are called after it
    shape: tuple[int, int, int, int]
    load: Load
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def out_channels(self) -> int:
        return self.shape[0]

    @property
    def in_channels(self) -> int:
        return self.shape[1] * self.groups


@dataclass(frozen=True, eq=False)
class ConvTranspose2d(Weighted):
    """A transposed convolution with bias. `shape`: (in channels, out channels / groups, kernel height, width)."""

    name: str
    shape: tuple[int, int, int, int]
    load: Load
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    groups: int = 1

    @property
    def out_channels(self) -> int:
        return self.shape[1] * self.groups

    @property
    def in_channels(self) -> int:
        return self.shape[0]


@dataclass(frozen=True, eq=False)
class Constant:
    """A float32 tensor that the network computes with and training does not move: anchors, for example.

    It meets float32 tensors only, so that it stays float32 in an FP16 network.
    """

    name: str
    shape: tuple[int, ...]
    values: tuple[float, ...]

    @cached_property
    def value(self) -> NDArray[np.float32]:
        import numpy as np

        return np.array(self.values, np.float32).reshape(self.shape)


@dataclass(frozen=True)
class Activation:
    """An elementwise activation: `silu`, `relu`, `leaky_relu` (with its slope), `hardswish`, …"""

    kind: str
    slope: float = 0.0


Layer = Conv2d | ConvTranspose2d | Constant


def layers_of(node: object) -> Iterator[Layer]:
    """The layers of a description, each once, in the order of its fields."""
    seen: set[int] = set()
    for layer in _leaves(node):
        if id(layer) not in seen:
            seen.add(id(layer))
            yield layer


def _leaves(node: object) -> Iterator[Layer]:
    if isinstance(node, Conv2d | ConvTranspose2d | Constant):
        yield node
    elif isinstance(node, tuple | list):
        for item in node:
            yield from _leaves(item)
    elif is_dataclass(node):
        for part in fields(node):
            yield from _leaves(getattr(node, part.name))
