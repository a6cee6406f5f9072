"""What a job finds on a machine at one moment: free memory, free disk, and what CUDA takes of its GPU."""

from __future__ import annotations

from dataclasses import dataclass

from ..devices import Gpu, GpuReport, HostMemory
from .fit import Memory
from .overheads import DOCUMENTED, Overheads


@dataclass(frozen=True)
class Snapshot:
    """The places that a job may use, as they are now.

    `gpu`: the one that it was given, or None on a CPU. `disk`: free bytes where its files go; None if that is not
    known.
    """

    host: Memory
    gpu: Memory | None = None
    overheads: Overheads = DOCUMENTED
    disk: int | None = None


# Of a machine that was not asked yet.
NOT_KNOWN = Snapshot(Memory("host memory", None, 0))


def snapshot(
    host: HostMemory, device: str, report: GpuReport, overheads: Overheads = DOCUMENTED, disk: int | None = None
) -> Snapshot:
    """What a job on `device` finds. `overheads`: of that GPU. `disk`: free bytes where its files go."""
    place = Memory("host memory", host.available, host.total)
    return Snapshot(place, None if device == "cpu" else gpu_memory(device, report), overheads, disk)


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
