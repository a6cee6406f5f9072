"""When the tensors of a forward pass live: what is born, read and let go of, and two ways to let go.

The same operations make the same tensors wherever they run; how long each is kept is a matter of who runs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ..network.ops import Dim

# (key, bytes) of a storage that is born; (key, minus its bytes) when it is let go of.
Step: TypeAlias = tuple[int, Dim]


@dataclass(frozen=True)
class Lived:
    """A forward pass as its storages live. `peak_nbytes`: all that is alive at the worst moment.

    `peak_layer`: the last layer begun before it; empty where many shapes were weighed at once. `steps`: in order.
    """

    peak_nbytes: Dim
    peak_layer: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class _Operation:
    """What one operation makes, what else is born and dies in it, and what it reads; all by key."""

    made: int
    born: tuple[int, ...]
    read: tuple[int, ...]


class Meter:
    """Notes what happens to the storages of one forward pass. `layer`: the one that is being run."""

    def __init__(self) -> None:
        self.layer = ""
        self._born: list[tuple[Dim, str]] = []  # by key: bytes, and the layer
        self._told = 0  # so many of them belong to operations that are over
        self._steps: list[tuple[int, bool]] = []  # key, and whether it is born
        self._operations: list[_Operation] = []

    @property
    def operations(self) -> int:
        """How many operations are over."""
        return len(self._operations)

    def born(self, nbytes: Dim) -> int:
        """A storage of `nbytes` comes to life; its key."""
        self._born.append((nbytes, self.layer))
        key = len(self._born) - 1
        self._steps.append((key, True))
        return key

    def ran(self, made: int, read: Iterable[int] = ()) -> None:
        """An operation is over: what it made, and what it read. What else was born in it is a by-product."""
        born = tuple(range(self._told, len(self._born)))
        self._told = len(self._born)
        self._operations.append(_Operation(made, born, tuple(read)))

    def died(self, key: int) -> None:
        """Nobody in the description refers to a storage any longer."""
        self._steps.append((key, False))

    def as_described(self, live: int) -> Lived:
        """Each storage lives as long as the description's own Python refers to it: so runs the module that is traced.

        `live`: bytes that are there from the start.
        """
        return self._lived(self._steps, live)

    def as_compiled(self, live: int, kept: Iterable[int]) -> Lived:
        """Each storage lives until it was read for the last time: so runs TorchScript's interpreter.

        What nobody needs is not computed. `kept`: the keys of what is held to the end, the input and the outputs.
        """
        needed = set(kept)
        steps: list[tuple[int, bool]] = []  # backwards
        for operation in reversed(self._operations):
            if operation.made in needed:
                read = [key for key in dict.fromkeys(operation.read) if key not in needed]
                by_products = [key for key in operation.born if key not in needed]
                steps += [(key, False) for key in (*read, *by_products)]
                steps += [(key, True) for key in reversed(operation.born)]
                needed.update(operation.read)
        return self._lived(steps[::-1], live)

    def _lived(self, steps: list[tuple[int, bool]], live: Dim) -> Lived:
        told = tuple((key, self._born[key][0] if born else -self._born[key][0]) for key, born in steps)
        if not all(isinstance(nbytes, int) for _, nbytes in told):
            return Lived(_peaks(told, live), "", told)
        peak, layer = live, ""
        for key, nbytes in told:
            live = live + nbytes
            if live > peak:
                peak, layer = live, self._born[key][1]
        return Lived(peak, layer, told)


def _peaks(steps: Iterable[Step], live: Dim) -> Dim:
    """The peaks of many shapes at once."""
    import numpy as np

    peak = live
    for _, nbytes in steps:
        live = live + nbytes
        peak = np.maximum(peak, live)
    return peak
