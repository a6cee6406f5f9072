"""What a thread is to do next: a newer wish of the screen takes the place of the one before."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Room for one wish, between the screen and one thread."""

    def __init__(self) -> None:
        self._wish: T | None = None
        self._number = 0
        self._changed = Condition()
        self._closed = False

    def put(self, wish: T | None) -> int:
        """Wish this, and nothing of before; None: nothing at all. The number of the wish."""
        with self._changed:
            self._wish = wish
            self._number += 1
            self._changed.notify()
            return self._number

    def take(self) -> tuple[int, T] | None:
        """Wait for a wish and take it out, with its number; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(self._overtaken)
            if self._closed or self._wish is None:
                return None
            wish, self._wish = self._wish, None
            return self._number, wish

    def overtaken(self, seconds: float = 0.0) -> bool:
        """Whether, within so many seconds, something newer is wished or nothing is any more."""
        with self._changed:
            return self._changed.wait_for(self._overtaken, seconds)

    def close(self) -> None:
        """Wish nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _overtaken(self) -> bool:
        return self._closed or self._wish is not None
