"""Are a file's weights the network's, bit for bit?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formats import Precision
from ..network.layers import Constant, layers_of
from ..network.network import Network
from .report import Check, Verdict

Array = NDArray[Any]


def check_weights(network: Network, stored: Mapping[str, Array], precision: Precision) -> Check:
    """Compare every stored weight with the network's, rounded to the precision; FAIL names the first that differs.

    A weight that is stored under another name (a simplifier renames) must be there by its value.
    """
    values: set[object] = set()
    count = 0
    for name, expected in expected_weights(network, precision):
        count += 1
        found = stored.get(name)
        if found is not None and found.dtype == expected.dtype and found.shape == expected.shape:
            same = np.array_equal(found.view(np.uint8), expected.view(np.uint8))
        else:
            values = values or {_fingerprint(array) for array in stored.values()}
            same = _fingerprint(expected) in values
        if not same:
            return Check("weights", Verdict.FAIL, f"{name} is not the checkpoint's: it differs or is missing")
    return Check("weights", Verdict.PASS, f"all {count} weight tensors equal the checkpoint's, bit for bit")


def expected_weights(network: Network, precision: Precision) -> Iterator[tuple[str, Array]]:
    """The weights that a file of this precision stores, by the name that the writers give them."""
    dtype = np.float16 if precision is Precision.FP16 else np.float32
    for layer in layers_of(network.body):
        if not isinstance(layer, Constant):
            with np.errstate(over="ignore"):
                yield f"{layer.name}.weight", layer.weights.weight.astype(dtype, copy=False)
                yield f"{layer.name}.bias", layer.weights.bias.astype(dtype, copy=False)


def _fingerprint(array: Array) -> tuple[str, tuple[int, ...], int]:
    return (array.dtype.str, array.shape, hash(array.tobytes()))
