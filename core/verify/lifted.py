"""A file for one size, tried at others: its nodes and weights as they are, without what follows from the size."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from numpy.typing import NDArray

from ..network.network import Network
from ..readings.size_constants import size_constants
from ..shapes import InputShape
from ..targets.loaded import Lifted, Loaded, Runner
from .checks.constants import value_of

Array = NDArray[Any]


def lifted(loaded: Loaded, network: Network, size: InputShape, shown: Collection[str] = ()) -> Runner | None:
    """A copy of a file that takes images of other sizes; None where the format declares none. `size`: what it takes.

    `shown`: tensors within it that become outputs, ahead of those that it has. The constants of its size, which
    `check_constants` holds to their rule, become inputs. Raises whatever the runtime raises if they are not there by
    their names, or for a copy that it does not take.
    """
    names = [constant.name for constant in size_constants(network, size.dims)] if loaded.ours else []
    copy = loaded.lifted(names, shown)
    return None if copy is None else _LiftedFile(copy, network, names)


class _LiftedFile:
    """A copy to which each image comes with the constants of its own size."""

    def __init__(self, copy: Lifted, network: Network, names: Collection[str]) -> None:
        self._copy, self._network, self._names = copy, network, frozenset(names)

    def run(self, image: Array) -> tuple[Array, ...]:
        """The copy's answer to a float32 N×C×H×W image."""
        constants = size_constants(self._network, image.shape)
        return self._copy.run(image, {c.name: value_of(c) for c in constants if c.name in self._names})
