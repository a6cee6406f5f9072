"""What is counted over the images of a proof, whatever kind of things a network finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..network.result import Boxes
from ..verify.proof import ClassProof, Drift, Loss

Array = NDArray[Any]
F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)


@dataclass(frozen=True)
class Counted:
    """What came of all images; `verify/proof.py` says what each is."""

    expected: int
    kept: int
    new: int
    loss: Loss
    iou: Drift | None = None
    confidence: Drift | None = None
    classes: tuple[ClassProof, ...] = ()
    masks: Drift | None = None


class Tally(Protocol[F_contra]):
    """Counts over images."""

    def add(self, wanted: F_contra, got: F_contra, labels: Boxes | None) -> None:
        """One image: what the reference finds, what the artifact finds, and what is really there, if that is known."""
        ...

    def counted(self) -> Counted: ...


class Finder(Protocol[F]):
    """What a person takes from answers of one kind."""

    @property
    def what(self) -> str:
        """The things, in the plural."""
        ...

    @property
    def threshold(self) -> float | None:
        """Where they begin; None where nothing does."""
        ...

    def finds(self, outputs: Sequence[Array]) -> F:
        """What is found in an answer to one image, in as few bytes as will do: it is kept for all images."""
        ...

    def tally(self, network: Network) -> Tally[F]: ...


def drift(values: Sequence[Array], *, least: bool = False) -> Drift | None:
    """The median of some figures and the worst: the largest, or the `least`; None where there is none."""
    every = np.concatenate(values) if values else np.zeros(0)
    if not len(every):
        return None
    return Drift(float(np.median(every)), float(every.min() if least else every.max()))
