"""A stage that tells nothing for minutes may hang: that is told, and again after twice the time. Nobody ends it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from ..events import Event, StageFinished, StageSilent, StageStarted
from ..units import seconds_in_words
from .store import EventLog, EventReader, JobFolder

PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 1.0


class Silence:
    """Listens to one job. Times are those of a clock that never jumps, in seconds."""

    def __init__(self, job: JobFolder, now: float) -> None:
        self._job = job
        self._nbytes, self._since, self._next = 0, now, now
        self._wait = PATIENCE_SECONDS

    def look(self, now: float) -> None:
        """Tell of the silence, as an event of the job, if it has lasted. It may be called as often as wanted."""
        if now < self._next:
            return
        self._next = now + min(_LOOK_SECONDS, PATIENCE_SECONDS)
        with contextlib.suppress(OSError):  # somebody removed the folder
            nbytes = self._job.events_file.stat().st_size
            if nbytes != self._nbytes:
                self._nbytes, self._since, self._wait = nbytes, now, PATIENCE_SECONDS
            elif now - self._since >= self._wait:
                self._tell(now - self._since)
                self._wait *= 2

    def _tell(self, seconds: float) -> None:
        with contextlib.closing(EventReader(self._job)) as reader:
            running = _running(reader.new())
        stage, artifact = (running.stage, running.artifact) if running else ("", "")
        with EventLog(self._job) as log:
            log.append(StageSilent(stage, artifact, seconds, self._job.path.name))
        self._nbytes = self._job.events_file.stat().st_size  # what is told here is no sign of life


def silence_in_words(event: StageSilent) -> str:
    """The sentence for people."""
    what = f"stage {event.stage}" if event.stage else "the job"
    of = f" of {event.artifact}" if event.artifact else ""
    waited = seconds_in_words(event.seconds)
    return f"{what}{of} has been silent for {waited}; cancel with halfpint jobs cancel {event.job}, or let it go on"


def _running(events: Iterable[Event]) -> StageStarted | None:
    """The stage that has begun and not ended."""
    running: StageStarted | None = None
    for event in events:
        if isinstance(event, StageStarted):
            running = event
        elif isinstance(event, StageFinished):
            running = None
    return running
