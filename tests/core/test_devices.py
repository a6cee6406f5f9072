"""What NVML says becomes facts; what it refuses becomes a sentence."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from halfpint.core.devices import GpuSampler, free_disk, host_memory
from support.nvml import (
    GIB,
    FakeGpu,
    FakeNvml,
    NVMLError_LibraryNotFound,
    NVMLError_LibRmVersionMismatch,
)


def test_every_gpu_is_told() -> None:
    report = GpuSampler(FakeNvml(*(FakeGpu(used=n * GIB) for n in range(8)))).sample()
    assert not report.problem
    assert [gpu.index for gpu in report.gpus] == list(range(8))
    assert [gpu.used for gpu in report.gpus] == [n * GIB for n in range(8)]
    gpu = report.gpus[2]
    assert (gpu.name, gpu.total, gpu.free, gpu.utilisation, gpu.temperature) == (
        "NVIDIA RTX 4090",
        24 * GIB,
        22 * GIB,
        37,
        54,
    )


def test_the_largest_processes_are_told_with_their_users() -> None:
    me = os.getpid()
    gone = 2**22 + 1  # beyond any pid that Linux gives
    sampler = GpuSampler(FakeNvml(FakeGpu(processes=[(gone, None), (me, 5 * GIB), (1, GIB), (gone, 3 * GIB)])))
    first, second, third = sampler.sample().gpus[0].processes
    assert (first.pid, first.nbytes, first.user) == (me, 5 * GIB, getpass.getuser())
    assert (second.nbytes, second.user) == (3 * GIB, None)
    assert third.pid == 1


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (NVMLError_LibraryNotFound(), "driver"),
        (NVMLError_LibRmVersionMismatch(), "differ in version"),
        (OSError("broken library"), "NVML"),
    ],
)
def test_no_nvml_is_a_sentence(error: Exception, word: str) -> None:
    report = GpuSampler(FakeNvml(error=error)).sample()
    assert report.gpus == ()
    assert word in report.problem


def test_a_driver_that_comes_back_is_used_again() -> None:
    nvml = FakeNvml(FakeGpu(), error=NVMLError_LibraryNotFound())
    sampler = GpuSampler(nvml)
    assert not sampler.sample().gpus
    nvml.error = None
    assert len(sampler.sample().gpus) == 1
    sampler.close()
    assert nvml.inits == 0


def test_no_gpu_is_a_sentence() -> None:
    assert "no GPU" in GpuSampler(FakeNvml()).sample().problem


def test_a_lost_gpu_leaves_the_others_alone() -> None:
    nvml = FakeNvml(FakeGpu(), FakeGpu("NVIDIA A100"), FakeGpu())
    sampler = GpuSampler(nvml)
    sampler.sample()
    nvml.gpus[1].lost = True
    first, lost, last = sampler.sample().gpus
    assert not first.problem and not last.problem
    assert lost.name == "NVIDIA A100" and "disappeared" in lost.problem


def test_a_gpu_that_nvml_no_longer_counts_is_still_told() -> None:
    nvml = FakeNvml(FakeGpu(), FakeGpu())
    sampler = GpuSampler(nvml)
    sampler.sample()
    del nvml.gpus[1]
    assert [bool(gpu.problem) for gpu in sampler.sample().gpus] == [False, True]


def test_slices_are_told_one_by_one() -> None:
    sampler = GpuSampler(FakeNvml(FakeGpu("NVIDIA H100", slices=[(GIB, 10 * GIB), (0, 40 * GIB)])))
    slices = sampler.sample().gpus
    assert [(gpu.index, gpu.slice, gpu.total) for gpu in slices] == [(0, "MIG 0", 10 * GIB), (0, "MIG 1", 40 * GIB)]
    assert slices[0].utilisation is None and slices[0].processes == ()


def test_a_gpu_that_tells_little_is_no_trouble() -> None:
    (gpu,) = GpuSampler(FakeNvml(FakeGpu(silent=True))).sample().gpus
    assert (gpu.utilisation, gpu.temperature, gpu.processes, gpu.problem) == (None, None, (), "")


def test_this_machine_is_told() -> None:
    memory = host_memory()
    assert 0 < memory.available <= memory.total


def test_free_disk_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    free = free_disk(tmp_path / "not" / "yet")
    assert free is not None and free > 0
