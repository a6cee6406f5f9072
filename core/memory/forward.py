"""A forward pass of a TorchScript file in bytes, before it runs: its peak, the layer of the peak, each allocation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..network.network import Network
from ..network.ops import numel
from ..precisions import Precision
from ..precisions.dtype import FLOAT32, DType
from ..readings.weigher import weigh, weight_tensors
from ..shapes import InputShape
from .allocator import Step


@dataclass(frozen=True)
class Forward:
    """A forward pass of one network, shape and precision, as TorchScript's interpreter runs the file. Sizes in bytes.

    `peak_nbytes`: all that is alive at the worst moment, with weights and input. `peak_layer`: the last layer
    begun before it. `steps`: the weights' tensors, one by one, then what the pass allocates and frees.
    """

    peak_nbytes: int
    peak_layer: str
    weights_nbytes: int
    image_nbytes: int
    steps: tuple[Step, ...]

    @property
    def activations_nbytes(self) -> int:
        """What is alive at the peak beside the weights and the input."""
        return self.peak_nbytes - self.weights_nbytes - self.image_nbytes


def forward(network: Network, shape: InputShape, precision: Precision, io: DType = FLOAT32) -> Forward:
    """Weigh a forward pass, without reading a weight. `io`: what the input and the outputs are.

    Raises `ShapeMismatch` for a size that does not suit the network.
    """
    weighed = weigh(network, shape.dims, precision, io)
    weights = [(-1 - i, nbytes) for i, nbytes in enumerate(weight_tensors(network, precision.weights.itemsize))]
    return Forward(
        peak_nbytes=int(weighed.file.peak_nbytes),
        peak_layer=weighed.file.peak_layer,
        weights_nbytes=weighed.weights_nbytes,
        image_nbytes=int(numel(shape.dims)) * io.itemsize,
        steps=(*weights, *((key, int(nbytes)) for key, nbytes in weighed.file.steps)),
    )


def in_turn(passes: Iterable[Forward]) -> tuple[Step, ...]:
    """The allocations of several files that are loaded and run one after the other, each let go of before the next."""
    steps: list[Step] = []
    for number, passed in enumerate(passes):
        alive: dict[int, int] = {}
        for key, nbytes in passed.steps:
            if nbytes > 0:
                alive[key] = nbytes
            else:
                alive.pop(key, None)
            steps.append((_key(number, key), nbytes))
        steps += ((_key(number, key), -nbytes) for key, nbytes in alive.items())
    return tuple(steps)


def _key(number: int, key: int) -> int:
    return (key << 16) + number
