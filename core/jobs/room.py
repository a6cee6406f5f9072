"""Is there room for a job now? What waits, waits for something, and that is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..devices import GpuReport
from ..errors import HalfpintError
from ..memory.now import look
from ..memory.snapshot import gpu_of
from ..plan import Planner
from ..spec import ExportSpec
from ..units import mebibytes
from ..weights_source import WeightsSource

CPU = "cpu"


@dataclass(frozen=True)
class Running:
    """A job that runs: on which device, in which process, and the bytes of GPU memory that it may come to take."""

    device: str
    pid: int
    nbytes: int


def room(device: str, nbytes: int, running: Iterable[Running], report: GpuReport, at_once: int) -> str:
    """Why a job must wait; empty if it can begin. `nbytes`: of GPU memory, at its peak.

    On the CPU, `at_once` jobs run at the same time. On a GPU, a job begins once its predicted peak fits into what is
    free there, less what the jobs that run there are still going to take. A GPU that does not tell what is free gets
    one job at a time; whether one fits that nothing else could make fit is for the job itself to say.
    """
    beside = [job for job in running if job.device == device]
    if device == CPU:
        return "" if len(beside) < at_once else _waits_for(len(beside), "the CPU")
    gpu = gpu_of(device, report)
    if not beside:
        others = gpu is not None and not gpu.problem and nbytes > gpu.free and nbytes <= gpu.total
        return f"waits for {mebibytes(nbytes)} on GPU {device}; {mebibytes(gpu.free)} free" if others and gpu else ""
    if gpu is None or gpu.problem:
        return _waits_for(len(beside), f"GPU {device}")
    taken: Mapping[int, int | None] = {process.pid: process.nbytes for process in gpu.processes}
    promised = sum(max(0, job.nbytes - (taken.get(job.pid) or 0)) for job in beside)
    free = max(0, gpu.free - promised)
    return "" if nbytes <= free else f"waits for {mebibytes(nbytes)} on GPU {device}; {mebibytes(free)} free"


def gpu_nbytes(spec: ExportSpec) -> int:
    """The most GPU memory that a job is predicted to take, in bytes; 0 on a CPU, and where that cannot be told.

    What is wrong with its weights, the job tells.
    """
    if spec.device == CPU:
        return 0
    try:
        with WeightsSource(Path(spec.weights)) as source:
            needs = Planner(source.info, source.network).plan(spec, look(spec.device, spec.out)).needs
    except HalfpintError:
        return 0
    return int(needs.gpu.high) if needs is not None and needs.gpu is not None else 0


def _waits_for(jobs: int, place: str) -> str:
    return f"waits for {'another job' if jobs == 1 else f'{jobs} other jobs'} on {place}"
