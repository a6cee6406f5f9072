"""Why a worker died without a word, told from the outside: its exit code, its limits, what the kernel counts."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path

from .. import limits
from ..errors import Cancelled

_SMALLER = "try a smaller size or batch, or --verify quick"


@dataclass(frozen=True)
class Death:
    """A worker's end. `returncode`: as `subprocess` tells it. `cpu_seconds`: that it took.

    `oom_kills`: what the kernel's OOM killer ended meanwhile, on this machine; None where it does not tell.
    `printed`: the last line that it printed while it had no job; `log`: where to look for more.
    """

    returncode: int
    cpu_seconds: float
    oom_kills: int | None
    printed: str
    log: Path


def told(death: Death) -> tuple[str, str]:
    """What happened, and what to do."""
    if death.returncode >= 0:
        return _exited(death)
    number = -death.returncode
    seconds = limits.cpu_seconds()
    # The kernel kills when the hard limit is reached, which `ulimit -t` makes the same as the soft one.
    if seconds is not None and (
        number == signal.SIGXCPU or (number == signal.SIGKILL and death.cpu_seconds >= seconds - 1)
    ):
        return limits.out_of_time("the worker")
    if number == signal.SIGKILL:
        return _killed(death.oom_kills)
    name = _name(number)
    if number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        return f"somebody ended the worker ({name})", "start the job again"
    if limits.address_space() is not None:
        what, fix = limits.out_of_memory()
        return f"the worker crashed ({name}); {what}", fix
    return f"the worker crashed ({name})", f"see {death.log}"


def oom_kills() -> int | None:
    """How many processes the kernel's OOM killer has ended so far, on this machine and in this control group.

    None where neither is told: on other systems than Linux.
    """
    counted = [
        int(line.split()[1])
        for path in (Path("/proc/vmstat"), _control_group())
        for line in _lines(path)
        if line.startswith("oom_kill ")
    ]
    return sum(counted) if counted else None


def _exited(death: Death) -> tuple[str, str]:
    if death.returncode == 0:
        return "the job is done, but the disk had no room for its events", "the manifest tells what it made"
    if death.returncode == Cancelled.exit_code:
        return "cancelled", ""
    limited = f"; {limits.out_of_memory()[0]}" if limits.address_space() is not None else ""
    if death.printed:
        return f"the worker could not start: {death.printed}{limited}", f"see {death.log}"
    return f"the worker ended unexpectedly (exit code {death.returncode}){limited}", f"see {death.log}"


def _killed(kills: int | None) -> tuple[str, str]:
    if kills is None:
        return "the worker was killed (SIGKILL), as the system does when memory runs out", _SMALLER
    if kills:
        return "the machine ran out of memory: the kernel's OOM killer ended the worker (SIGKILL)", _SMALLER
    return (
        "somebody or something killed the worker (SIGKILL); memory had not run out",
        "start the job again",
    )


def _name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _control_group() -> Path:
    """Where the events of this process's control group are counted (version 2)."""
    group = next((line.split(":", 2)[2] for line in _lines(Path("/proc/self/cgroup")) if line.startswith("0::")), "/")
    return Path(f"/sys/fs/cgroup{group.rstrip('/')}/memory.events")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
