"""weigh: a network run on ghosts, which have a shape and no data: the peak of live bytes, without torch.

A ghost's storage is born and dies with Python's own reference counts, exactly where torch's would, since
both readings run the same description. Dimensions may be numpy arrays: then one weigh serves many shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..network import ops as rules
from ..network.layers import Activation, Constant, Conv2d, ConvTranspose2d, Pair, layers_of
from ..network.network import Network
from ..network.ops import Dim, Shape, numel

_INDEX_ITEMSIZE = 8  # torch computes the int64 indices of a max pooling whether anybody wants them or not


class Meter:
    """Adds up what is alive: bytes now, at the peak, and where the peak was."""

    def __init__(self, live: int = 0) -> None:
        self.live: Dim = live
        self.peak: Dim = live
        self.layer = ""  # being run
        self.peak_layer = ""
        self._births = 0

    def born(self, nbytes: Dim) -> int:
        """A storage of `nbytes` comes to life; the key that it will be let go of by."""
        self.live = self.live + nbytes
        if isinstance(self.live, int) and isinstance(self.peak, int):
            if self.live > self.peak:
                self.peak, self.peak_layer = self.live, self.layer
        else:
            import numpy as np

            self.peak = np.maximum(self.peak, self.live)
        self._births += 1
        return self._births

    def died(self, nbytes: Dim, key: int) -> None:
        """A storage of `nbytes` is let go of; `key` is what `born` gave it."""
        self.live = self.live - nbytes


class _Storage:
    __slots__ = ("key", "meter", "nbytes")

    def __init__(self, meter: Meter, nbytes: Dim) -> None:
        self.meter, self.nbytes = meter, nbytes
        self.key = meter.born(nbytes)

    def __del__(self) -> None:
        self.meter.died(self.nbytes, self.key)


class Ghost:
    """A tensor without data: its shape, its bytes an element, and the storage it shares with its views."""

    __slots__ = ("itemsize", "shape", "storage")

    def __init__(self, shape: Shape, itemsize: int, storage: _Storage) -> None:
        self.shape, self.itemsize, self.storage = shape, itemsize, storage


@dataclass(frozen=True)
class Weighed:
    """A forward pass in bytes. `peak_nbytes` counts weights, input, and all that is alive at the worst moment."""

    peak_nbytes: Dim
    peak_layer: str  # the last layer begun before the peak; empty where many shapes were weighed at once
    weights_nbytes: int
    outputs: tuple[Shape, ...]


def weigh(
    network: Network, image: Shape, *, half: bool = False, half_io: bool = False, meter: Meter | None = None
) -> Weighed:
    """Weigh a forward pass for an N×C×H×W image, without reading a single weight.

    `half`: weights and activations are float16 (a detector's decoding stays float32); `half_io`: the image
    and the outputs too. Raises `ShapeMismatch` for a size that does not suit the network.
    """
    itemsize = 2 if half else 4
    weights = weights_nbytes(network, itemsize)
    meter = Meter() if meter is None else meter
    meter.live = meter.peak = weights
    weigher = Weigher(meter)
    x = weigher.new(image, 2 if half_io else 4)
    outputs = weigher.run(network, x, itemsize)
    return Weighed(meter.peak, meter.peak_layer, weights, tuple(y.shape for y in outputs))


def weights_nbytes(network: Network, itemsize: int) -> int:
    """Bytes of all weights at `itemsize` bytes each, and of the constants, which stay float32."""
    return sum(weight_tensors(network, itemsize))


def weight_tensors(network: Network, itemsize: int) -> list[int]:
    """The bytes of each tensor that the run reading keeps, layer by layer; constants stay float32."""
    sizes: list[int] = []
    for layer in layers_of(network.body):
        if isinstance(layer, Constant):
            sizes.append(4 * len(layer.values))
        else:
            sizes += (int(numel(layer.shape)) * itemsize, layer.out_channels * itemsize)
    return sizes


def grid_sizes(network: Network, image: Shape) -> tuple[Pair, ...]:
    """The size (height, width) of every grid that a forward pass makes, in order. Raises `ShapeMismatch`."""
    weigher = _GridSizes(Meter())
    weigher.run(network, weigher.new(image, 4), 4)
    return tuple(weigher.sizes)


class Weigher:
    """The operations on ghosts: what torch allocates, in torch's order."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def new(self, shape: Shape, itemsize: int) -> Ghost:
        """A ghost with a storage of its own."""
        return Ghost(shape, itemsize, _Storage(self._meter, numel(shape) * itemsize))

    def run(self, network: Network, x: Ghost, itemsize: int) -> tuple[Ghost, ...]:
        """As `TorchRunner.forward`: the input cast to the weights' type, the outputs to the input's."""
        outputs = network.body(self, self._cast(x, itemsize))
        return tuple(self._cast(y, x.itemsize) for y in outputs)

    # ---- convolutions and windows

    def conv(self, x: Ghost, layer: Conv2d, act: Activation | None = None) -> Ghost:
        self._meter.layer = layer.name
        return self.new(rules.conv_shape(x.shape, layer), x.itemsize)

    def conv_transpose(self, x: Ghost, layer: ConvTranspose2d, act: Activation | None = None) -> Ghost:
        self._meter.layer = layer.name
        return self.new(rules.conv_transpose_shape(x.shape, layer), x.itemsize)

    def max_pool(self, x: Ghost, kernel: Pair, stride: Pair, padding: Pair) -> Ghost:
        shape = rules.max_pool_shape(x.shape, kernel, stride, padding)
        y = self.new(shape, x.itemsize)
        self.new(shape, _INDEX_ITEMSIZE)
        return y

    def mean_hw(self, x: Ghost) -> Ghost:
        return self.new((*x.shape[:2], 1, 1), x.itemsize)

    # ---- moving elements

    def pad(self, x: Ghost, left: int, right: int, top: int, bottom: int) -> Ghost:
        n, c, h, w = x.shape
        return self.new((n, c, h + top + bottom, w + left + right), x.itemsize)

    def upsample(self, x: Ghost, scale: int) -> Ghost:
        n, c, h, w = x.shape
        return self.new((n, c, h * scale, w * scale), x.itemsize)

    def space_to_depth(self, x: Ghost, block: int) -> Ghost:
        return self.new(rules.space_to_depth_shape(x.shape, block), x.itemsize)

    def depth_to_space(self, x: Ghost, block: int) -> Ghost:
        return self.new(rules.depth_to_space_shape(x.shape, block), x.itemsize)

    def concat(self, xs: Sequence[Ghost], axis: int) -> Ghost:
        return self.new(rules.concat_shape([x.shape for x in xs], axis), xs[0].itemsize)

    def split(self, x: Ghost, sizes: Sequence[int], axis: int) -> Sequence[Ghost]:
        return [Ghost((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.itemsize, x.storage) for n in sizes]

    def reshape(self, x: Ghost, dims: Sequence[int]) -> Ghost:
        return Ghost(rules.reshape_shape(x.shape, dims), x.itemsize, x.storage)

    def reshape_like(self, x: Ghost, like: Ghost) -> Ghost:
        return Ghost(like.shape, x.itemsize, x.storage)

    def permute(self, x: Ghost, axes: Sequence[int]) -> Ghost:
        return self.new(tuple(x.shape[axis] for axis in axes), x.itemsize)

    # ---- arithmetic

    def add(self, x: Ghost, y: Ghost | Constant | float, act: Activation | None = None) -> Ghost:
        return self._elementwise(x, y)

    def mul(self, x: Ghost, y: Ghost | Constant | float) -> Ghost:
        return self._elementwise(x, y)

    def matmul(self, x: Ghost, y: Ghost) -> Ghost:
        return self.new(rules.matmul_shape(x.shape, y.shape), x.itemsize)

    def softmax(self, x: Ghost) -> Ghost:
        return self.new(x.shape, x.itemsize)

    def sigmoid(self, x: Ghost) -> Ghost:
        return self.new(x.shape, x.itemsize)

    def float32(self, x: Ghost) -> Ghost:
        return self._cast(x, 4)

    def grid(self, x: Ghost) -> Ghost:
        # ones, two running sums, each less one, and the two stacked: as TorchRunner.grid.
        cells = x.shape[2:]
        _ones = self.new(cells, x.itemsize)
        _columns = self._less_one(self.new(cells, x.itemsize))
        _rows = self._less_one(self.new(cells, x.itemsize))
        return self.new((numel(cells), 2), x.itemsize)

    def _less_one(self, x: Ghost) -> Ghost:
        return self.new(x.shape, x.itemsize)

    def _cast(self, x: Ghost, itemsize: int) -> Ghost:
        return x if x.itemsize == itemsize else self.new(x.shape, itemsize)

    def _elementwise(self, x: Ghost, y: Ghost | Constant | float) -> Ghost:
        if isinstance(y, int | float):
            return self.new(x.shape, x.itemsize)
        return self.new(rules.broadcast_shape(x.shape, y.shape), x.itemsize)


class _GridSizes(Weigher):
    """A weigher that also notes the grids."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter)
        self.sizes: list[Pair] = []

    def grid(self, x: Ghost) -> Ghost:
        height, width = x.shape[2:]
        self.sizes.append((int(height), int(width)))
        return super().grid(x)
