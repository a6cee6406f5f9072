"""What was measured on a GPU is kept for that GPU, driver and torch; before, there is the documented range."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from halfpint.core.devices import Gpu, GpuReport
from halfpint.core.errors import BadRequest, JobFailed
from halfpint.core.memory.measure_gpu import measure_gpu, measured_gpu_of
from halfpint.core.memory.overheads import DOCUMENTED, MeasuredGpu, installed_torch, keep, measured_gpus, overheads_of
from halfpint.core.state import state_folder

MIB = 2**20
MEASURED = MeasuredGpu("NVIDIA RTX 4090", "575.57", installed_torch(), 384 * MIB, 12 * MIB)


def test_before_there_is_the_documented_range() -> None:
    found = overheads_of("NVIDIA RTX 4090", "575.57")
    assert found is DOCUMENTED
    assert (found.context.low, found.context.high) == (250 * MIB, 650 * MIB)
    assert "halfpint measure-gpu" in found.source


def test_what_was_measured_is_used_from_then_on() -> None:
    assert keep(MEASURED) == state_folder() / "gpus.json"
    found = overheads_of("NVIDIA RTX 4090", "575.57")
    assert found.measured
    assert found.context.low == found.context.high == 384 * MIB
    assert found.workspace.high == 12 * MIB
    assert "measured" in found.source


def test_another_gpu_driver_or_torch_is_another_matter() -> None:
    keep(MEASURED)
    keep(replace(MEASURED, torch="1.0"))
    assert overheads_of("NVIDIA A100", "575.57") is DOCUMENTED
    assert overheads_of("NVIDIA RTX 4090", "580.1") is DOCUMENTED
    assert overheads_of("NVIDIA RTX 4090", "575.57").measured
    assert len(measured_gpus()) == 2


def test_a_new_measurement_replaces_the_old() -> None:
    keep(MEASURED)
    keep(replace(MEASURED, context_nbytes=400 * MIB))
    assert [gpu.context_nbytes for gpu in measured_gpus()] == [400 * MIB]


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '[{"gpu": "x"}]', "no json"])
def test_a_damaged_file_is_no_file(text: str) -> None:
    state_folder().mkdir(parents=True, exist_ok=True)
    (state_folder() / "gpus.json").write_text(text)
    assert measured_gpus() == []


def test_a_state_folder_that_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFPINT_STATE", str(Path("/proc/halfpint")))
    assert keep(MEASURED) is None


# ---- what the measuring process prints


def test_its_figures_become_a_measured_gpu() -> None:
    output = 'a warning\n{"context_nbytes": 1, "workspace_nbytes": 2}\n'
    assert measured_gpu_of("card", "575.57", output, "") == MeasuredGpu("card", "575.57", installed_torch(), 1, 2)


@pytest.mark.parametrize("output", ["", "null", "{}", '{"context_nbytes": "many"}', "no json"])
def test_anything_else_is_told_with_its_last_complaint(output: str) -> None:
    with pytest.raises(JobFailed, match="card could not be measured: CUDA error"):
        measured_gpu_of("card", "575.57", output, "Traceback\nCUDA error")


def test_a_gpu_in_trouble_is_not_measured() -> None:
    with pytest.raises(BadRequest, match="disappeared"):
        measure_gpu("0", GpuReport((Gpu(0, "card", problem="This GPU has disappeared."),)))
