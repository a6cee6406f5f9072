"""Start a worker, hand it a job, follow the job's events, cancel it. The caller's process imports nothing heavy."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from ..artifacts.hold import put_right
from .events import Event, JobFinished
from .heap import ONE_HEAP
from .store import EventReader, JobFolder

_POLL_SECONDS = 0.01
_GRACE_SECONDS = 3.0


class Worker:
    """A process that does one job: in a session of its own, so that a hangup here does not end it.

    As a context manager it is killed, with everything that it started, if it still runs at the end.
    """

    def __init__(self, preload: Sequence[str] = ()) -> None:
        """Start it. `preload`: modules that it imports while it waits for its job."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "halfpint.core.jobs.worker", *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        self._job: JobFolder | None = None

    @property
    def pid(self) -> int:
        """Its process and process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, as `subprocess` tells it; None while it runs."""
        return self._process.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def start(self, job: JobFolder) -> None:
        """Hand over the job."""
        self._job = job
        with contextlib.suppress(BrokenPipeError):  # it died already: following the job tells so
            assert self._process.stdin is not None
            self._process.stdin.write(os.fsencode(job.path))
            self._process.stdin.close()

    def follow(self) -> Iterator[Event]:
        """The job's events as they happen; the last is `JobFinished`, also if the worker dies."""
        assert self._job is not None
        reader = EventReader(self._job)
        try:
            while True:
                ended = self._process.poll() is not None
                for event in reader.new():
                    yield event
                    if isinstance(event, JobFinished):
                        return
                if ended:
                    break
                time.sleep(_POLL_SECONDS)
        finally:
            reader.close()
        self._put_right()
        yield self._death(self._job)

    def cancel(self) -> None:
        """End the worker and what it started: first asked, then forced. Leaves no draft behind."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._put_right()

    def dismiss(self) -> None:
        """End a worker that has no job: at once, for there is nothing to clean up."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _put_right(self) -> None:
        """What a killed worker left in its folder is removed, or undone, now: not only by the next job there."""
        if self._job is not None and self._process.returncode:
            with contextlib.suppress(OSError, ValueError):
                spec = self._job.spec()
                put_right(spec.out, spec.root)

    def _death(self, job: JobFolder) -> JobFinished:
        code = self._process.returncode
        if code >= 0:
            message, fix = f"the worker ended unexpectedly (exit code {code})", f"see {job.log_file}"
        elif code == -signal.SIGKILL:
            message = "the worker was killed, as the system does when memory runs out"
            fix = "try a smaller size or batch, or --verify quick"
        else:
            message, fix = f"the worker crashed ({signal.Signals(-code).name})", f"see {job.log_file}"
        return JobFinished(1, 0.0, message=message, fix=fix)


def _environment() -> Mapping[str, str]:
    """The worker's environment: this one, with threads that sleep rather than spin, a core left free, and one heap.

    The reference computes beside the writing of files and ONNX Runtime; with all cores, each slows the others.
    GPUs are counted by their place on the bus, as NVML counts them.
    """
    quiet = {"OPENBLAS_NUM_THREADS": str(max(1, (os.cpu_count() or 2) - 1)), "OMP_WAIT_POLICY": "PASSIVE"}
    return {**quiet, **ONE_HEAP, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ}
