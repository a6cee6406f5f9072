"""A job in a process of its own: it can be followed, cancelled and killed, and nothing half-written is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halfpint.core import events as e
from halfpint.core.errors import JobFailed
from halfpint.core.jobs.launcher import Worker
from halfpint.core.jobs.store import EventReader, JobFolder, create, jobs_root
from halfpint.core.jobs.tidy import tidy
from halfpint.core.precisions import FP32
from halfpint.core.spec import ExportSpec
from support.jobs import names, small
from support.targets import BOTH, TORCHSCRIPT


def started(spec: ExportSpec) -> Iterator[tuple[Worker, Iterator[e.Event]]]:
    with Worker() as worker:
        worker.start(create(spec))
        yield worker, worker.follow()


def until(events: Iterator[e.Event], wanted: Callable[[e.Event], bool]) -> e.Event:
    return next(event for event in events if wanted(event))


def writing_begun(event: e.Event) -> bool:
    return isinstance(event, e.StageStarted) and event.stage == "run"


def test_a_job_is_followed_to_its_end(tiny: Path, tmp_path: Path) -> None:
    job = create(small(tiny, tmp_path))
    with Worker() as worker:
        worker.start(job)
        events = list(worker.follow())
    assert isinstance(events[-1], e.JobFinished)
    assert events[-1].exit_code == 0
    reader = EventReader(job)
    assert list(reader.new()) == events
    reader.close()


def test_a_warm_worker_has_imported_what_the_job_will_need(tiny: Path, tmp_path: Path) -> None:
    with Worker(["onnxruntime"]) as worker:
        worker.start(create(small(tiny, tmp_path)))
        assert isinstance(list(worker.follow())[-1], e.JobFinished)


def test_a_worker_without_a_job_ends_with_its_input() -> None:
    with Worker() as worker:
        pass
    assert worker.returncode is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_job_cleans_up_and_says_so(tiny: Path, tmp_path: Path, number: int) -> None:
    spec = small(tiny, tmp_path, targets=BOTH)
    for worker, events in started(spec):
        until(events, writing_begun)
        os.killpg(worker.pid, number)
        end = list(events)[-1]
        assert isinstance(end, e.JobFinished)
        assert (end.exit_code, end.message) == (130, "cancelled")
    assert list(names(tmp_path)) == []


def test_leaving_the_worker_cancels_the_job(tiny: Path, tmp_path: Path) -> None:
    for _, events in started(small(tiny, tmp_path, targets=BOTH)):
        until(events, writing_begun)
        assert list(names(tmp_path))
    assert list(names(tmp_path)) == []


def test_a_killed_worker_is_told_of_and_swept_up(tiny: Path, tmp_path: Path) -> None:
    for worker, events in started(small(tiny, tmp_path, targets=BOTH)):
        until(events, writing_begun)
        os.killpg(worker.pid, signal.SIGKILL)
        end = list(events)[-1]
        assert isinstance(end, e.JobFinished)
        assert end.exit_code == 1
        assert end.message == "somebody or something killed the worker (SIGKILL); memory had not run out"
    assert list(names(tmp_path)) == []


def test_a_crash_is_told_with_its_signal(tiny: Path, tmp_path: Path) -> None:
    for worker, events in started(small(tiny, tmp_path, targets=BOTH)):
        until(events, writing_begun)
        os.killpg(worker.pid, signal.SIGSEGV)
        end = list(events)[-1]
        assert isinstance(end, e.JobFinished)
        assert "crashed (SIGSEGV)" in end.message


ORPHAN = """
import sys
from pathlib import Path
from halfpint.core.jobs.launcher import Worker
from halfpint.core.jobs.store import create
from halfpint.core.precisions import FP32
from support.jobs import small
worker = Worker()
worker.start(create(small(Path(sys.argv[1]), Path(sys.argv[2]), precisions=(FP32,))))
import os; os._exit(0)
"""


def test_a_job_outlives_whoever_started_it(tiny: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", ORPHAN, tiny, tmp_path], check=True, cwd=Path(__file__).parents[2])
    (folder,) = jobs_root().iterdir()
    deadline = time.monotonic() + 60
    while "job-finished" not in (folder / "events.jsonl").read_text():
        assert time.monotonic() < deadline
    assert list(names(tmp_path)) == ["master-n.halfpint.json", "master-n.onnx"]


def test_what_libraries_print_goes_into_the_job_s_log(tiny: Path, tmp_path: Path) -> None:
    job = create(small(tiny, tmp_path, targets=(TORCHSCRIPT,), precisions=(FP32,)))
    with Worker() as worker:
        worker.start(job)
        list(worker.follow())
    assert job.log_file.exists()


def test_what_a_cancelled_worker_started_ends_with_it(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter, number = tmp_path / "python", tmp_path / "number"
    starter.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > '{number}'\nexec '{sys.executable}' \"$@\"\n")
    starter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(starter))
    for worker, events in started(small(tiny, tmp_path, targets=BOTH)):
        until(events, writing_begun)
        child = int(number.read_text())
        assert is_alive(child)
        worker.cancel()
        deadline = time.monotonic() + 60
        while is_alive(child):
            assert time.monotonic() < deadline


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # a zombie is over


def test_a_worker_is_followed_on_after_it_was_cancelled(tiny: Path, tmp_path: Path) -> None:
    for worker, events in started(small(tiny, tmp_path, targets=BOTH)):
        seen = [until(events, writing_begun)]
        worker.cancel()
        seen += list(worker.follow())
        assert len(seen) == len(set(seen))
        assert isinstance(seen[-1], e.JobFinished) and seen[-1].message == "cancelled"


def test_a_tied_worker_ends_with_who_started_it(tiny: Path, tmp_path: Path) -> None:
    script = ORPHAN.replace("Worker()", "Worker(tied=True)")
    subprocess.run([sys.executable, "-c", script, tiny, tmp_path], check=True, cwd=Path(__file__).parents[2])
    (folder,) = jobs_root().iterdir()
    deadline = time.monotonic() + 60
    while '"exit_code": 130' not in (folder / "events.jsonl").read_text():
        assert time.monotonic() < deadline
    assert list(names(tmp_path)) == []


# The job's worker, to which the signal comes just when a function ends.
SIGNALLED = """
import os, signal, sys
from pathlib import Path
from halfpint.core.jobs import worker
from halfpint.core.jobs.store import create
from support.jobs import small
import {module} as module
real = getattr(module, "{name}")
def signalled(*arguments, **options):
    result = real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGTERM)
    return result
