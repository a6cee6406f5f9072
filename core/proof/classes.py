"""The best class over many images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..network.result import BestClass, Boxes
from ..precisions import REFERENCE
from ..verify.proof import Loss
from .marks import Mark, Marks
from .tally import ByClass, Counted, name_of

Array = NDArray[Any]


@dataclass(frozen=True)
class ClassFinder:
    """Finds the best class."""

    result: BestClass
    what: str = "best classes"
    threshold: float | None = None
    width: int = 1

    def finds(self, outputs: Sequence[Array]) -> Array:
        return np.array([[outputs[self.result.output][0].argmax()]])

    def marks(self, wanted: Array, got: Array, names: Mapping[int, str]) -> Marks:
        before, now = (int(rows[0, 0]) for rows in (wanted, got))
        one, other = (Mark(np.zeros((0, 2)), name_of(number, names), before != now) for number in (before, now))
        return Marks((one,), (other,))

    def tally(self, network: Network, *, labelled: bool) -> ClassTally:
        return ClassTally(network)


@dataclass
class ClassTally:
    """Counts images whose best class is the reference's."""

    network: Network
    _classes: ByClass = field(default_factory=ByClass)

    def add(self, wanted: Array, got: Array, labels: Boxes | None) -> None:
        before, now = int(wanted[0, 0]), int(got[0, 0])
        self._classes.expected[before] += 1
        (self._classes.kept if now == before else self._classes.new)[now] += 1

    def counted(self) -> Counted:
        classes = self._classes
        wanted, kept = classes.expected.total(), classes.kept.total()
        loss = Loss("top-1", 1.0, kept / wanted if wanted else 1.0, f"{REFERENCE.label}'s own classes")
        return Counted(wanted, kept, classes.new.total(), loss, classes=classes.proofs(self.network.names))
