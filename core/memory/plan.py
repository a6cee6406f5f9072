"""A forward pass in bytes, before it runs: its peak, the layer of the peak, and every allocation in order."""

from __future__ import annotations

from dataclasses import dataclass

from ..formats import Precision
from ..network.network import Network
from ..network.ops import Dim, numel
from ..readings.weigher import Meter, weigh, weight_tensors
from ..shapes import InputShape
from .allocator import Step


@dataclass(frozen=True)
class Forward:
    """A forward pass of one network, shape and precision, as the run reading does it. All sizes in bytes.

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


def forward(network: Network, shape: InputShape, precision: Precision, *, half_io: bool = False) -> Forward:
    """Weigh a forward pass, without reading a weight. `half_io`: input and outputs are float16 in FP16.

    Raises `ShapeMismatch` for a size that does not suit the network.
    """
    half = precision is Precision.FP16
    meter = _Recorder()
    weighed = weigh(network, shape.dims, half=half, half_io=half_io and half, meter=meter)
    image = int(numel(shape.dims)) * (2 if half_io and half else 4)
    weights = [(-1 - i, nbytes) for i, nbytes in enumerate(weight_tensors(network, precision.itemsize))]
    return Forward(
        peak_nbytes=int(weighed.peak_nbytes),
        peak_layer=weighed.peak_layer,
        weights_nbytes=weighed.weights_nbytes,
        image_nbytes=image,
        steps=(*weights, *meter.steps),
    )


class _Recorder(Meter):
    """A meter that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def born(self, nbytes: Dim) -> int:
        key = super().born(nbytes)
        self.steps.append((key, int(nbytes)))
        return key

    def died(self, nbytes: Dim, key: int) -> None:
        super().died(nbytes, key)
        self.steps.append((key, -int(nbytes)))
