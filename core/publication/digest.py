"""The SHA-256 of an open file, taken in a thread of its own while other work goes on."""

from __future__ import annotations

import hashlib
import os
from threading import Event, Thread

from ..file_state import FileState

_PIECE = 2**20  # bytes; hashlib releases the interpreter meanwhile


class Digest:
    """Takes the SHA-256 of a file from its descriptor, whose own place in the file stays where it is."""

    def __init__(self, descriptor: int) -> None:
        """Begin. The descriptor must stay open until `hexdigest` or `stop` has returned."""
        self._descriptor = descriptor
        self._state = self._now()
        self._digest = hashlib.sha256()
        self._error: OSError | None = None
        self._stopped = Event()
        self._thread = Thread(target=self._take, name="sha256", daemon=True)
        self._thread.start()

    def hexdigest(self) -> str | None:
        """The digest, once it is taken; None if the file has changed since it was begun. Raises `OSError`."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest() if self._now() == self._state else None

    def stop(self) -> None:
        """End at the next MiB; there will be no digest."""
        self._stopped.set()
        self._thread.join()

    def _now(self) -> FileState:
        return FileState.of(os.fstat(self._descriptor))

    def _take(self) -> None:
        place = 0
        try:
            while not self._stopped.is_set() and (piece := os.pread(self._descriptor, _PIECE, place)):
                self._digest.update(piece)
                place += len(piece)
        except OSError as error:
            self._error = error
