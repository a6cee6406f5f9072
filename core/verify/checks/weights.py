"""Are a file's weights the network's, bit for bit?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...network.layers import Constant, layers_of
from ...network.network import Network
from ...precisions import Precision
from ..evidence import Evidence, Verdict
from .found import Stored

Array = NDArray[Any]


def look(found: Stored) -> Iterator[Evidence]:
    """Every stored weight."""
    yield check_weights(found.network, found.tensors, found.subject.kind.precision)


def check_weights(network: Network, stored: Mapping[str, Array], precision: Precision) -> Evidence:
    """Compare every stored weight with the network's, rounded to the precision; FAIL names the first that differs."""
    wrong = first_wrong(expected_weights(network, precision), stored)
    if wrong is not None:
        return Evidence("weights", Verdict.FAIL, f"{wrong} is not the checkpoint's: it differs or is missing")
    count = 2 * sum(not isinstance(layer, Constant) for layer in layers_of(network.body))
    return Evidence("weights", Verdict.PASS, f"all {count} weight tensors equal the checkpoint's, bit for bit")


def first_wrong(expected: Iterable[tuple[str, Array]], stored: Mapping[str, Array]) -> str | None:
    """The name of the first tensor that is not stored as expected, bit for bit.

    One that is stored under another name (a simplifier renames) must be there by its value.
    """
    values: set[object] = set()
    for name, array in expected:
        found = stored.get(name)
        if found is not None and found.dtype == array.dtype and found.shape == array.shape:
            same = np.array_equal(found.view(np.uint8), array.view(np.uint8))
        else:
            values = values or {_fingerprint(array) for array in stored.values()}
            same = _fingerprint(array) in values
        if not same:
            return name
    return None


def expected_weights(network: Network, precision: Precision) -> Iterator[tuple[str, Array]]:
    """The weights that a file of this precision stores, by the name that the writers give them."""
    dtype = np.dtype(precision.weights.name)
    for layer in layers_of(network.body):
        if not isinstance(layer, Constant):
            with np.errstate(over="ignore"):
                for name, array in layer.weights._asdict().items():
                    yield f"{layer.name}.{name}", array.astype(dtype, copy=False)


def _fingerprint(array: Array) -> tuple[str, tuple[int, ...], int]:
    return (array.dtype.str, array.shape, hash(array.tobytes()))
