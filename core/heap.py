"""Memory that was freed and that the C library keeps: given back to the system. Of glibc; others are left alone."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# One heap for all threads. Else each thread gets one of its own, and keeps there what it has freed.
ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
# By the numbers of malloc.h. Both thresholds grow by themselves, up to DEFAULT_MMAP_THRESHOLD_MAX and twice as much,
# as soon as pieces that large are freed, and stop to grow once they are set.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MOST = 32 * 2**20
_LARGE = 2**20


def give_back() -> None:
    """Return freed memory to the system. It takes some milliseconds; where the C library cannot, nothing happens."""
    _of_libc("malloc_trim")(0)


@contextmanager
def large_pieces_apart() -> Iterator[None]:
    """Meanwhile, pieces of a MiB or more get pages of their own, and give them back as soon as they are freed.

    In the heap, what lies behind a freed piece would keep it from the system. It takes a little more time.
    """
    set_option = _of_libc("mallopt")
    set_option(_MMAP_THRESHOLD, _LARGE)
    try:
        yield
    finally:
        set_option(_MMAP_THRESHOLD, _MOST)
        set_option(_TRIM_THRESHOLD, 2 * _MOST)


@cache
def _of_libc(name: str) -> Callable[..., Any]:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return lambda *_: None
