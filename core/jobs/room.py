"""Is there room for a job now? What waits, waits for something, and that is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..device_names import AUTO, CPU, one, without_gpu
from ..devices import GpuReport, GpuSampler
from ..errors import HalfpintError
from ..memory.now import look
from ..memory.snapshot import gpu_of
from ..options import DEVICE
from ..plan import Planner
from ..spec import ExportSpec
from ..units import mebibytes
from ..weights_source import WeightsSource


@dataclass(frozen=True)
class Running:
    """A job that runs: on which device, in which process, and the bytes of GPU memory that it may come to take."""

    device: str
    pid: int
    nbytes: int


def place(
    device: str,
    need: Callable[[str], int],
    running: Collection[Running],
    report: GpuReport,
    at_once: int = 1,
    full: Collection[str] = (),
) -> tuple[str, str]:
    """The device on which a job can begin now, and why it must wait: one of the two is empty.

    `device`: as the job's spec has it, which may leave a choice. `need`: the bytes of GPU memory that it takes at its
    peak on a device. `full`: devices where others wait already.
    """
    choice = choices(device, report)
    able = [index for index in choice if _ever(index, need(index), report)] or choice
    reasons: list[str] = []
    for candidate in able:
        if candidate in full:
            continue
        reason = room(candidate, need(candidate), running, report, at_once)
        if not reason:
            return candidate, ""
        reasons.append(reason)
    return "", reasons[0] if reasons else f"waits for its turn on {_named(able[0])}"


def _ever(device: str, nbytes: int, report: GpuReport) -> bool:
    """Whether a device could hold so many bytes, if nothing else used it."""
    gpu = None if without_gpu(device) else gpu_of(device, report)
    return gpu is None or bool(gpu.problem) or nbytes <= gpu.total


def choices(device: str, report: GpuReport) -> tuple[str, ...]:
    """The devices among which a spec leaves the choice: of several GPUs, that with the most free memory first."""
    if one(device):
        return (device,)
    well = [gpu for gpu in sorted(report.gpus, key=lambda gpu: -gpu.free) if not gpu.problem and not gpu.slice]
    free = tuple(dict.fromkeys(str(gpu.index) for gpu in well))
    if device == AUTO:
        return free or (CPU,)
    named = tuple(dict.fromkeys(device.split(",")))
    return tuple(sorted(named, key=lambda index: free.index(index) if index in free else len(free)))


def placed(spec: ExportSpec) -> ExportSpec:
    """The same job on one device. Where none has room now, on the first: whether it fits, the job itself tells."""
    if one(spec.device):
        return spec
    sampler = GpuSampler()
    try:
        report = sampler.sample()
    finally:
        sampler.close()
    device, _ = place(spec.device, lambda index: gpu_nbytes(spec.having(DEVICE, index)), (), report)
    return spec.having(DEVICE, device or choices(spec.device, report)[0])


def room(device: str, nbytes: int, running: Collection[Running], report: GpuReport, at_once: int) -> str:
    """Why a job must wait; empty if it can begin. `nbytes`: of GPU memory, at its peak.

    On the CPU, and on each cluster, `at_once` jobs run at the same time. On a GPU, a job begins once its predicted
    peak fits into what is free there, less what the jobs that run there are still going to take. A GPU that does not
    tell what is free gets one job at a time; whether one fits that nothing else could make fit is for the job itself
    to say.
    """
    beside = [job for job in running if job.device == device]
    if without_gpu(device):
        return "" if len(beside) < at_once else _waits_for(len(beside), _named(device))
    gpu = gpu_of(device, report)
    if not beside:
        others = gpu is not None and not gpu.problem and nbytes > gpu.free and nbytes <= gpu.total
        return f"waits for {mebibytes(nbytes)} on GPU {device}; {mebibytes(gpu.free)} free" if others and gpu else ""
    if gpu is None or gpu.problem:
        return _waits_for(len(beside), _named(device))
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


def _named(device: str) -> str:
    """A device in words."""
    if without_gpu(device):
        return "the CPU" if device == CPU else device
    return f"GPU {device}"


def _waits_for(jobs: int, place: str) -> str:
    return f"waits for {'another job' if jobs == 1 else f'{jobs} other jobs'} on {place}"
