"""A test waits until something is so, and asks often."""

from __future__ import annotations

import time
from collections.abc import Callable

_PATIENCE_SECONDS = 40.0


def until(true: Callable[[], object]) -> None:
    """Wait until something is so; fails after two minutes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
