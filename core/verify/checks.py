"""The single checks of a verification, each a pure function from what was found to a verdict and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Dims
from ..precisions import Precision
from ..precisions.dtype import DType
from ..targets.contract import Contract, Port
from ..units import figure
from .compare import MOST_ROUNDING, judged
from .report import Check, Difference, Distance, Verdict, worst

Array = NDArray[Any]


def check_contract(found: Contract | None, wanted: Contract | None) -> Check:
    """Names, dtypes and dimensions are the promised ones. What a format does not say is not held against it."""
    if found is None or wanted is None:
        return Check("contract", Verdict.PASS, "the format declares no names and sizes")
    for got, want in zip((found.input, *found.outputs), (wanted.input, *wanted.outputs), strict=False):
        if got.name != want.name or got.dtype != want.dtype or not _same_dims(got.dims, want.dims):
            return Check("contract", Verdict.FAIL, f"{_spelled(got)} where {_spelled(want)} was promised")
    if len(found.outputs) != len(wanted.outputs):
        return Check("contract", Verdict.FAIL, f"{len(found.outputs)} outputs, {len(wanted.outputs)} were promised")
    return Check("contract", Verdict.PASS, "; ".join(map(_spelled, (found.input, *found.outputs))))


def _same_dims(got: Dims, want: Dims) -> bool:
    return len(got) == len(want) and all(
        g == w if isinstance(w, int) else not isinstance(g, int) for g, w in zip(got, want, strict=True)
    )


def _spelled(port: Port) -> str:
    return f"{port.name} {port.dtype} {'×'.join(map(str, port.dims))}"


def check_outputs(outputs: Sequence[Array], dims: Sequence[Dims]) -> str:
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


def check_accuracy(differences: Sequence[Difference]) -> Check:
    """The worst difference of every component, in units of what rounding makes there."""
    parts: list[str] = []
    for name in dict.fromkeys(d.component for d in differences):
        multiple = max(d.multiple for d in differences if d.component == name)
        parts.append(f"{name} {figure(multiple)} ×")
    return Check("accuracy", worst(d.verdict for d in differences), f"{', '.join(parts)} the rounding noise")


def check_ranges(dtype: DType, layer: str, largest: float) -> Check:
    """Whether a type can hold what flows through the network (a CPU's runtime hides an overflow).

    Two bits less leave room for the images that nobody has seen yet.
    """
    message = f"the largest value is {largest:.4g}, at {layer}; {dtype} ends at {dtype.largest:.0f}"
    if not largest < dtype.largest:
        return Check("ranges", Verdict.FAIL, message)
    return Check("ranges", Verdict.WARN if largest > dtype.narrow else Verdict.PASS, message)


def check_rounding(precision: Precision, noise: Mapping[str, Distance]) -> Check:
    """WARN if the precision itself, rightly computed, moves an answer far."""
    name, moved = max(noise.items(), key=lambda item: item[1].nrmse)
    verdict = Verdict.PASS if moved.nrmse <= MOST_ROUNDING else Verdict.WARN
    message = f"{precision.label} itself moves the {name} by {figure(100 * moved.nrmse)} % of their spread"
    return Check("rounding", verdict, message)


def check_power(changes: Mapping[str, Distance], noise: Mapping[str, Distance]) -> Check:
    """WARN for components where the answer to another image would pass, too: nothing about them can be verified.

    `changes`: how far another image moves the answer. `noise`: how far rounding does.
    """
    dull = [name for name, change in changes.items() if judged(change.nrmse, noise[name].nrmse) is Verdict.PASS]
    if dull:
        told = f"cannot verify: the {' and '.join(dull)} depend on the image no more than on rounding"
        return Check("power", Verdict.WARN, told)
    least = figure(100 * min(change.nrmse for change in changes.values()))
    return Check("power", Verdict.PASS, f"another image changes the answer by {least} % of its spread or more")
