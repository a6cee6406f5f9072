"""What there is to say of a job at one size: its peak, its verdict, its ratio."""

from __future__ import annotations

from dataclasses import replace

from ..core.formats import Precision
from ..core.memory.estimate import Snapshot, estimate_or_none
from ..core.memory.verdict import SEVERITY, Fit
from ..core.network.network import Network
from ..core.shapes import findings, spelled
from ..core.spec import ExportSpec
from ..core.units import mebibytes
from .widgets.lines import Line, plain

FIT_KINDS = {Fit.FITS: "good", Fit.TIGHT: "warning", Fit.WILL_NOT_FIT: "error", Fit.UNKNOWN: "dim"}


def size_lines(
    network: Network,
    spec: ExportSpec,
    precision: Precision,
    now: Snapshot,
    size: tuple[int, int],
    mapped: Fit | None = None,
) -> list[Line]:
    """The job at another size (height, width in px), for people. `precision`: whose peak is told; one of the job's.

    `mapped`: what the fit map says of the size. Where a job weighed alone gets another verdict, it is told why.
    """
    name = (spelled(*size), "strong")
    estimated = estimate_or_none(network, replace(spec, height=size[0], width=size[1]), now)
    if estimated is None:
        return [(name, (" does not suit the network", "error"))]
    run, fit = estimated.runs[precision], str(estimated.fit)
    peak = f"{precision} TorchScript file: peak {mebibytes(run.peak_allocated_nbytes)} in {run.peak_layer}"
    found = findings(*size, spec.batch, network.stride)
    # The map bounds what the allocator does, which is replayed here; and it weighs one of the job's files.
    if mapped in (None, estimated.fit):
        differs: list[Line] = []
    else:
        wider = SEVERITY.index(mapped) > SEVERITY.index(estimated.fit)
        why = "it is drawn with a wider margin" if wider else "it counts one file alone"
        differs = [plain(f"the map says {mapped}: {why}", "dim")]
    return [
        (name, (" ", ""), (fit, FIT_KINDS[estimated.fit]), (estimated.verdict.sentence.removeprefix(fit), "")),
        plain(peak),
        *(plain(f"! {finding.message}", "warning") for finding in found if finding.rule == "ratio"),
        *differs,
    ]
