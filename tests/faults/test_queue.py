"""The queue belongs to nobody's screen: jobs that wait are done, whoever is killed meanwhile. Real processes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from halfpint.core.jobs.database import Database, Job, State
from halfpint.core.jobs.only_runner import ensure_runner
from support.command import HALFPINT, export, halfpint
from support.jobs import assert_listed
from support.patience import until
from support.runners import end_runners, runners


@pytest.fixture(autouse=True)
def runner_gone() -> Iterator[None]:
    yield
    end_runners()


def jobs() -> dict[str, Job]:
    with Database() as database:
        return {job.id: job for job in database.jobs()}


def state_of(job: str) -> State:
    return jobs()[job].state


def over(*names: str) -> Callable[[], bool]:
    return lambda: all(state_of(name).over for name in names)


def detached(weights: Path, out: Path, *more: object) -> str:
    """The id of a job in the queue."""
    result = export(weights, out, "--detach", *more)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def slow(weights: Path, out: Path) -> str:
    """A job that takes seconds."""
    command = ("export", "--weights", weights, "--out", out, "--imgsz", 1280, "--name", "slow", "--detach")
    return halfpint(*command).stdout.strip()


def test_jobs_in_the_queue_are_done_in_their_order(tiny: Path, tmp_path: Path) -> None:
    names = [detached(tiny, tmp_path / "out", "--name", f"n{i}") for i in range(3)]
    until(over(*names))
    done = [jobs()[name] for name in names]
    assert [job.state for job in done] == [State.DONE] * 3
    for before, after in pairwise(done):
        assert before.ended is not None and after.began is not None and before.ended <= after.began
    assert_listed(tmp_path / "out")
    until(lambda: not runners())  # with nothing to do, it ends


def test_a_job_is_followed_from_its_first_event(tiny: Path, tmp_path: Path) -> None:
    job = detached(tiny, tmp_path)
    result = halfpint("jobs", "follow", job)
    assert result.returncode == 0, result.stderr
    assert "read " in result.stdout and "PASS" in result.stdout
    shown = halfpint("jobs", "show", job)
    assert "PASS" in shown.stdout


def test_json_tells_all(tiny: Path, tmp_path: Path) -> None:
    job = detached(tiny, tmp_path)
    until(over(job))
    (told,) = json.loads(halfpint("jobs", "list", job, "--json").stdout)
    assert told["state"] == "done"
    assert [Path(artifact["path"]) for artifact in told["artifacts"]] == [tmp_path / f"{tiny.stem}.onnx"]


def test_what_failed_is_told_and_tried_again(tiny: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    job = detached(weights, tmp_path / "out")
    until(over(job))
    assert state_of(job) is State.FAILED
    assert "does not exist" in halfpint("jobs", "show", job).stderr
    shutil.copy(tiny, weights)
    again = halfpint("jobs", "retry", job).stdout.strip()
    until(over(again))
    assert state_of(again) is State.DONE


def test_the_runner_is_killed(tiny: Path, tmp_path: Path) -> None:
    """What runs goes on; what waits is taken by the next runner, which the worker starts at its end."""
    running = slow(tiny, tmp_path / "a")
    waiting = detached(tiny, tmp_path / "b")
    until(lambda: state_of(running) is State.RUNNING)
    until(lambda: len(runners()) == 1)  # one that begins beside another ends at once
    (runner,) = runners()
    os.kill(runner, signal.SIGKILL)
    until(over(running))
    assert state_of(running) is State.DONE
    until(over(waiting))
    assert state_of(waiting) is State.DONE


def test_the_worker_is_killed(tiny: Path, tmp_path: Path) -> None:
    """The job failed, the next one begins, and nothing half-written is left."""
    running, waiting = slow(tiny, tmp_path / "a"), detached(tiny, tmp_path / "b")
    until(lambda: state_of(running) is State.RUNNING)
    os.kill(jobs()[running].worker.pid, signal.SIGKILL)
    until(over(running, waiting))
    job = jobs()[running]
    assert job.state is State.FAILED
    assert job.finished is not None and "killed" in job.finished.message
    assert state_of(waiting) is State.DONE
    assert list(tmp_path.glob("a/**/*")) == []


def test_the_runner_and_its_worker_are_killed(tiny: Path, tmp_path: Path) -> None:
    """Nobody saw how it ended: the job is lost, and can be tried again."""
    job = slow(tiny, tmp_path)
    until(lambda: state_of(job) is State.RUNNING)
    for pid in (*runners(), jobs()[job].worker.pid):
        os.kill(pid, signal.SIGKILL)
    until(over(job))
    assert state_of(job) is State.LOST
    again = halfpint("jobs", "retry", job).stdout.strip()
    until(over(again))
    assert state_of(again) is State.DONE
    assert_listed(tmp_path)


def test_a_job_is_cancelled_whether_it_runs_or_waits(tiny: Path, tmp_path: Path) -> None:
    running, waiting = slow(tiny, tmp_path / "a"), detached(tiny, tmp_path / "b")
    until(lambda: state_of(running) is State.RUNNING)
    assert halfpint("jobs", "cancel", waiting, running).returncode == 0
    until(over(running, waiting))
    assert [state_of(running), state_of(waiting)] == [State.CANCELLED] * 2
    assert not (tmp_path / "b").exists()
    assert list(tmp_path.glob("a/**/*")) == []
    refused = halfpint("jobs", "cancel", running)
    assert refused.returncode == 2 and "cancelled already" in refused.stderr


def test_a_command_of_another_shell_is_known_and_can_be_cancelled(tiny: Path, tmp_path: Path) -> None:
    arguments = ("export", "--weights", tiny, "--out", tmp_path, "--imgsz", 1280)
    command = subprocess.Popen([HALFPINT, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    until(lambda: [job for job in jobs().values() if job.state is State.RUNNING])
    (job,) = jobs().values()
    assert not runners()
    assert halfpint("jobs", "cancel", job.id).returncode == 0
    command.communicate()
    assert command.returncode == 130
    assert state_of(job.id) is State.CANCELLED


def test_a_hangup_of_the_shell_ends_no_job(tiny: Path, tmp_path: Path) -> None:
    job = slow(tiny, tmp_path)
    until(lambda: state_of(job) is not State.WAITING)
    for runner in runners():
        os.kill(runner, signal.SIGHUP)
    until(over(job))
    assert state_of(job) is State.DONE


def test_two_runners_are_never_at_work(tiny: Path, tmp_path: Path) -> None:
    job = detached(tiny, tmp_path)
    for _ in range(5):
        ensure_runner()
    until(over(job))
    assert len(runners()) <= 1
    assert state_of(job) is State.DONE


@pytest.mark.parametrize("arguments", [("show", "nothing"), ("cancel",), ("retry",)])
def test_what_is_not_there_is_told(arguments: tuple[Any, ...]) -> None:
    result = halfpint("jobs", *arguments)
    assert result.returncode == 2
    assert "halfpint jobs list" in result.stderr


def test_without_jobs_there_is_a_hint() -> None:
    result = halfpint("jobs")
    assert result.returncode == 0
    assert "halfpint export" in result.stdout


def test_a_disk_without_room_for_the_queue_is_told(tiny: Path, tmp_path: Path) -> None:
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    result = halfpint("export", "--weights", tiny, "--out", tmp_path, "--detach", preexec_fn=full)
    assert result.returncode == 1
    assert "the database of jobs cannot be written" in result.stderr and "free some space" in result.stderr
    with Database() as database:
        assert database.jobs() == ()


def test_a_plan_tells_the_truth(tiny: Path, tmp_path: Path) -> None:
    """One failure does not stop the rest; what failed is named, and the exit code is its own."""
    (tmp_path / "bad.pt").write_bytes(b"not weights")
    (tmp_path / "plan.toml").write_text(f"""
imgsz = [96, 64]
out = "out"
[[export]]
weights = ["bad.pt", "{tiny}"]
""")
    result = halfpint("export", "--plan", tmp_path / "plan.toml", "--parallel", 2)
    assert result.returncode == 3
    assert "1 of 2 jobs are done" in result.stdout and "halfpint jobs retry 1" in result.stdout
    assert "bad.pt is no torch checkpoint" in result.stderr
    assert_listed(tmp_path / "out")
    only = halfpint("export", "--plan", tmp_path / "plan.toml", "--only", 1)
    assert only.returncode == 2, "it exists already"
