"""Which process it is: its number is another's soon after it has ended, its number and its birth never are."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of a machine. `birth`: when it began, in the kernel's own count; empty where nobody tells."""

    pid: int
    birth: str
    host: str

    @property
    def here(self) -> bool:
        """Whether it is, or was, one of this machine."""
        return self.host == socket.gethostname()

    @property
    def gone(self) -> bool:
        """Whether it certainly is no more: of other machines nothing is known."""
        return self.here and birth_of(self.pid) != self.birth


def process(pid: int) -> Process:
    """A process of this machine."""
    return Process(pid, birth_of(pid), socket.gethostname())


def this_process() -> Process:
    """The one that asks."""
    return process(os.getpid())


def birth_of(pid: int) -> str:
    """When a process began; empty if there is none (or only its exit code is left), or if nobody tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    state, *rest = told.rpartition(")")[2].split()
    return "" if state == "Z" else rest[18]
