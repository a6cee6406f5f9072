"""What a job has freed goes back to the system, where the C library has a way."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from halfpint.core.export import heap
from halfpint.core.jobs.launcher import Worker


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_has_one_heap() -> None:
    with Worker() as worker:
        environment = Path(f"/proc/{worker.pid}/environ").read_bytes().split(b"\0")
    assert b"MALLOC_ARENA_MAX=1" in environment


def test_giving_back_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    heap.give_back()

    def none(_: object) -> object:
        raise OSError("no C library to ask")

    heap._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", none)
    heap.give_back()
    heap._trim.cache_clear()
