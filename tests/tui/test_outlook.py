"""What is predicted before anything runs: memory, file sizes, whether it fits; live, and asked about."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from halfpint.core.samples.make import write_yolov5
from halfpint.core.samples.yolov5 import SampleSpec
from support.nvml import GIB, FakeGpu, FakeNvml
from support.screen import Screen, drive, screen

MIB = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with weights of yolov5s's full size."""
    write_yolov5(tmp_path / "yolov5s.pt", SampleSpec(width=0.5))
    return tmp_path


async def on_gpu(s: Screen, height: int, width: int) -> None:
    """Choose the first GPU and a size."""
    await s.until_known()
    await s.until(lambda: "RTX 4090" in s.devices)
    await s.press("escape", "4", "d")
    await s.size(height, width)
    await s.until(lambda: "predicted for GPU 0" in s.devices)


def bar(s: Screen) -> str:
    """The line below the chosen GPU's: its bar and verdict."""
    lines = s.devices.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("> 0")) + 1]


def test_a_long_shape_fits_and_is_only_unwise(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder, nvml=FakeNvml(FakeGpu())) as s:
            await on_gpu(s, 1536, 320)
            assert "FITS" in bar(s)
            assert "4.8:1" in s.findings
            assert "weights" in s.devices and "activations at the peak, in model." in s.devices
            assert "CUDA context" in s.devices

    drive(script())


def test_the_verdict_follows_what_others_use(folder: Path) -> None:
    gpu = FakeGpu(used=2 * GIB)

    async def script() -> None:
        async with screen(folder, nvml=FakeNvml(gpu)) as s:
            await on_gpu(s, 1536, 320)
            assert "FITS" in bar(s)
            gpu.used = 24 * GIB - 200 * MIB
            await s.until(lambda: "WILL NOT FIT" in bar(s))
            gpu.used = GIB
            await s.until(lambda: "FITS" in bar(s))

    drive(script())


def test_a_job_that_will_not_fit_begins_only_on_purpose(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder, nvml=FakeNvml(FakeGpu(used=24 * GIB - 200 * MIB))) as s:
            await on_gpu(s, 64, 64)
            await s.press("ctrl+r")
            assert "WILL NOT FIT" in s.reading
            await s.press("escape")
            assert s.main.session.jobs.known == ()
            await s.press("ctrl+r", "s")
            await s.job_over()  # there is no GPU here: it fails, but it has begun
            assert "#1" in s.log

    drive(script())


def test_the_largest_batch_and_square_are_told(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.until(lambda: "largest that fits: batch" in s.devices)
            largest = s.main.session.largest
            assert largest is not None and largest.batch is not None
            await s.press("2", "b", "B")
            assert s.main.session.choices.batch == largest.batch and "pinned" in s.findings
            await s.until(lambda: "on the CPU: needs about" in s.findings)
            await s.until(lambda: s.status.startswith(("FITS on the CPU", "TIGHT on the CPU")))

    drive(script())


def test_file_sizes_are_told_before_the_files_exist(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "n.pt")

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            await s.until(lambda: len(s.artifacts) == 2)
            (name, size, _, predicted, *_), _ = s.artifacts
            assert (name, size, predicted) == ("n.onnx", "–", "1.9 MB")
            await s.press("3", "down", "space")
            await s.until(lambda: len(s.artifacts) == 4)

    drive(script())


def test_a_full_disk_is_no_export(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halfpint.core.devices.free_disk", lambda _folder: 1_000_000)

    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.until(lambda: "1.0 MB are free" in s.status)
            await s.press("ctrl+r")
            assert s.status.startswith("no export: the files need")

    drive(script())


def test_what_a_job_took_stands_next_to_what_was_predicted(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "n.pt")

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            await s.size(64, 64)
            await s.press("ctrl+r")
            assert (await s.job_over()).exit_code == 0
            await s.until(lambda: "job #1: predicted" in s.devices)
            assert "measured" in s.devices and "at its peak" in s.devices

    drive(script())


def test_a_gpu_that_is_not_measured_is_offered_to_be(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder, nvml=FakeNvml(FakeGpu())) as s:
            await s.until(lambda: "GPU 0 is not measured" in s.log)
            await s.press("4", "c")
            assert "the CPU needs no measuring" in s.status
            await s.press("d", "c")
            await s.until(lambda: "no GPU" in s.log or "could not be measured" in s.log)  # as on this machine

    drive(script())


def test_the_fit_map_shows_all_sizes_and_takes_one(folder: Path) -> None:
    gpu = FakeGpu(used=2 * GIB)

    async def script() -> None:
        async with screen(folder, nvml=FakeNvml(gpu)) as s:
            await on_gpu(s, 640, 640)
            await s.press("m")
            await s.until(lambda: "FITS" in s.reading and "640×640" in s.reading)
            gpu.used = 24 * GIB - 200 * MIB
            await s.until(lambda: "WILL NOT FIT" in s.reading)
            await s.press("right", "up", "enter")
            assert "608×672" in s.findings

    drive(script())
