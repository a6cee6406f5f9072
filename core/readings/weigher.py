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
from ..precisions import REFERENCE, Precision
from ..precisions.dtype import FLOAT32, DType
from .lifetimes import Lived, Meter

_INDEX_ITEMSIZE = 8  # torch computes the int64 indices of a max pooling whether anybody wants them or not


class _Storage:
    __slots__ = ("key", "meter")

    def __init__(self, meter: Meter, nbytes: Dim) -> None:
        self.meter = meter
        self.key = meter.born(nbytes)

    def __del__(self) -> None:
        self.meter.died(self.key)


class Ghost:
    """A tensor without data: its shape, its bytes an element, and the storage it shares with its views."""

    __slots__ = ("itemsize", "shape", "storage")

    def __init__(self, shape: Shape, itemsize: int, storage: _Storage) -> None:
        self.shape, self.itemsize, self.storage = shape, itemsize, storage


@dataclass(frozen=True)
class Weighed:
    """A forward pass in bytes, with weights and input: of the TorchScript file, and of the module that is traced.

    `activations`: the kinds of elementwise activation in it.
    """

    file: Lived
    module: Lived
    weights_nbytes: int
    outputs: tuple[Shape, ...]
    activations: frozenset[str]


def weigh(network: Network, image: Shape, precision: Precision = REFERENCE, io: DType = FLOAT32) -> Weighed:
    """Weigh a forward pass for an N×C×H×W image, without reading a single weight.

    `precision`: of weights and activations (a detector's decoding stays float32); `io`: of the image and the outputs.
    Raises `ShapeMismatch` for a size that does not suit the network.
    """
    weights = weights_nbytes(network, precision.weights.itemsize)
    meter = Meter()
    weigher = Weigher(meter)
    x = weigher.new(image, io.itemsize)
    meter.ran(x.storage.key)
    outputs = weigher.run(network, x, precision.activations.itemsize)
    kept = [ghost.storage.key for ghost in (x, *outputs)]
    return Weighed(
        file=meter.as_compiled(weights, kept),
        module=meter.as_described(weights),
        weights_nbytes=weights,
        outputs=tuple(y.shape for y in outputs),
        activations=frozenset(weigher.activations),
    )


def weights_nbytes(network: Network, itemsize: int) -> int:
    """Bytes of all weights at `itemsize` bytes each, and of the constants, which stay float32."""
    return sum(weight_tensors(network, itemsize))


def weight_tensors(network: Network, itemsize: int) -> list[int]:
    """The bytes of each tensor that the run reading keeps, layer by layer; constants stay float32."""
    sizes: list[int] = []
    for layer in layers_of(network.body):
        if isinstance(layer, Constant):
            sizes.append(FLOAT32.itemsize * len(layer.values))
        else:
            sizes += (int(numel(layer.shape)) * itemsize, layer.out_channels * itemsize)
    return sizes


