"""Events as lines of the log: what is over, and what runs right now."""

from __future__ import annotations

from pathlib import Path

from ..core.events import (
    ArtifactFailed,
    ArtifactPublished,
    Event,
    JobFinished,
    JobStarted,
    Note,
    Progress,
    StageFinished,
    StageSilent,
    StageStarted,
)
from ..core.jobs.database import Job
from ..core.jobs.silence import silence_in_words
from ..core.tables import from_home
from ..core.units import megabytes
from .entries import Entry, entry, printed
from .session import Record

_BAR = 10  # cells


def told(record: Record) -> Entry | None:
    """The line for a record of the log; None for what is told while it runs, or not at all."""
    if record.job is None:
        return entry(str(record.what), record.kind, record.level)
    if isinstance(record.what, str):
        return printed(f"#{record.job.number} | {record.what}")
    return _told(record.job, record.what)


def _told(job: Job, event: Event) -> Entry | None:
    head = f"#{job.number} "
    match event:
        case JobStarted():
            spec = job.spec
            size = f"{spec.batch}×{spec.height}×{spec.width} (batch×height×width)"
            return entry(f"{head}{_name(event.weights)} at {size}", "strong")
        case StageFinished():
            return entry(f"{head}{event.stage:<8} {_name(event.artifact)} {event.seconds:.2f} s  {event.summary}")
        case Note():
            level = {"info": 0, "warning": 1, "error": 2}[event.level]
            return entry(head + event.text, ("", "warning", "error")[level], level)
        case StageSilent():
            return entry(head + silence_in_words(event), "warning", 1)
        case ArtifactPublished():
            level = int(event.verdict != "pass")
            made = f"{_name(event.path)} {megabytes(event.nbytes)}"
            verdict = f"{event.verdict.upper()}: {event.headline}"
            first, second = (verdict, made) if level else (made, verdict)  # a warning begins with its reason
            text = f"{head}{first}; {second}"
            return entry(text, ("good", "warning")[level], level)
        case ArtifactFailed():
            return entry(f"{head}{_name(event.path)} was not published: {event.reason}; {event.fix}", "error", 2)
        case JobFinished(exit_code=0):
            return entry(f"{head}done in {event.seconds:.1f} s; {from_home(Path(event.manifest))}", "good")
        case JobFinished():
            fix = f"; {event.fix}" if event.fix else ""
            return entry(f"{head}{event.message}{fix} (exit code {event.exit_code})", "error", 2)
        case _:
            return None


def ongoing(job: Job, event: Event) -> Entry | None:
    """What the job does right now."""
    head = f"#{job.number} "
    match event:
        case StageStarted():
            return entry(f"{head}{event.stage:<8} {_name(event.artifact)} …", "dim")
        case Progress():
            done = f"{_bar(event.done, event.total)} {event.done}/{event.total} {event.step}"
            return entry(f"{head}{event.stage:<8} {_name(event.artifact)} {done}", "accent")
        case _:
            return None


def _name(path: str) -> str:
    return Path(path).name


def _bar(done: int, total: int) -> str:
    filled = _BAR * done // max(1, total)
    return "[" + "#" * filled + "." * (_BAR - filled) + "]"
