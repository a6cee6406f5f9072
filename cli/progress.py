"""A job's events on a terminal, as they happen: a line a stage, and a bar for the one that runs."""

from __future__ import annotations

import sys
from typing import Protocol

from ..core.events import Event, Note, Progress, StageFinished, StageSilent, StageStarted
from ..core.jobs.silence import silence_in_words
from ..core.streams import on_terminal
from .console import Bar, say


class Monitor(Protocol):
    """Shows events while a job runs."""

    def show(self, event: Event) -> None: ...

    def close(self) -> None: ...


def monitor() -> Monitor:
    """What suits standard output: a live bar on a terminal, plain lines in a file or pipe."""
    return _Live() if on_terminal(sys.stdout) else _Lines()


def stage_line(event: StageFinished) -> str:
    """A finished stage in a line."""
    return f"  {event.stage:<9}{event.artifact:<34} {event.seconds:6.2f} s  {event.summary}"


def note_line(event: Note) -> str:
    """A note in a line."""
    return f"  {event.level + ':':<9}{event.text}"


def silence_line(event: StageSilent) -> str:
    """A stage that may hang, in a line."""
    return note_line(Note("warning", silence_in_words(event)))


class _Lines:
    """A line for each stage that is over."""

    def show(self, event: Event) -> None:
        match event:
            case StageFinished():
                say(stage_line(event))
            case Note():
                say(note_line(event))
            case StageSilent():
                say(silence_line(event))
            case _:
                pass

    def close(self) -> None:
        pass


class _Live:
    """The same lines, and below them a bar with the steps of the stage that runs."""

    def __init__(self) -> None:
        self._bar = Bar()

    def show(self, event: Event) -> None:
        match event:
            case StageStarted():
                self._bar.show(f"{event.stage:<9}{event.artifact:<34}")
            case Progress():
                self._bar.show(f"{event.stage:<9}{event.artifact:<34}", event.done, event.total, event.step)
            case StageFinished():
                self._bar.hide()
                self._bar.say(stage_line(event))
            case Note():
                self._bar.say(note_line(event))
            case StageSilent():
                self._bar.say(silence_line(event))
            case _:
                pass

    def close(self) -> None:
        self._bar.close()
