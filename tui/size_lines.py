"""What there is to say of a job at one size: its peak, whether it fits, its ratio."""

from __future__ import annotations

from ..core.memory.fit import SEVERITY, Fit
from ..core.shapes import spelled
from ..core.units import mebibytes
from .feeds.fit_map import Subject
from .fit_kinds import FIT_KINDS
from .widgets.lines import Line, plain


def size_lines(subject: Subject, size: tuple[int, int], mapped: Fit | None = None) -> list[Line]:
    """The job at another size (height, width in px), for people. `mapped`: what the fit map says of the size.

    Where a job planned alone fits otherwise, it is told why.
    """
    name = (spelled(*size), "strong")
    planned = subject.planner.plan(subject.spec.sized(*size), subject.now)
    needs, found = planned.needs, planned.fit
    if needs is None or found is None:
        return [(name, (" does not suit the network", "error"))]
    run, fit = needs.runs[subject.precision], str(found.fit)
    peak = f"{subject.precision} TorchScript file: peak {mebibytes(run.peak_allocated_nbytes)} in {run.peak_layer}"
    # The map bounds what the allocator does, which is replayed here; and it weighs one of the job's files.
    if mapped in (None, found.fit):
        differs: list[Line] = []
    else:
        wider = SEVERITY.index(mapped) > SEVERITY.index(found.fit)
        why = "it is drawn with a wider margin" if wider else "it counts one file alone"
        differs = [plain(f"the map says {mapped}: {why}", "dim")]
    return [
        (name, (" ", ""), (fit, FIT_KINDS[found.fit]), (found.decisive.sentence.removeprefix(fit), "")),
        plain(peak),
        *(plain(f"! {finding.message}", "warning") for finding in planned.findings if finding.rule == "ratio"),
        *differs,
    ]
