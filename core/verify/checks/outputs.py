"""Do the answers have the form that was promised? A trial asks after each run; `--verify quick` says that they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...network.network import Dims
from ..evidence import Evidence, Verdict
from .found import Compared

Array = NDArray[Any]


def look(_: Compared) -> Iterator[Evidence]:
    """They have, or there would be none to compare."""
    yield Evidence("outputs", Verdict.PASS, "finite, and of the right shapes")


def wrong_form(outputs: Sequence[Array], dims: Sequence[Dims]) -> str:
    """What is wrong with an answer's form: a missing output, other dimensions than promised, no numbers."""
    if len(outputs) < len(dims):
        return f"{len(outputs)} outputs came, {len(dims)} were promised"
    for i, (output, wanted) in enumerate(zip_longest(outputs, dims)):
        if wanted is not None and output.shape != wanted:
            return f"output {i} is {_dims(output.shape)} instead of {_dims(wanted)}"
        bad = output.size - int(np.isfinite(output).sum())
        if bad:
            return f"output {i} holds {bad} values that are NaN or infinite"
    return ""


def _dims(dims: Dims) -> str:
    return "×".join(map(str, dims))
