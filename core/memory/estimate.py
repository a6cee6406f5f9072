"""The memory of a job, whole: the run in bytes, the needs on host and GPU, and the verdicts on what is free now.

All here is pure: network, workload and snapshot in, estimate out.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..devices import Gpu, GpuReport, HostMemory
from ..formats import Format, Precision
from ..network.network import Network
from ..network.ops import ShapeMismatch
from ..shapes import Finding, InputShape, Level
from ..spec import ExportSpec, VerifyMode
from .job import host_need, weighed
from .need import Need, Term
from .overheads import DOCUMENTED, Overheads
from .run import RUNTIME_NOTE, Run, gpu_need, run
from .verdict import Fit, Memory, Verdict, verdict, worst
from .workload import Workload


@dataclass(frozen=True)
class Snapshot:
    """The places that a job may use, as they are now. `gpu`: the one that it was given, or None on a CPU."""

    host: Memory
    gpu: Memory | None = None
    overheads: Overheads = DOCUMENTED


def snapshot(host: HostMemory, device: str, report: GpuReport, overheads: Overheads = DOCUMENTED) -> Snapshot:
    """What a job on `device` finds. `overheads`: of that GPU."""
    place = Memory("host memory", host.available, host.total)
    return Snapshot(place, None if device == "cpu" else gpu_memory(device, report), overheads)


def gpu_of(device: str, report: GpuReport) -> Gpu | None:
    """The GPU of an index; of one that is cut into slices, the first."""
    return next((gpu for gpu in report.gpus if str(gpu.index) == device), None)


def gpu_memory(device: str, report: GpuReport) -> Memory:
    """What the GPU of an index has now."""
    name = f"GPU {device}"
    gpu = gpu_of(device, report)
    if gpu is None:
        return Memory(name, None, 0, report.problem or f"there is no GPU {device} here")
    if gpu.problem:
        return Memory(name, None, gpu.total, gpu.problem)
    return Memory(name, gpu.free, gpu.total)


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


@dataclass(frozen=True)
class Estimate:
    """What a job is predicted to need, and whether it fits: as `JobNeeds`, judged."""

    shape: InputShape
    runs: dict[Precision, Run]
    host: Verdict
    gpu: Verdict | None

    @property
    def fit(self) -> Fit:
        """The verdict on the whole job: the worse of host and GPU."""
        return worst([self.host.fit] if self.gpu is None else [self.host.fit, self.gpu.fit])

    @property
    def risky(self) -> bool:
        """Whether a person should be asked before the job begins."""
        return self.fit in (Fit.TIGHT, Fit.WILL_NOT_FIT)

    @property
    def verdict(self) -> Verdict:
        """The verdict that decides."""
        return self.gpu if self.gpu is not None and self.gpu.fit is self.fit else self.host


def job_needs(network: Network, work: Workload, shape: InputShape, overheads: Overheads = DOCUMENTED) -> JobNeeds:
    """What a job needs. Raises `ShapeMismatch` for a size that does not suit the network."""
    runs = {precision: run(network, shape, precision, half_io=work.half_io) for precision in work.precisions}
    host = host_need(work, weighed(network, shape.dims), work.tried_at(shape))
    gpu = None if work.device == "cpu" else _job_on_gpu(work, network, shape, runs, overheads)
    return JobNeeds(shape, runs, host, gpu)


def judged(needs: JobNeeds, now: Snapshot) -> Estimate:
    """The needs of a job against what is free now: cheap enough for every sample of NVML."""
    gpu = None if needs.gpu is None or now.gpu is None else verdict(needs.gpu, now.gpu)
    return Estimate(needs.shape, needs.runs, verdict(needs.host, now.host), gpu)


def estimate(network: Network, spec: ExportSpec, now: Snapshot) -> Estimate:
    """Both in one: the estimate of a job. Raises `ShapeMismatch` for a size that does not suit the network."""
    shape = InputShape(spec.batch, network.channels, spec.height, spec.width)
    return judged(job_needs(network, Workload.of(spec), shape, now.overheads), now)


def estimate_or_none(network: Network, spec: ExportSpec, now: Snapshot) -> Estimate | None:
    """As `estimate`; None for a size that does not suit the network, as while it is being typed."""
    try:
        return estimate(network, spec, now)
    except ShapeMismatch:
        return None


def memory_finding(estimated: Estimate) -> Finding | None:
    """An error for a job that will not fit, a warning for one that may not, else None."""
    match estimated.fit:
        case Fit.WILL_NOT_FIT:
            return Finding(Level.ERROR, "memory", estimated.verdict.sentence, "give a smaller size or batch")
        case Fit.TIGHT:
            return Finding(Level.WARNING, "memory", estimated.verdict.sentence)
        case _:
            return None


def _job_on_gpu(
    work: Workload, network: Network, shape: InputShape, runs: dict[Precision, Run], overheads: Overheads
) -> Need:
    """Every file is tried there, one after the other: the least is the largest one alone."""
    precisions = set(work.precisions)
    if work.verify is VerifyMode.QUICK:  # FP16 is held against FP32, which is made for that
        precisions.add(Precision.FP32)
    tried = [runs.get(precision) or run(network, shape, precision) for precision in precisions]
    largest, *others = sorted(tried, key=lambda run: -run.least_reserved_nbytes)
    terms = list(gpu_need(largest, overheads, others).terms)
    if Format.ONNX in work.formats:
        terms.append(Term("ONNX Runtime", 0, 0, RUNTIME_NOTE))
    return Need(tuple(terms))
