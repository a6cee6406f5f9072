"""The sizes of a network's ONNX files, to the byte, before they exist."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial

from ...network.layers import Constant, layers_of
from ...network.network import Network
from ...precisions import ALL_PRECISIONS, Precision
from ...readings.size_constants import size_constants
from ...shapes import InputShape
from ..contract import contract
from ..provenance import Provenance, metadata
from ..target import Build, Size
from .model import onnx_model
from .options import OPSET
from .pieces import body_nbytes, initializers_nbytes, model_nbytes
from .size_initializers import initializer
from .writer import Model

_QUANTISED_LAYER = 800  # bytes of nodes and names: an input and an output in 8 bits
GROWS = "at least, for layers that the images show to need it stay float: up to 0.6 × FP32"
_CONTRACTS = len({precision.io for precision in ALL_PRECISIONS})  # files differ in what they take and give


class OnnxSizer:
    """Asked again, it reuses what does not depend on the size of the image."""

    def __init__(self, network: Network) -> None:
        self._network = network
        # A written model, and the bytes of its graph without what follows from the size of the image.
        self._written: dict[object, tuple[Model, int]] = {}
        # What the files of one size have in common: as many as differ in their types, of the size asked for last.
        self._contract = lru_cache(_CONTRACTS)(partial(contract, network))
        self._varying = lru_cache(1)(partial(_varying_nbytes, network))

    def size(self, build: Build, provenance: Provenance) -> Size:
        """The bytes of the file. Raises `BadRequest` if the network cannot take the size."""
        network, shape, opset = self._network, build.shape, build.values[OPSET]
        promised = self._contract(shape, build.io, dynamic=build.dynamic, nms=build.nms)
        varying = 0 if build.dynamic else self._varying(shape)
        key = (build.precision, build.io, opset, build.dynamic, build.nms)
        if key not in self._written:
            model = onnx_model(network, promised, build.precision, opset, shape, provenance)
            self._written[key] = model, body_nbytes(model.graph) - varying
        model, same = self._written[key]
        ports = zip(model.outputs, promised.outputs, strict=True)
        model = replace(
            model,
            input=replace(model.input, dims=promised.input.dims),
            outputs=tuple(replace(port, dims=output.dims) for port, output in ports),
            metadata=metadata(network, build.precision, shape, provenance, build.nms),
        )
        nbytes = model_nbytes(model, same + varying)
        return _quantised(network, nbytes, build.precision) if build.precision.needs_images else Size(nbytes)


def _varying_nbytes(network: Network, shape: InputShape) -> int:
    """The bytes of what follows from the size of the image in a file for that size."""
    return initializers_nbytes(map(initializer, size_constants(network, shape.dims)))


def _quantised(network: Network, full: int, precision: Precision) -> Size:
    """The size with all weights in 8 bits, and what describes them; `full`: of the same file in float32.

    Each output channel has a step (4 bytes), and its bias too; a tensor in 8 bits has some 400 bytes of nodes.
    """
    layers = [layer for layer in layers_of(network.body) if not isinstance(layer, Constant)]
    narrower = 4 - precision.weights.itemsize
    saved = sum(narrower * math.prod(layer.shape) for layer in layers)
    steps = sum(8 * layer.out_channels + _QUANTISED_LAYER for layer in layers)
    return Size(full - saved + steps, GROWS)
