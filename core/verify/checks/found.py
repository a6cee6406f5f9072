"""What the checks look at: what a file stores, and how its answers compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from ...network.network import Network
from ...precisions import Precision
from ..proof import Proof
from ..report import Change, Difference, Distance
from ..subject import Subject
from ..suppression import Suppressed

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Stored:
    """The tensors that a file of ours stores, by name, and the network that they should be of."""

    subject: Subject
    network: Network
    tensors: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Compared:
    """How a file's answers compare with those they are held against; what a way does not find out is left out.

    `differences`, `changes`: image by image. `noise`, `others`: by component, how far rounding and another image move
    the answer. `largest`: the layer with the largest magnitude that a narrow type must hold, and that magnitude.
    `left_out`: what was not tried, and why. `suppressed`: what a file that suppresses boxes itself keeps, by image.
    `proof`: what came of the user's own images.
    """

    precision: Precision
    differences: tuple[Difference, ...] = ()
    changes: tuple[Change, ...] = ()
    noise: Mapping[str, Distance] = field(default_factory=dict[str, Distance])
    others: Mapping[str, Distance] = field(default_factory=dict[str, Distance])
    largest: tuple[str, float] | None = None
    left_out: str = ""
    suppressed: tuple[Suppressed, ...] = ()
    proof: Proof | None = None
