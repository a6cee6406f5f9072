"""What in a network follows from the size of the image alone: the constants that a file for one size holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..network.network import Network
from ..network.ops import Shape
from .weigher import Ghost, Meter, Weigher

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class GridConstant:
    """Column and row of every cell of a map, row by row, plus `offset`: 2×(rows·columns), float32."""

    name: str
    rows: int
    columns: int
    offset: float

    def values(self) -> NDArray[Any]:
        """As a file stores them."""
        import numpy as np

        return np.indices((self.rows, self.columns), np.float32)[::-1].reshape(2, -1) + np.float32(self.offset)


@dataclass(frozen=True)
class ShapeConstant:
    """The dimensions that a tensor is viewed with, int64. The batch is 0: it stays what it is."""

    name: str
    dims: tuple[int, ...]

    def values(self) -> NDArray[Any]:
        """As a file stores them."""
        import numpy as np

        return np.array(self.dims, np.int64)


SizeConstant: TypeAlias = GridConstant | ShapeConstant


def size_constants(network: Network, image: Shape) -> tuple[SizeConstant, ...]:
    """The constants that follow from the size of an N×C×H×W image, in the order of their use.

    Their number, their names and what they serve are the same at every size. Raises `ShapeMismatch`.
    """
    noting = _Noting(Meter())
    noting.run(network, noting.new(image, 4), 4)
    return tuple(noting.found)


class _Noting(Weigher):
    """A weigher that notes what needs to know a size."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter)
        self.found: list[SizeConstant] = []

    def grid(self, x: Ghost, offset: float) -> Ghost:
        rows, columns = x.shape[2:]
        self.found.append(GridConstant(f"grid_{len(self.found)}", int(rows), int(columns), offset))
        return super().grid(x, offset)

    def reshape_like(self, x: Ghost, like: Ghost) -> Ghost:
        dims = (0, *map(int, like.shape[1:]))
        self.found.append(ShapeConstant(f"shape_{len(self.found)}", dims))
        return super().reshape_like(x, like)
