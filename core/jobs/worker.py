"""`python -P -m halfpint.core.jobs.worker [--tied] [MODULE …]`: a process that does one job.

It imports the modules named, waits for a job folder's path on its standard input (up to a NUL), does the job and ends.
Events go into the folder. A first signal to end (SIGTERM, SIGINT) cancels cleanly. With `--tied`, the end of the
standard input cancels too: whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from threading import Thread

from .. import limits
from ..errors import Cancelled
from ..events import ArtifactPublished, Event, JobFinished, StageStarted
from ..options import CLUSTER
from ..plugins import import_ahead
from ..processes import this_process
from ..streams import guard
from ..text import brief, escaped
from . import registry
from .cancellation import Cancellation
from .store import EventLog, JobFolder
from .tidy import tidy

# The reference computes in a thread of its own, in many short steps: with Python's 5 ms it would wait for
# the interpreter most of the time.
_SWITCH_SECONDS = 0.0005


def main() -> int:
    """Wait for a job and do it; its exit code."""
    cancellation = Cancellation()
    cancellation.watch()
    sys.setswitchinterval(_SWITCH_SECONDS)
    tied, modules = sys.argv[1:2] == ["--tied"], [name for name in sys.argv[1:] if name != "--tied"]
    try:
        import_ahead("halfpint.core.export.pipeline", *modules)
        cancellation.check()
        path = _path()
        cancellation.defer()
        if tied:
            Thread(target=_end_with_input, name="tied", daemon=True).start()
        return work(JobFolder(Path(path)), cancellation) if path else 0
    except KeyboardInterrupt:
        return Cancelled.exit_code


def work(job: JobFolder, cancellation: Cancellation) -> int:
    """Do the job of a folder; its exit code. Whatever happens, the last event tells of it.

    Called while the wish to end is deferred.
    """
    try:
        log = EventLog(job)
    except OSError as error:  # who started this process tells the last line that it printed
        os.write(2, escaped(f"the events of {job.path} cannot be written: {error.strerror}").encode("utf-8"))
        return 1
    _redirect_output(job)
    registry.began(job, this_process())
    start = time.perf_counter()
    published: list[ArtifactPublished] = []
    end: JobFinished | None = None

    def cancelled() -> JobFinished:
        return JobFinished(Cancelled.exit_code, time.perf_counter() - start, message="cancelled")

    def leave() -> None:
        log.append(cancelled())
        registry.ended(job, cancelled())
        registry.hand_on()

    with log:
        try:
            cancellation.interrupt(leave)
            from ..export.pipeline import run

            def emit(event: Event) -> None:
                nonlocal end
                cancellation.check()
                if isinstance(event, JobFinished):
                    cancellation.close()
                log.append(event)
                if isinstance(event, StageStarted) and event.stage == "publish":
                    cancellation.close()
                if isinstance(event, ArtifactPublished):
                    published.append(event)
                if isinstance(event, JobFinished):
                    end = event

            spec = job.spec()
            if spec.policy[CLUSTER]:
                from .cluster import run_there

                run_there(spec, emit, job.path.name)
            else:
                run(spec, emit, job.path.name)
        except (KeyboardInterrupt, Exception) as error:
            cancellation.close()
            if cancellation.wished:
                tidy(job)  # the interruption may have fallen between the making of a file and the care for it
                end = cancelled()
            else:
                message, fix = _told(error, job)
                end = JobFinished(1, time.perf_counter() - start, message=message, fix=fix)
            log.append(end)
        if end is None:
            return 1
        registry.ended(job, end, published)
    registry.hand_on()
    return end.exit_code


def _told(error: BaseException, job: JobFolder) -> tuple[str, str]:
    """What to say of an error that is no `HalfpintError`."""
    if limits.ran_out_of_memory(error):
        return limits.out_of_memory()
    traceback.print_exc()  # a fault of ours: the person learns of it, the log has the details
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"an internal error ({type(error).__name__}: {brief(first, 300)})", f"see {job.log_file}"


def _path() -> str:
    """The path on the standard input, up to a NUL or its end; empty if whoever started this process went away."""
    data = b""
    while b"\0" not in data and (more := os.read(0, 4096)):
        data += more
    return os.fsdecode(data.partition(b"\0")[0])


def _end_with_input() -> None:
    """Cancel when the standard input ends."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _redirect_output(job: JobFolder) -> None:
    """Whatever is printed from here on, by native libraries too, goes into the job's log; Python's part escaped."""
    with contextlib.suppress(OSError):  # without room for a log, it goes where it went before
        log = os.open(job.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
    guard()


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # torch alone takes 0.4 s to take itself down
