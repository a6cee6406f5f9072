"""Memory that was freed and that the C library keeps: given back to the system between the stages of a job."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

# Of glibc: one heap for all threads. Else each thread gets one of its own, and keeps there what it has freed.
ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}


def give_back() -> None:
    """Return freed memory to the system. It takes some milliseconds; where the C library cannot, nothing happens."""
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    try:
        return ctypes.CDLL(None).malloc_trim  # glibc's alone
    except (AttributeError, OSError, TypeError):
        return lambda _: None
