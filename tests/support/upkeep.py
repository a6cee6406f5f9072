"""What a process holds that must not grow: its memory, its open files, and children that ended and were not reaped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Upkeep:
    """At one moment. `nbytes`: of memory that is its own."""

    nbytes: int
    files: int
    zombies: int


def upkeep(pid: int) -> Upkeep:
    """Of a process. Raises `psutil.NoSuchProcess`."""
    process = psutil.Process(pid)
    zombies = sum(_is_zombie(child) for child in process.children())
    return Upkeep(process.memory_full_info().uss, process.num_fds(), zombies)


def hidden_files(folder: Path) -> list[str]:
    """Drafts, locks and whatever else nobody asked for in a folder and those below it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*"))


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
