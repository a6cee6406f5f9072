"""What a file of ours stores, held against the network it should be: its weights and its constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from ..network.network import Network
from .constants import check_constants
from .report import Check
from .subject import Subject
from .weights import check_weights

Array = NDArray[Any]


def check_stored(tensors: Mapping[str, Array], subject: Subject, network: Network) -> Iterator[Check]:
    """The checks of what a file stores, by name."""
    yield check_weights(network, tensors, subject.kind.precision)
    yield from check_constants(network, tensors, subject.shape if subject.fixed else None)
