"""What is counted over the images of a proof, whatever kind of things a network finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..network.result import Boxes
from ..verify.proof import ClassProof, Drift, Loss
from .marks import Marks

Array = NDArray[Any]

NOTHING: Mapping[int, float] = MappingProxyType({})


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


@dataclass
class ByClass:
    """How many things of each class, by its number: what the reference finds, what of that is kept, and what is new."""

    expected: Counter[int] = field(default_factory=Counter[int])
    kept: Counter[int] = field(default_factory=Counter[int])
    new: Counter[int] = field(default_factory=Counter[int])

    def proofs(
        self, names: Mapping[int, str], reference: Mapping[int, float] = NOTHING, found: Mapping[int, float] = NOTHING
    ) -> tuple[ClassProof, ...]:
        """Class by class. `reference`, `found`: the scores of those that have one, before and now."""
        return tuple(
            ClassProof(
                name_of(number, names),
                expected=self.expected[number],
                kept=self.kept[number],
                new=self.new[number],
                reference=reference.get(number),
                found=found.get(number),
            )
            for number in sorted({*self.expected, *self.new, *reference})
        )


def name_of(number: int, names: Mapping[int, str]) -> str:
    """A class's name, or its number where it has none."""
    return names.get(number, f"class {number}")


class Tally(Protocol):
    """Counts over images. What is found comes as rows, as the finder gives them."""

    def add(self, wanted: Array, got: Array, labels: Boxes | None) -> None:
        """One image: what the reference finds, what the artifact finds, and what is really there, if that is known."""
        ...

    def counted(self) -> Counted: ...


class Finder(Protocol):
    """What a person takes from answers of one kind, as rows of `width` numbers: those of all images are kept."""

    @property
    def width(self) -> int: ...

    @property
    def what(self) -> str:
        """The things, in the plural."""
        ...

    @property
    def threshold(self) -> float | None:
        """Where they begin; None where nothing does."""
        ...

    def finds(self, outputs: Sequence[Array]) -> Array:
        """What is found in an answer to one image (R×width)."""
        ...

    def marks(self, wanted: Array, got: Array, names: Mapping[int, str]) -> Marks:
        """What to mark in a picture, of what the reference and the artifact find there. `names`: of the classes."""
        ...

    def tally(self, network: Network, *, labelled: bool) -> Tally:
        """Begin to count. `labelled`: whether labels are known for any image; they are the truth then."""
        ...


def drift(values: Array, *, least: bool = False) -> Drift | None:
    """The median of some figures and the worst: the largest, or the `least`; None where there is none."""
    if not len(values):
        return None
    return Drift(float(np.median(values)), float(values.min() if least else values.max()))
