"""A stage of a job: work that reports its progress as events, timed from start to end."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TypeVar

from ..events import Event, StageFinished, StageStarted
from .heap import give_back
from .memory import measured

T = TypeVar("T")
Work = Generator[Event, None, T]


def stage(name: str, artifact: str, work: Work[tuple[T, str]]) -> Work[T]:
    """Run the work of a stage between the events of its start and its end, and tell the peak of memory.

    The work returns its result and a summary for people. If it raises, the stage has no end. What it freed is
    given back to the system.
    """
    start = time.perf_counter()
    yield StageStarted(name, artifact)
    result, summary = yield from work
    yield StageFinished(name, artifact, time.perf_counter() - start, summary)
    yield measured()
    give_back()
    return result
