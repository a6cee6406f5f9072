"""The search for weights, in a thread: what it finds comes in batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from textual.message import Message

from ...core.weights.discover import Candidate, discover

_BATCH_SECONDS = 0.25


class Found(Message):
    """Files were found below `start`. `over`: the search has ended."""

    def __init__(self, start: Path, candidates: tuple[Candidate, ...], folders: int, over: bool) -> None:
        super().__init__()
        self.start, self.candidates, self.folders, self.over = start, candidates, folders, over


class Scanner:
    """Searches one folder at a time; a new search ends the one before it."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """`post`: takes messages from any thread."""
        self._post = post
        self._current: object = None

    def scan(self, start: Path) -> None:
        """Begin a search."""
        self._current = search = object()
        Thread(target=self._run, args=(start, search), name="scanner", daemon=True).start()

    def stop(self) -> None:
        """End the search that runs."""
        self._current = None

    def _run(self, start: Path, search: object) -> None:
        found: list[Candidate] = []
        told, folders = time.monotonic(), 0
        for step in discover(start):
            if self._current is not search:
                return
            found += step.found
            folders = step.folders
            if time.monotonic() - told >= _BATCH_SECONDS:
                self._post(Found(start, tuple(found), folders, over=False))
                found.clear()
                told = time.monotonic()
        if self._current is search:
            self._post(Found(start, tuple(found), folders, over=True))
