"""The machine as it is now, as a snapshot: the one place here that looks."""

from __future__ import annotations

from pathlib import Path

from ..devices import GpuReport, GpuSampler, free_disk, host_memory
from .overheads import DOCUMENTED, overheads_of
from .snapshot import Snapshot, gpu_of, snapshot


def look(device: str, folder: Path) -> Snapshot:
    """What a job on `device` (`cpu`, or a GPU's index) finds now, whose files go to `folder`.

    NVML is asked for a GPU alone.
    """
    disk = free_disk(folder)
    if device == "cpu":
        return snapshot(host_memory(), device, GpuReport(), disk=disk)
    sampler = GpuSampler()
    try:
        report = sampler.sample()
    finally:
        sampler.close()
    gpu = gpu_of(device, report)
    overheads = DOCUMENTED if gpu is None else overheads_of(gpu.name, report.driver)
    return snapshot(host_memory(), device, report, overheads, disk)
