"""The memory of a job, whole: the run in bytes, the needs on host and GPU, and whether they fit what is free now.

All here is pure: network, workload and snapshot in, needs and fit out.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..network.network import Network
from ..options import VerifyMode
from ..precisions import REFERENCE, Precision
from ..shapes import MEMORY, Finding, InputShape, Level
from .fit import Fit, MemoryFit, fit_in, worst
from .job import host_need, weighed
from .need import Need, Term
from .overheads import DOCUMENTED, Overheads
from .run import Run, gpu_need, run
from .snapshot import Snapshot
from .workload import Workload

_NOT_MEASURED = "its arena and its search for convolutions come on top; by how much is not measured"


@dataclass(frozen=True)
class JobNeeds:
    """What a job is predicted to need, whatever is free.

    `runs`: a forward pass in each precision of the files, in their order. `host`: the job in host memory. `gpu`: the
    job on its GPU, or None for one on the CPU.
    """

    shape: InputShape
    runs: dict[Precision, Run]
    host: Need
    gpu: Need | None

    @property
    def largest_run(self) -> Run:
        """The forward pass that takes most: what running the exported files needs at least, wherever they run."""
        return max(self.runs.values(), key=lambda run: run.peak_reserved_nbytes)


@dataclass(frozen=True)
class JobFit:
    """Whether a job fits: into host memory, and into its GPU if it has one."""

    host: MemoryFit
    gpu: MemoryFit | None

    @property
    def fit(self) -> Fit:
        """The fit of the whole job: the worse of host and GPU."""
        return worst([self.host.fit] if self.gpu is None else [self.host.fit, self.gpu.fit])

    @property
    def risky(self) -> bool:
        """Whether a person should be asked before the job begins."""
        return self.fit in (Fit.TIGHT, Fit.WILL_NOT_FIT)

    @property
    def decisive(self) -> MemoryFit:
        """The one that decides."""
        return self.gpu if self.gpu is not None and self.gpu.fit is self.fit else self.host


def job_needs(network: Network, work: Workload, shape: InputShape, overheads: Overheads = DOCUMENTED) -> JobNeeds:
    """What a job needs. Raises `ShapeMismatch` for a size that does not suit the network."""
    runs = {precision: run(network, shape, precision, work.io(precision)) for precision in work.precisions}
    host = host_need(work, weighed(network, shape.dims), work.tried_at(shape))
    gpu = None if work.device == "cpu" else _job_on_gpu(work, network, shape, runs, overheads)
    return JobNeeds(shape, runs, host, gpu)


def judged(needs: JobNeeds, now: Snapshot) -> JobFit:
    """The needs of a job against what is free now: cheap enough for every sample of NVML."""
    gpu = None if needs.gpu is None or now.gpu is None else fit_in(needs.gpu, now.gpu)
    return JobFit(fit_in(needs.host, now.host), gpu)


def memory_finding(found: JobFit) -> Finding | None:
    """An error for a job that will not fit, a warning for one that may not, else None."""
    match found.fit:
        case Fit.WILL_NOT_FIT:
            fix = "give a smaller size or batch, or --force to start anyway"
            return Finding(Level.ERROR, MEMORY, found.decisive.sentence, fix)
        case Fit.TIGHT:
            return Finding(Level.WARNING, MEMORY, found.decisive.sentence)
        case _:
            return None


def _job_on_gpu(
    work: Workload, network: Network, shape: InputShape, runs: dict[Precision, Run], overheads: Overheads
) -> Need:
    """Every file is tried there, one after the other: the least is the largest one alone."""
    precisions = set(work.precisions)
    if work.verify is VerifyMode.QUICK:  # others are held against it, which is made for that
        precisions.add(REFERENCE)
    tried = [runs.get(precision) or run(network, shape, precision) for precision in precisions]
    largest, *others = sorted(tried, key=lambda run: -run.replayed.peak_allocated)
    terms = list(gpu_need(largest, overheads, others).terms)
    terms += [Term(target.runtime, 0, 0, _NOT_MEASURED) for target in work.targets if not target.weighed]
    return Need(tuple(terms))
