"""There is one runner a user: who has the lock is it, and whoever needs one starts it if nobody has."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from threading import Thread

from ..errors import JobFailed
from ..state import private_folder, state_folder
from .environment import environment


def ensure_runner() -> None:
    """Have a runner at work: start one, if there is none.

    Raises `JobFailed` if the system starts no process, or the folder of state cannot be written to.
    """
    try:
        held = lock()
        if held is None:
            return
        os.close(held)  # the new one takes it; if two are started at the same time, one of them ends at once
        with (state_folder() / "runner.log").open("wb") as log:
            runner = subprocess.Popen(
                [sys.executable, "-P", "-m", "halfpint.core.jobs.runner"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                start_new_session=True,
                cwd="/",
            )
    except OSError as error:
        raise JobFailed(
            f"the process that takes the jobs cannot be started: {error.strerror}", "halfpint jobs starts it later"
        ) from error
    Thread(target=runner.wait, name="runner", daemon=True).start()  # else its end would leave a zombie


def lock() -> int | None:
    """The lock of the one runner, until it is closed; None if somebody has it. Raises `OSError`."""
    private_folder(state_folder())
    fd = os.open(state_folder() / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
