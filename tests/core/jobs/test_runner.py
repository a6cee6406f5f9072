"""The runner lets a job begin on one of the GPUs that were chosen for it, as soon as one has room."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from halfpint.core.devices import GpuSampler
from halfpint.core.events import StageSilent, StageStarted
from halfpint.core.jobs import silence
from halfpint.core.jobs.database import Database, Job, State
from halfpint.core.jobs.room import gpu_nbytes
from halfpint.core.jobs.runner import Runner
from halfpint.core.jobs.store import EventLog, EventReader
from halfpint.core.processes import this_process
from halfpint.core.spec import ExportSpec
from halfpint.core.units import mebibytes
from support.jobs import small
from support.nvml import GIB, FakeGpu, FakeNvml


def only(database: Database) -> Job:
    (job,) = database.jobs()
    return job


def test_a_worker_that_cannot_be_started_is_a_failed_job_and_the_next_one_is_tried(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database() as database:
        for _ in range(2):
            database.new(small(tiny, tmp_path), queued=True)
        with monkeypatch.context() as patch:
            patch.setattr("sys.executable", str(tmp_path / "python"))
            Runner(database, GpuSampler(FakeNvml())).step()
        for job in database.jobs():
            assert job.state is State.FAILED and job.finished is not None
            assert "the system starts no process for the job: No such file" in job.finished.message
            assert str(tmp_path / "python") in job.finished.fix


def test_a_job_waits_for_the_first_gpu_with_room(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path, device="0,1")
    gpus = [FakeGpu(used=24 * GIB - 100 * 2**20), FakeGpu(used=24 * GIB - 90 * 2**20)]
    with Database() as database:
        database.new(spec, queued=True)
        runner = Runner(database, GpuSampler(FakeNvml(*gpus)))
        assert runner.step()
        need = mebibytes(gpu_nbytes(small(tiny, tmp_path, device="0")))
        assert only(database).reason == f"waits for {need} on GPU 0; 100.0 MiB free"
        gpus[1].used = GIB
        runner.step()
        job = only(database)
        assert (job.state, job.device, job.spec.device, job.reason) == (State.RUNNING, "1", "0,1", "")
        assert ExportSpec.from_json(job.folder.spec_file.read_text()).device == "1"
        while runner.step():
            runner.ended.wait(1.0)
        assert only(database).state is State.DONE  # without a GPU here: ONNX files are made on the CPU in any case


def test_a_job_that_tells_nothing_is_told_of_by_the_runner_after_the_one_that_began_it(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "PATIENCE_SECONDS", 0.01)
    with Database() as database:
        folder = database.new(small(tiny, tmp_path), queued=True)
        database.began(folder.path.name, this_process())
        with EventLog(folder) as log:
            log.append(StageStarted("run", "best.onnx"))
            runner = Runner(database, GpuSampler(FakeNvml()))
            with contextlib.closing(EventReader(folder)) as reader:
                told = list(reader.new())
                while not any(isinstance(event, StageSilent) for event in told):
                    assert runner.step()
                    told += reader.new()
        assert isinstance(told[-1], StageSilent) and (told[-1].stage, told[-1].artifact) == ("run", "best.onnx")
        assert only(database).state is State.RUNNING
