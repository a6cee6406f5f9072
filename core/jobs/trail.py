"""What happened in a job since it was looked at last: its events from the first on, and what its worker printed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from ..events import Event, JobFinished
from .database import Job
from .store import EventReader

_UNKNOWN_END = JobFinished(1, 0.0, message="nobody knows how it ended")


class Trail:
    """Follows one job, whoever does it. Its last event comes once the database knows that it is over."""

    def __init__(self) -> None:
        self._reader: EventReader | None = None
        self._held: list[Event] = []
        self._printed = 0
        self.over = False

    def close(self) -> None:
        """Follow it no longer."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def new(self, job: Job) -> Sequence[Event]:
        """What happened since the last call. `job`: as the database knew it before the call.

        The last event of a job that is over is a `JobFinished`, whether its worker lived to tell or not.
        """
        if self.over:
            return ()
        told = [*self._held, *self._read(job)]
        end = next((index for index, event in enumerate(told) if isinstance(event, JobFinished)), None)
        if not job.state.over:
            self._held = [] if end is None else told[end:]
            return told[:end]
        self.over = True
        self.close()
        return told if end is not None else [*told, job.finished or _UNKNOWN_END]

    def printed(self, job: Job) -> str:
        """What its worker printed since the last call."""
        try:
            with job.folder.log_file.open("rb") as file:
                file.seek(self._printed)
                new = file.read()
        except OSError:
            return ""
        self._printed += len(new)
        return new.decode("utf-8", "replace")

    def _read(self, job: Job) -> Sequence[Event]:
        if self._reader is None:
            with contextlib.suppress(OSError):  # somebody removed the folder
                self._reader = EventReader(job.folder)
        return list(self._reader.new()) if self._reader is not None else ()
