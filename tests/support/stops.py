"""Jobs that stop where a test wants it: the worker of a job whose folder or file is called `at-STAGE` stops there.

It stops as by SIGSTOP, in the middle of everything, until it is killed or told to go on; a job of that name that is
done again does not stop again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from halfpint.core.events import ArtifactPublished, Event, JobStarted, StageStarted
from halfpint.core.jobs.store import EventLog

_TESTS = Path(__file__).parents[1]
PUBLISHED = "published"  # stops when all files have their names, and nobody was told yet


def environment_with_stops(folder: Path) -> str:
    """A PYTHONPATH with which all workers stop so. `folder`: for a module that Python imports at its start."""
    (folder / "sitecustomize.py").write_text(
        "from pathlib import Path\nfrom support.stops import install\n\ninstall(Path(__file__).parent)\n"
    )
    return os.pathsep.join(filter(None, (str(folder), str(_TESTS), os.environ.get("PYTHONPATH"))))


def install(folder: Path) -> None:
    """Let this process stop, if it is a worker."""
    if "halfpint.core.jobs.worker" not in sys.orig_argv:
        return
    append, place = EventLog.append, ""

    def stopping(self: EventLog, event: Event) -> None:
        nonlocal place
        append(self, event)
        if isinstance(event, JobStarted):
            path = Path(event.artifacts[0])
            place = next((name for name in (path.parent.name, path.stem) if name.startswith("at-")), "")
        stage = event.stage if isinstance(event, StageStarted) else PUBLISHED
        if isinstance(event, StageStarted | ArtifactPublished) and place == f"at-{stage}":
            with contextlib.suppress(FileExistsError):
                (folder / place).symlink_to(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGSTOP)
            place = ""

    EventLog.append = stopping


def stopped_at(folder: Path, stage: str) -> int:
    """The process that stopped at a stage, 0 as long as none did."""
    try:
        pid = int((folder / f"at-{stage}").readlink().name)
    except FileNotFoundError:
        return 0
    return pid if stopped(pid) else 0


def stopped(pid: int) -> bool:
    """Whether a process has stopped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
