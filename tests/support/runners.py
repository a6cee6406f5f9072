"""The process that takes the jobs of a test: found, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path


def runners() -> Sequence[int]:
    """The runners that work for this test's state."""
    found: list[int] = []
    mine = f"HALFPINT_STATE={os.environ['HALFPINT_STATE']}".encode()
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            ours = process.name.isdecimal() and b"jobs.runner" in (process / "cmdline").read_bytes()
            if ours and mine in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def end_runners() -> None:
    """No runner of a test outlives it."""
    for pid in runners():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
