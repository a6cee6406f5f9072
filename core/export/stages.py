"""A stage of a job: its start, its end and the peak of memory are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from ..events import Event, StageFinished, StageStarted
from ..heap import give_back
from .memory import measured

Emit: TypeAlias = Callable[[Event], None]  # who is told what happens; what it raises ends the job


@dataclass
class Stage:
    """A stage that runs. `summary`: what came of it, for people; told at its end."""

    summary: str = ""


@contextmanager
def stage(name: str, artifact: str, emit: Emit) -> Iterator[Stage]:
    """Tell of the start of a stage, and of its end with its time. If the work within raises, the stage has no end.

    What it freed is given back to the system.
    """
    start = time.perf_counter()
    emit(StageStarted(name, artifact))
    running = Stage()
    yield running
    emit(StageFinished(name, artifact, time.perf_counter() - start, running.summary))
    emit(measured())
    give_back()
