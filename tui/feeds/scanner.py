"""The search for weights and exported files, in a thread: what it finds comes in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Thread

from textual.message import Message

from ...core.weights.discover import Candidate, discover
from .shelf import Shelved, exported, shelved

_BATCH_SECONDS = 0.25


class Found(Message):
    """Files were found below `start`. `over`: the search has ended."""

    def __init__(
        self, start: Path, candidates: tuple[Candidate, ...], folders: int, over: bool, shelf: tuple[Shelved, ...] = ()
    ) -> None:
        super().__init__()
        self.start, self.candidates, self.folders, self.over, self.shelf = start, candidates, folders, over, shelf


class Seen(Message):
    """These exported files were looked at again."""

    def __init__(self, shelf: tuple[Shelved, ...]) -> None:
        super().__init__()
        self.shelf = shelf


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

    def look(self, paths: Iterable[Path]) -> None:
        """Look at exported files that have just been made."""
        Thread(target=self._look, args=(tuple(paths),), name="shelf", daemon=True).start()

    def _look(self, paths: Sequence[Path]) -> None:
        seen: list[Shelved] = []
        for path in paths:
            for suffixes in exported():
                stem = str(path).removesuffix(suffixes[0])
                if stem != str(path) and all(Path(stem + suffix).is_file() for suffix in suffixes):
                    nbytes = sum(Path(stem + suffix).stat().st_size for suffix in suffixes)
                    seen.append(shelved(Candidate(path, nbytes, path.stat().st_mtime)))
                    break
        self._post(Seen(tuple(seen)))

    def stop(self) -> None:
        """End the search that runs."""
        self._current = None

    def _run(self, start: Path, search: object) -> None:
        found: list[Candidate] = []
        shelf: list[Shelved] = []
        told, folders = time.monotonic(), 0
        for step in discover(start, exported()):
            if self._current is not search:
                return
            found += step.found
            shelf += map(shelved, step.exported)
            folders = step.folders
            if time.monotonic() - told >= _BATCH_SECONDS:
                self._post(Found(start, tuple(found), folders, over=False, shelf=tuple(shelf)))
                found.clear()
                shelf.clear()
                told = time.monotonic()
        if self._current is search:
            self._post(Found(start, tuple(found), folders, over=True, shelf=tuple(shelf)))
