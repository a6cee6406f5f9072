"""`python -P -m halfpint.core.jobs.worker [MODULE …]`: a process that does one job.

It imports the modules named, waits for a job folder's path (all of its standard input), does the job and ends.
Events go into the folder. A first signal to end (SIGTERM, SIGINT) cancels cleanly.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from ..errors import Cancelled
from ..streams import guard
from .events import JobFinished, StageStarted
from .store import JobFolder

# The reference computes in a thread of its own, in many short steps: with Python's 5 ms it would wait for
# the interpreter most of the time.
_SWITCH_SECONDS = 0.0005


class _Cancellation:
    """The wish to end, as a signal brings it.

    It interrupts whatever runs; but native libraries turn the interruption into errors of their own, so the
    wish is also kept.
    """

    def __init__(self) -> None:
        self.wished = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.wished = True
        # A second signal must not interrupt the cleaning up after the first.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raises `KeyboardInterrupt` if there was a wish to end."""
        if self.wished:
            raise KeyboardInterrupt

    def close(self) -> None:
        """From here on it is too late: the files get their names, all of them, within milliseconds."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def main() -> int:
    """Wait for a job and do it; its exit code."""
    cancellation = _Cancellation()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        _preload(sys.argv[1:])
        cancellation.check()
        path = os.fsdecode(sys.stdin.buffer.read())
        return work(JobFolder(Path(path)), cancellation) if path else 0
    except KeyboardInterrupt:
        return Cancelled.exit_code


def work(job: JobFolder, cancellation: _Cancellation) -> int:
    """Do the job of a folder; its exit code. Whatever happens, the last event tells of it."""
    _redirect_output(job)
    start = time.perf_counter()
    code = 1
    try:
        from .pipeline import run

        with contextlib.closing(run(job.spec(), job.path.name)) as events:
            for event in events:
                cancellation.check()
                job.append(event)
                if isinstance(event, StageStarted) and event.stage == "publish":
                    cancellation.close()
                if isinstance(event, JobFinished):
                    code = event.exit_code
    except (KeyboardInterrupt, Exception) as error:
        seconds = time.perf_counter() - start
        if cancellation.wished:
            code = Cancelled.exit_code
            job.append(JobFinished(code, seconds, message="cancelled"))
        else:  # a fault of ours: the person learns of it, the log has the details
            traceback.print_exc()
            message = f"an internal error ({type(error).__name__}: {error})"
            job.append(JobFinished(code, seconds, message=message, fix=f"see {job.log_file}"))
    return code


def _preload(modules: Iterable[str]) -> None:
    """Import what the job will need. What cannot be imported is missed, and told of, when it is needed."""
    for module in (f"{__package__}.pipeline", *modules):
        with contextlib.suppress(Exception):
            importlib.import_module(module)


def _redirect_output(job: JobFolder) -> None:
    """Whatever is printed from here on, by native libraries too, goes into the job's log; Python's part escaped."""
    log = os.open(job.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    guard()


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # torch alone takes 0.4 s to take itself down
