"""Are a file's constants right, bit for bit? Those of the network, and in a file for one size those of the size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...network.layers import Constant, layers_of
from ...network.network import Network
from ...precisions.dtype import FLOAT32
from ...readings.reference import Reference
from ...readings.size_constants import GridConstant, ShapeConstant, SizeConstant, size_constants
from ...shapes import InputShape
from ..evidence import Evidence, Verdict
from .found import Stored
from .weights import first_wrong

Array = NDArray[Any]


def look(found: Stored) -> Iterator[Evidence]:
    """Every stored constant."""
    return check_constants(found.network, found.tensors, found.subject.shape if found.subject.fixed else None)


def check_constants(network: Network, stored: Mapping[str, Array], size: InputShape | None) -> Iterator[Evidence]:
    """Compare every stored constant with what it must be; FAIL names the first that differs.

    `size`: what a file for one size takes. A network without constants gives no check. A single wrong cell of a grid
    is too little to show in an answer next to a narrow type's rounding.
    """
    expected = [(layer.name, layer.value) for layer in layers_of(network.body) if isinstance(layer, Constant)]
    if size is not None:
        expected += [(constant.name, value_of(constant)) for constant in size_constants(network, size.dims)]
    if not expected:
        return
    wrong = first_wrong(expected, stored)
    if wrong is not None:
        yield Evidence("constants", Verdict.FAIL, f"{wrong} is not what it must be: it differs or is missing")
    else:
        yield Evidence("constants", Verdict.PASS, f"all {len(expected)} constants are right, bit for bit")


def value_of(constant: SizeConstant) -> Array:
    """What a constant must hold, by the reference's own rule."""
    match constant:
        case GridConstant(_, rows, columns, offset):
            cells = np.broadcast_to(np.float32(0), (1, 1, rows, columns))
            return Reference(FLOAT32).grid(cells, offset)
        case ShapeConstant(_, dims):
            return np.array(dims, np.int64)