module.{name} = signalled
cancellation = worker.Cancellation()
cancellation.defer()
sys.exit(worker.work(create(small(Path(sys.argv[1]), Path(sys.argv[2]))), cancellation))
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("halfpint.core.jobs.worker", "EventLog"),
        ("halfpint.core.jobs.worker", "_redirect_output"),
        ("halfpint.core.publication.hold", "_lock"),
        ("halfpint.core.publication.hold", "sweep"),
    ],
)
def test_whenever_the_signal_comes_the_job_ends_as_cancelled(
    tiny: Path, tmp_path: Path, module: str, name: str
) -> None:
    script = SIGNALLED.format(module=module, name=name)
    done = subprocess.run([sys.executable, "-c", script, tiny, tmp_path], cwd=Path(__file__).parents[2])
    assert done.returncode == 130
    (folder,) = jobs_root().iterdir()
    *_, last = (folder / "events.jsonl").read_text().splitlines()
    assert '"exit_code": 130' in last
    assert list(names(tmp_path)) == []


# The job's worker, to which the signal comes while a native call waits that no signal interrupts: a lock, twice.
NATIVE = """
import ctypes, os, signal, sys, threading
from pathlib import Path
from halfpint.core.jobs import worker
from halfpint.core.jobs.store import create
from support.jobs import small
import halfpint.core.publication.hold as module
real = module.sweep
def held(*arguments, **options):
    real(*arguments, **options)
    lock, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    while True:
        libc.pthread_mutex_lock(lock)
module.sweep = held
cancellation = worker.Cancellation()
cancellation.watch()
cancellation.defer()
sys.exit(worker.work(create(small(Path(sys.argv[1]), Path(sys.argv[2]))), cancellation))
"""


def test_a_native_call_does_not_hold_up_a_cancelled_job(tiny: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", NATIVE, tiny, tmp_path], cwd=Path(__file__).parents[2], timeout=60)
    assert done.returncode == 130
    (folder,) = jobs_root().iterdir()
    *_, last = (folder / "events.jsonl").read_text().splitlines()
    assert '"exit_code": 130' in last
    tidy(JobFolder(folder))  # as whoever started it does
    assert list(names(tmp_path)) == []


@pytest.mark.parametrize(
    ("executable", "told"),
    [("/nonexistent/python", "No such file or directory"), ("/etc/passwd", "Permission denied")],
)
def test_a_process_that_cannot_be_started_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, executable: str, told: str
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(JobFailed, match=f"the system starts no process for the job: {told}") as caught:
        Worker()
    assert executable in caught.value.fix


def test_a_worker_that_does_not_come_up_is_told_with_its_last_words(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho one >&2\necho 'no module named \x1b[31mhalfpint' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    job = create(small(tiny, tmp_path))
    with Worker() as worker:
        worker.start(job)
        (end,) = worker.follow()
    assert isinstance(end, e.JobFinished) and end.exit_code == 1
    assert end.message == "the worker could not start: no module named \\x1b[31mhalfpint"
    assert job.log_file.read_text() == "one\nno module named \\x1b[31mhalfpint\n"
