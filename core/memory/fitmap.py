"""The fit map: the verdict on every size of a range at once, and the largest batch and square that fit.

Sizes go through the weigher as arrays: a whole map costs a few milliseconds. numpy is imported when one is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..network.network import Network
from ..network.ops import Shape
from ..precisions import Precision
from ..readings.weigher import weigh
from ..shapes import MAX_BATCH, MAX_RATIO, MAX_SIDE, RECOMMENDED
from .fit import SEVERITY, Fit, Memory
from .job import host_need, weighed
from .need import Need
from .run import many_gpu_needs
from .snapshot import Snapshot
from .workload import Workload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class FitMap:
    """The verdicts of a range of sizes. `fits[i][j]`: of height `sides[i]` and width `sides[j]`, in px.

    `peaks`: what a forward pass has alive at its peak, weights and input counted, in bytes. On a GPU, single
    estimates replay the allocator; here a measured bound stands in for it, so that TIGHT is a little wider.
    """

    sides: tuple[int, ...]
    fits: tuple[tuple[Fit, ...], ...]
    peaks: tuple[tuple[int, ...], ...]

    def extreme(self, row: int, column: int) -> bool:
        """Whether the ratio of a size is beyond what is wise."""
        height, width = self.sides[row], self.sides[column]
        return max(height, width) > MAX_RATIO * min(height, width)


def default_sides(stride: int, recommended: tuple[int, int] = RECOMMENDED) -> tuple[int, ...]:
    """The multiples of the stride over the range that is recommended for a network (its ends, px), in px."""
    low, high = recommended
    return tuple(range(-(-low // stride) * stride, high + 1, stride))


def fit_map(
    network: Network,
    work: Workload,
    batch: int,
    precision: Precision,
    now: Snapshot,
    sides: tuple[int, ...] | None = None,
) -> FitMap:
    """The map for a job at every height and width of `sides` (px, multiples of the stride).

    `precision`: of the file whose peaks are told.
    """
    import numpy as np

    sides = sides or default_sides(network.stride)
    lengths = np.array(sides, np.int64)
    shape: Shape = (batch, network.channels, lengths[:, None], lengths[None, :])
    peaks, fits = _weigh(network, work, precision, now, shape)
    square = (len(sides), len(sides))
    return FitMap(
        sides,
        tuple(tuple(SEVERITY[code] for code in row) for row in np.broadcast_to(fits, square).tolist()),
        tuple(tuple(row) for row in np.broadcast_to(peaks, square).tolist()),
    )


def largest_square(network: Network, work: Workload, batch: int, precision: Precision, now: Snapshot) -> int | None:
    """The side in px of the largest square that FITS at a batch; None if none does."""
    import numpy as np

    sides = np.arange(network.stride, MAX_SIDE + 1, network.stride)
    return _largest(sides, _weigh(network, work, precision, now, (batch, network.channels, sides, sides))[1])


def largest_batch(
    network: Network, work: Workload, size: tuple[int, int], precision: Precision, now: Snapshot
) -> int | None:
    """The largest batch that FITS at a size (height, width in px); None if not even one image does."""
    import numpy as np

    batches = np.arange(1, MAX_BATCH + 1)
    shape: Shape = (batches, network.channels, *size)
    return _largest(batches, _weigh(network, work, precision, now, shape)[1])


def _weigh(
    network: Network, work: Workload, precision: Precision, now: Snapshot, shape: Shape
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The peaks of many sizes in bytes, and their verdicts as places in `SEVERITY`."""
    import numpy as np

    # The largest of the sizes alone, in Python's integers: numpy's would overflow without a word.
    weigh(network, tuple(dim if isinstance(dim, int) else int(dim.max()) for dim in shape))
    one = weigh(network, shape, precision, work.io(precision))
    # Whether a file is tried at its own size is a matter of one size; the map is drawn for those that are.
    needs = [(host_need(work, weighed(network, shape), at_size=work.kinds), now.host)]
    if now.gpu is not None:
        needs.append((many_gpu_needs(one.file.peak_nbytes, one.weights_nbytes, now.overheads), now.gpu))
    codes = [_codes(need, memory) for need, memory in needs]
    return np.asarray(one.file.peak_nbytes), np.maximum.reduce(codes)


def _codes(need: Need, memory: Memory) -> NDArray[np.int64]:
    """The verdicts on needs that are arrays, as `fit_of` gives them one by one."""
    import numpy as np

    least, high = np.broadcast_arrays(need.least, need.high)
    if memory.free is None:
        return np.full(least.shape, SEVERITY.index(Fit.UNKNOWN))
    tight = np.where(high <= memory.free, SEVERITY.index(Fit.FITS), SEVERITY.index(Fit.TIGHT))
    return np.where(least > memory.free, SEVERITY.index(Fit.WILL_NOT_FIT), tight)


def _largest(values: NDArray[np.int64], codes: NDArray[np.int64]) -> int | None:
    fitting = values[codes == SEVERITY.index(Fit.FITS)]
    return int(fitting.max()) if fitting.size else None
