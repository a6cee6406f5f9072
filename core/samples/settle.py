"""Settle the batch norms of a sample: let it see images, and take the statistics of what flows through it.

Without that, a deep untrained network answers nearly the same to every image, and nothing can be verified.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..images.synthetic import structured_batch
from ..network.layers import Activation, Conv2d
from ..network.network import Network
from ..precisions.dtype import FLOAT32
from ..readings.reference import Array, Reference
from .yolov5 import Norm

_EPS = 0.001


def settle(network: Network, norms: Mapping[str, Norm]) -> None:
    """Set the mean and variance of each norm to those of the structured images. `norms`: by layer name."""
    image = structured_batch(network.channels, 4 * network.stride, 5 * network.stride, 0, 2)
    _Settling(norms).run(network, image)


class _Settling(Reference):
    """A float32 reading that normalises each convolution by its own statistics, and keeps them."""

    def __init__(self, norms: Mapping[str, Norm]) -> None:
        super().__init__(FLOAT32)
        self._norms = norms

    def conv(self, x: Array, layer: Conv2d, act: Activation | None = None) -> Array:
        norm = self._norms.get(layer.name)
        if norm is None:
            return super().conv(x, layer, act)
        # The layer's norm has mean 0 and variance 1 so far: undone, it leaves the bare convolution.
        weight, bias = (array.astype(np.float32)[:, None, None] for array in (norm.weight, norm.bias))
        bare = (super().conv(x, layer) - bias) / weight * np.float32(np.sqrt(1 + _EPS))
        mean, variance = bare.mean(axis=(0, 2, 3)), bare.var(axis=(0, 2, 3))
        norm.mean[:], norm.variance[:] = mean, variance
        scale = weight / np.sqrt(variance + _EPS)[:, None, None]
        return self._activated((bare - mean[:, None, None]) * scale + bias, act)
