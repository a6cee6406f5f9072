"""How many multiplications a forward pass takes, without running it."""

from __future__ import annotations

from ..network.layers import Activation, Constant, Conv2d, ConvTranspose2d
from ..network.network import Network
from ..network.ops import Shape, numel
from .weigher import Ghost, Meter, Weigher


def products(network: Network, image: Shape) -> int:
    """The multiplications of convolutions and matrix products for an N×C×H×W image.

    Raises `ShapeMismatch` for a size that does not suit the network.
    """
    counter = _Counter(Meter())
    counter.run(network, counter.new(image, 4), 4)
    return counter.products


class _Counter(Weigher):
    """A weigher that counts as it goes."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter)
        self.products = 0

    def conv(self, x: Ghost, layer: Conv2d, act: Activation | None = None) -> Ghost:
        y = super().conv(x, layer, act)
        self.products += int(numel(y.shape) * numel(layer.shape[1:]))
        return y

    def conv_transpose(self, x: Ghost, layer: ConvTranspose2d, act: Activation | None = None) -> Ghost:
        self.products += int(numel(x.shape) * numel(layer.shape[1:]))
        return super().conv_transpose(x, layer, act)

    def matmul(self, x: Ghost, y: Ghost | Constant) -> Ghost:
        z = super().matmul(x, y)
        self.products += int(numel(z.shape) * x.shape[-1])
        return z
