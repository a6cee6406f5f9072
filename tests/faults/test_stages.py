"""A job stands at each of its stages when somebody is killed, or when something else goes wrong. Real processes.

After each: nothing half-written has a final name, what was there before is as it was, and the message names cause and
next step.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from halfpint.core.devices import GpuSampler
from halfpint.core.events import JobFinished, Progress, StageSilent
from halfpint.core.jobs import queue, silence
from halfpint.core.jobs.database import Database, Job, State
from halfpint.core.jobs.launcher import Worker
from halfpint.core.jobs.only_runner import ensure_runner
from halfpint.core.jobs.runner import Runner
from halfpint.core.jobs.silence import silence_in_words
from halfpint.core.jobs.store import create
from halfpint.core.options import OUT, VerifyMode
from halfpint.core.precisions import FLOATS, FP32
from halfpint.core.publication.hold import put_right
from halfpint.core.spec import ExportSpec
from support.command import HALFPINT
from support.jobs import assert_listed, done, done_when, done_with, end_of, small
from support.nvml import FakeNvml
from support.patience import until
from support.runners import end_runners, runners
from support.stops import PUBLISHED, environment_with_stops, stopped
from support.terminal import terminal

STAGES = ("read", "write", "run", "verify", "publish", PUBLISHED)


@pytest.fixture(autouse=True)
def runner_gone() -> Iterator[None]:
    yield
    end_runners()


@pytest.fixture
def stopping(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers stop where the folder of their job says."""
    monkeypatch.setenv("PYTHONPATH", environment_with_stops(tmp_path_factory.mktemp("stops")))


@pytest.fixture
def spec(tiny: Path, tmp_path: Path) -> ExportSpec:
    """A quick job, of weights that are the test's own, over what an earlier one made."""
    weights = Path(shutil.copy(tiny, tmp_path / "best.pt"))
    spec = small(weights, tmp_path / "old", height=32, width=32, precisions=(FP32,), verify=VerifyMode.QUICK)
    assert end_of(done(spec)).exit_code == 0
    return small(weights, tmp_path / "old", height=32, width=32, precisions=FLOATS, overwrite=True)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def at(spec: ExportSpec, stage: str) -> ExportSpec:
    """The same job in a folder of its own, which holds the same files."""
    folder = spec.out.with_name(f"at-{stage}")
    shutil.copytree(spec.out, folder)
    return spec.having(OUT, str(folder))


def jobs() -> Mapping[str, Job]:
    """The jobs by the stage at which they stop."""
    with Database() as database:
        return {job.spec.out.name.removeprefix("at-"): job for job in database.jobs()}


@pytest.fixture
def at_each_stage(spec: ExportSpec, stopping: None) -> Iterator[Mapping[str, Job]]:
    """Six jobs of the queue, each of which stands at a stage of its own."""
    for stage in STAGES:
        queue.submit(at(spec, stage), at_once=len(STAGES))
    until(lambda: all(stopped(job.worker.pid) for job in jobs().values()))
    found = jobs()
    yield found
    for job in jobs().values():
        if not job.worker.gone:
            os.killpg(job.worker.pid, signal.SIGKILL)


def go_on(stopped: Mapping[str, Job]) -> None:
    for job in stopped.values():
        os.kill(job.worker.pid, signal.SIGCONT)


def kill(stopped: Mapping[str, Job]) -> None:
    for job in stopped.values():
        os.kill(job.worker.pid, signal.SIGKILL)


def all_are(*states: State) -> bool:
    return all(job.state in states for job in jobs().values())


def assert_untouched(spec: ExportSpec, tiny: Path) -> None:
    """The weights and the older files are what they were, and no folder has anything else."""
    assert spec.weights.read_bytes() == tiny.read_bytes()
    for stage in STAGES:
        folder = spec.out.with_name(f"at-{stage}")
        if stage == PUBLISHED:
            assert_listed(folder)
            assert len(content(folder)) == 3
        else:
            assert content(folder) == content(spec.out), stage


def test_the_worker_is_killed(at_each_stage: Mapping[str, Job], spec: ExportSpec, tiny: Path) -> None:
    kill(at_each_stage)
    until(lambda: all_are(State.FAILED))
    for stage, job in jobs().items():
        assert job.finished is not None and job.finished.exit_code == 1
        assert "killed the worker (SIGKILL)" in job.finished.message
        assert ("its files were published" if stage == PUBLISHED else "start the job again") in job.finished.fix
    assert_untouched(spec, tiny)
    with Database() as database:
        assert len(database.artifacts(jobs()[PUBLISHED].id)) == 1, "the first of two was told"


