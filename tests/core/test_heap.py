"""What a job has freed goes back to the system, where the C library has a way."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from halfpint.core import heap
from halfpint.core.jobs.launcher import Worker


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_has_one_heap() -> None:
    with Worker() as worker:
        environment = b""
        while not environment:  # a process that has just begun shows none for an instant
            environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert b"MALLOC_ARENA_MAX=1" in environment.split(b"\0")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_pieces_are_given_back_as_soon_as_they_are_freed() -> None:
    # In a process of its own: where in a heap a piece lies depends on all that was there before.
    script = """
import numpy as np
from pathlib import Path
from halfpint.core.heap import large_pieces_apart
def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
np.ones(30 * 2**20, np.uint8)  # freed: from here on, such pieces lie in the heap
before = resident()
with large_pieces_apart():
    pieces = [np.ones(4 * 2**20, np.uint8) for _ in range(16)]
    behind = [bytes(1000) for _ in range(1000)]
    del pieces
    print(resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 4 * 2**10  # KiB: less than one piece


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    heap.give_back()

    def none(_: object) -> object:
        raise OSError("no C library to ask")

    heap._of_libc.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", none)
    heap.give_back()
    with heap.large_pieces_apart():
        pass
    heap._of_libc.cache_clear()
