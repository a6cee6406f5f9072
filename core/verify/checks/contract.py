"""Does a file declare what was promised? A trial asks before it runs the file."""

from __future__ import annotations

from ...network.network import Dims
from ...targets.contract import Contract, Port
from ..evidence import Evidence, Verdict


def check_contract(found: Contract | None, wanted: Contract | None) -> Evidence:
    """Names, dtypes and dimensions are the promised ones. What a format does not say is not held against it."""
    if found is None or wanted is None:
        return Evidence("contract", Verdict.PASS, "the format declares no names and sizes")
    for got, want in zip((found.input, *found.outputs), (wanted.input, *wanted.outputs), strict=False):
        if got.name != want.name or got.dtype != want.dtype or not _same_dims(got.dims, want.dims):
            return Evidence("contract", Verdict.FAIL, f"{_spelled(got)} where {_spelled(want)} was promised")
    if len(found.outputs) != len(wanted.outputs):
        return Evidence("contract", Verdict.FAIL, f"{len(found.outputs)} outputs, {len(wanted.outputs)} were promised")
    if found.nms != wanted.nms:
        told = (
            f"the file says that it chooses boxes by {found.nms or 'nothing'}, {wanted.nms or 'nothing'} was promised"
        )
        return Evidence("contract", Verdict.FAIL, told)
    return Evidence("contract", Verdict.PASS, "; ".join(map(_spelled, (found.input, *found.outputs))))


def _same_dims(got: Dims, want: Dims) -> bool:
    return len(got) == len(want) and all(
        g == w if isinstance(w, int) else not isinstance(g, int) for g, w in zip(got, want, strict=True)
    )


def _spelled(port: Port) -> str:
    return f"{port.name} {port.dtype} {'×'.join(map(str, port.dims))}"