def test_the_runner_and_the_worker_are_killed(at_each_stage: Mapping[str, Job], spec: ExportSpec, tiny: Path) -> None:
    """Nobody saw how the jobs ended. What they left is removed when the next runner starts."""
    for runner in runners():
        os.kill(runner, signal.SIGKILL)
    kill(at_each_stage)
    until(lambda: all_are(State.LOST))
    for job in jobs().values():
        assert job.finished is not None and "nobody saw how" in job.finished.message
        assert "halfpint jobs retry" in job.finished.fix
    ensure_runner()
    before = content(spec.out)
    until(lambda: all(set(content(job.spec.out)) <= {*before, "best.fp16.onnx"} for job in jobs().values()))
    assert_untouched(spec, tiny)


def test_the_screen_and_the_runner_are_killed(at_each_stage: Mapping[str, Job], tmp_path: Path) -> None:
    """The jobs go on, and another runner tells of one that goes on telling nothing."""
    with terminal([str(HALFPINT), str(tmp_path)]) as screen:
        screen.until("^r exports best.pt")
        os.kill(screen.pid, signal.SIGKILL)
    for runner in runners():
        os.kill(runner, signal.SIGKILL)
    assert all_are(State.RUNNING)
    go_on(at_each_stage)
    until(lambda: all_are(State.DONE))
    for job in jobs().values():
        assert_listed(job.spec.out)
        assert len(content(job.spec.out)) == 3


def test_a_hung_stage_is_told_and_never_ended(
    spec: ExportSpec, stopping: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "PATIENCE_SECONDS", 0.2)
    job = create(at(spec, "verify"))
    with Worker() as worker:
        worker.start(job)
        events = worker.follow()
        silent = next(event for event in events if isinstance(event, StageSilent) and event.stage == "verify")
        assert silence_in_words(silent) == (
            f"stage verify of {silent.artifact} has been silent for 0 s; cancel with halfpint jobs cancel "
            f"{job.path.name}, or let it go on"
        )
        os.kill(worker.pid, signal.SIGCONT)
        end = list(events)[-1]
    assert isinstance(end, JobFinished) and end.exit_code == 0


@pytest.fixture
def folder_of_nobody(tiny: Path) -> Iterator[Path]:
    """A folder with weights, of a user whom permissions bind, which this process becomes for a while."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Path(shutil.copy(tiny, folder / "best.pt")).chmod(0o644)
        (folder / "out").mkdir()
        if os.geteuid() != 0:
            yield folder
            return
        for path in (folder, folder / "out"):
            os.chown(path, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("stage", ["read", "write", "run", "verify"])
def test_the_folder_is_made_read_only(folder_of_nobody: Path, stage: str) -> None:
    out = folder_of_nobody / "out"
    (out / "other.onnx").write_bytes(b"somebody's")
    spec = small(folder_of_nobody / "best.pt", out, height=32, width=32, verify=VerifyMode.QUICK)
    events = done_when(spec, stage, lambda: out.chmod(0o555))
    end = end_of(events)
    assert end.exit_code in (1, 2)
    assert "cannot be written" in end.message and end.fix == "choose another folder with --out"
    visible = [path.name for path in out.iterdir() if not path.name.startswith(".")]
    assert visible == ["other.onnx"]
    out.chmod(0o755)
    put_right(out, spec.root)
    assert content(out) == {"other.onnx": b"somebody's"}


def test_the_weights_are_replaced_while_they_are_read(spec: ExportSpec, tmp_path: Path) -> None:
    new = tmp_path / "new.pt"
    new.write_bytes(b"another file")

    def replace(event: object) -> None:
        if isinstance(event, Progress) and event.stage == "read" and new.exists():
            new.rename(spec.weights)

    before = content(spec.out)
    end = end_of(done_with(spec, replace))
    assert end.exit_code == 3
    assert "was replaced while it was read" in end.message and end.fix == "start again with the new one"
    assert content(spec.out) == before
    assert spec.weights.read_bytes() == b"another file"


def test_the_clock_jumps(spec: ExportSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way it jumps, jobs are done in their order, no time is negative, and the newest comes first."""
    real, jumps = time.time, itertools.cycle([0.0, 3e6, -3e6, 40.0])
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    with Database() as database:
        names = [database.new(at(spec, name), queued=True).path.name for name in ("a", "b")]
        runner = Runner(database, GpuSampler(FakeNvml()))
        while runner.step():
            runner.ended.wait(1.0)
        found = database.jobs()
    assert [job.id for job in found] == names[::-1]
    assert [job.state for job in found] == [State.DONE] * 2
    for job in found:
        assert (job.seconds(real()) or 0) >= 0
        assert_listed(job.spec.out)
