"""The float64 reference on ghosts: what it holds at its peak, with what numpy makes inside an operation and drops."""

from __future__ import annotations

from ..network import ops as rules
from ..network.layers import Activation, Conv2d, ConvTranspose2d, Pair
from ..network.network import Network
from ..network.ops import Dim, Shape, numel
from .lifetimes import Meter
from .weigher import Ghost, Weigher

_ITEMSIZE = 8


def reference_peak(network: Network, image: Shape) -> Dim:
    """Bytes alive at the peak of the reference's pass over an N×C×H×W image.

    Raises `ShapeMismatch`. The buffers of its convolutions, of `products.THREAD_NBYTES` a thread, are not counted.
    """
    meter = Meter()
    weigher = _ReferenceWeigher(meter)
    _outputs = weigher.run(network, weigher.new(image, _ITEMSIZE), _ITEMSIZE)
    return meter.as_described(0).peak_nbytes


class _ReferenceWeigher(Weigher):
    """The operations as `Reference` computes them. A local variable is an array that lives until the end of its own."""

    def conv(self, x: Ghost, layer: Conv2d, act: Activation | None = None) -> Ghost:
        _padded = self._padded(x, layer.padding)
        y = super().conv(x, layer, act)
        if layer.groups == layer.in_channels == layer.out_channels:
            self.new(y.shape, _ITEMSIZE)  # the products of one tap
        return y

    def conv_transpose(self, x: Ghost, layer: ConvTranspose2d, act: Activation | None = None) -> Ghost:
        n, _, height, width = x.shape
        sides = ((side - 1) * s + k for side, s, k in zip((height, width), layer.stride, layer.shape[2:], strict=True))
        _target = self.new((n, layer.out_channels, *sides), _ITEMSIZE)
        _part = self.new((n, layer.out_channels, height, width), _ITEMSIZE)
        return super().conv_transpose(x, layer, act)

    def max_pool(self, x: Ghost, kernel: Pair, stride: Pair, padding: Pair) -> Ghost:
        padded = self._padded(x, padding)
        rows = rules.max_pool_shape(x.shape, kernel, stride, padding)[2]
        best = self.new((*padded.shape[:2], rows, padded.shape[3]), _ITEMSIZE)
        padded = best  # along the rows first, then along the columns
        del best
        return self._made(rules.max_pool_shape(x.shape, kernel, stride, padding), x, padded)

    def upsample(self, x: Ghost, scale: int) -> Ghost:
        n, c, height, width = x.shape
        _rows = self.new((n, c, height * scale, width), _ITEMSIZE)
        return super().upsample(x, scale)

    def softmax(self, x: Ghost) -> Ghost:
        _powers = self.new(x.shape, _ITEMSIZE)
        return super().softmax(x)

    def float32(self, x: Ghost) -> Ghost:
        return x

    def grid(self, x: Ghost, offset: float) -> Ghost:
        cells = numel(x.shape[2:])
        _both = self.new((2, cells), _ITEMSIZE)
        _moved = self.new((2, cells), _ITEMSIZE)
        return self._made((2, cells), x)

    def _padded(self, x: Ghost, padding: Pair) -> Ghost:
        if padding == (0, 0):
            return x
        n, c, height, width = x.shape
        return self.new((n, c, height + 2 * padding[0], width + 2 * padding[1]), _ITEMSIZE)
