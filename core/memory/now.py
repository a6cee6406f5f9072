"""The machine as it is now, as a snapshot: the one place here that looks."""

from __future__ import annotations

from ..devices import GpuReport, GpuSampler, host_memory
from .estimate import Snapshot, gpu_of, snapshot
from .overheads import DOCUMENTED, overheads_of


def look(device: str) -> Snapshot:
    """What a job on `device` (`cpu`, or a GPU's index) finds now. NVML is asked for a GPU alone."""
    if device == "cpu":
        return snapshot(host_memory(), device, GpuReport())
    sampler = GpuSampler()
    try:
        report = sampler.sample()
    finally:
        sampler.close()
    gpu = gpu_of(device, report)
    overheads = DOCUMENTED if gpu is None else overheads_of(gpu.name, report.driver)
    return snapshot(host_memory(), device, report, overheads)
