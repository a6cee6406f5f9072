"""A job's events on a terminal, as they happen: a line a stage, and a bar for the one that runs."""

from __future__ import annotations

import sys
from typing import Protocol

from ..core.jobs.events import Event, Note, Progress, StageFinished, StageStarted
from .text import say


class Monitor(Protocol):
    """Shows events while a job runs."""

    def show(self, event: Event) -> None: ...

    def close(self) -> None: ...


def monitor() -> Monitor:
    """What suits standard output: a live bar on a terminal, plain lines in a file or pipe."""
    return _Live() if sys.stdout.isatty() else _Lines()


def stage_line(event: StageFinished) -> str:
    """A finished stage in a line."""
    return f"  {event.stage:<9}{event.artifact:<34} {event.seconds:6.2f} s  {event.summary}"


def note_line(event: Note) -> str:
    """A note in a line."""
    return f"  {event.level + ':':<9}{event.text}"


class _Lines:
    """A line for each stage that is over."""

    def show(self, event: Event) -> None:
        match event:
            case StageFinished():
                say(stage_line(event))
            case Note():
                say(note_line(event))
            case _:
                pass

    def close(self) -> None:
        pass


class _Live:
    """The same lines, and below them a bar with the steps of the stage that runs."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        self._console = Console(highlight=False, markup=False)
        self._bar = Bar(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[step]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, step="", visible=False)
        self._bar.start()

    def show(self, event: Event) -> None:
        match event:
            case StageStarted():
                description = f"{event.stage:<9}{event.artifact:<34}"
                self._bar.update(self._task, description=description, completed=0, total=1, step="", visible=True)
            case Progress():
                self._bar.update(self._task, completed=event.done, total=event.total, step=event.step)
            case StageFinished():
                self._bar.update(self._task, visible=False)
                self._console.print(stage_line(event), soft_wrap=True)
            case Note():
                self._console.print(note_line(event), soft_wrap=True)
            case _:
                pass

    def close(self) -> None:
        self._bar.stop()