class Weigher:
    """The operations on ghosts: what torch allocates, in torch's order."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.activations: set[str] = set()

    def new(self, shape: Shape, itemsize: int) -> Ghost:
        """A ghost with a storage of its own. Raises `ShapeMismatch` for one of no elements, or of absurdly many."""
        count = numel(shape)
        if isinstance(count, int) and not 0 < count <= rules.MAX_ELEMENTS:
            raise rules.ShapeMismatch(f"the size of a feature map would be {rules.spelled(shape)}")
        return Ghost(shape, itemsize, _Storage(self._meter, count * itemsize))

    def run(self, network: Network, x: Ghost, itemsize: int) -> tuple[Ghost, ...]:
        """As `TorchRunner.forward`: the input cast to the activations' type, the outputs to the input's."""
        outputs = network.body(self, self._cast(x, itemsize))
        return tuple(self._cast(y, x.itemsize) for y in outputs)

    # ---- convolutions and windows

    def conv(self, x: Ghost, layer: Conv2d, act: Activation | None = None) -> Ghost:
        self._meter.layer = layer.name
        self._activated(act)
        return self._made(rules.conv_shape(x.shape, layer), x)

    def conv_transpose(self, x: Ghost, layer: ConvTranspose2d, act: Activation | None = None) -> Ghost:
        self._meter.layer = layer.name
        self._activated(act)
        return self._made(rules.conv_transpose_shape(x.shape, layer), x)

    def max_pool(self, x: Ghost, kernel: Pair, stride: Pair, padding: Pair) -> Ghost:
        shape = rules.max_pool_shape(x.shape, kernel, stride, padding)
        y = self.new(shape, x.itemsize)
        self.new(shape, _INDEX_ITEMSIZE)
        return self._told(y, x)

    def mean_hw(self, x: Ghost, channels: int) -> Ghost:
        return self._made((*x.shape[:2], 1, 1), x)

    # ---- moving elements

    def pad(self, x: Ghost, left: int, right: int, top: int, bottom: int) -> Ghost:
        n, c, h, w = x.shape
        return self._made((n, c, h + top + bottom, w + left + right), x)

    def upsample(self, x: Ghost, scale: int) -> Ghost:
        n, c, h, w = x.shape
        return self._made((n, c, h * scale, w * scale), x)

    def space_to_depth(self, x: Ghost, block: int) -> Ghost:
        return self._made(rules.space_to_depth_shape(x.shape, block), x)

    def depth_to_space(self, x: Ghost, block: int) -> Ghost:
        return self._made(rules.depth_to_space_shape(x.shape, block), x)

    def concat(self, xs: Sequence[Ghost], axis: int) -> Ghost:
        return self._made(rules.concat_shape([x.shape for x in xs], axis), *xs)

    def split(self, x: Ghost, sizes: Sequence[int], axis: int) -> Sequence[Ghost]:
        return [Ghost((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.itemsize, x.storage) for n in sizes]

    def reshape(self, x: Ghost, dims: Sequence[int]) -> Ghost:
        return Ghost(rules.reshape_shape(x.shape, dims), x.itemsize, x.storage)

    def reshape_like(self, x: Ghost, like: Ghost) -> Ghost:
        return Ghost(like.shape, x.itemsize, x.storage)

    def permute(self, x: Ghost, axes: Sequence[int]) -> Ghost:
        return self._made(tuple(x.shape[axis] for axis in axes), x)

    # ---- arithmetic

    def add(self, x: Ghost, y: Ghost | Constant | float, act: Activation | None = None) -> Ghost:
        self._activated(act)
        return self._elementwise(x, y)

    def mul(self, x: Ghost, y: Ghost | Constant | float) -> Ghost:
        return self._elementwise(x, y)

    def matmul(self, x: Ghost, y: Ghost | Constant) -> Ghost:
        shape = rules.matmul_shape(x.shape, y.shape)
        return self._made(shape, x, y) if isinstance(y, Ghost) else self._made(shape, x)

    def softmax(self, x: Ghost) -> Ghost:
        return self._made(x.shape, x)

    def sigmoid(self, x: Ghost) -> Ghost:
        return self._made(x.shape, x)

    def sin(self, x: Ghost) -> Ghost:
        return self._made(x.shape, x)

    def cos(self, x: Ghost) -> Ghost:
        return self._made(x.shape, x)

    def float32(self, x: Ghost) -> Ghost:
        return self._cast(x, FLOAT32.itemsize)

    def grid(self, x: Ghost, offset: float) -> Ghost:
        # ones, two running sums, each moved, and the two stacked: as TorchRunner.grid.
        cells = x.shape[2:]
        ones = self._told(self.new(cells, x.itemsize), x)
        columns = self._moved(self._made(cells, ones))
        rows = self._moved(self._made(cells, ones))
        return self._told(self.new((2, numel(cells)), x.itemsize), columns, rows)

    def _moved(self, x: Ghost) -> Ghost:
        return self._made(x.shape, x)

    def _activated(self, act: Activation | None) -> None:
        if act is not None:
            self.activations.add(act.kind)

    def _cast(self, x: Ghost, itemsize: int) -> Ghost:
        return x if x.itemsize == itemsize else self._told(self.new(x.shape, itemsize), x)

    def _elementwise(self, x: Ghost, y: Ghost | Constant | float) -> Ghost:
        if isinstance(y, int | float):
            return self._made(x.shape, x)
        shape = rules.broadcast_shape(x.shape, y.shape)
        return self._made(shape, x, y) if isinstance(y, Ghost) else self._made(shape, x)

    # ---- what an operation makes of what it reads; a view is no operation of its own

    def _made(self, shape: Shape, x: Ghost, *others: Ghost) -> Ghost:
        """One tensor, of the type of the first that is read."""
        return self._told(self.new(shape, x.itemsize), x, *others)

    def _told(self, made: Ghost, *read: Ghost) -> Ghost:
        self._meter.ran(made.storage.key, (ghost.storage.key for ghost in read))
        return made
