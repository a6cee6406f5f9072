"""What happens in a job, as typed events: one JSON line each, read alike by screen, terminal, log and tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

from .text import to_json

VERSION = 1  # of an event in JSON; a new field has a default, so that older lines are read as well


@dataclass(frozen=True)
class JobStarted:
    """The job runs. `artifacts`: the paths it will write."""

    event: ClassVar[str] = "job-started"
    weights: str
    artifacts: tuple[str, ...]


@dataclass(frozen=True)
class StageStarted:
    """A stage begins: read, write, simplify, verify or publish; `artifact`: the file's name, or empty."""

    event: ClassVar[str] = "stage-started"
    stage: str
    artifact: str = ""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps of a stage are over; `step` was the last."""

    event: ClassVar[str] = "progress"
    stage: str
    artifact: str
    done: int
    total: int
    step: str


@dataclass(frozen=True)
class StageFinished:
    """A stage is over, after so many seconds; `summary` says what came of it."""

    event: ClassVar[str] = "stage-finished"
    stage: str
    artifact: str
    seconds: float
    summary: str


@dataclass(frozen=True)
class StageSilent:
    """A stage has been silent for so many seconds: it may hang, or just take long. `job`: its id.

    `stage`, `artifact`: what runs; empty if it is between two stages.
    """

    event: ClassVar[str] = "stage-silent"
    stage: str
    artifact: str
    seconds: float
    job: str


@dataclass(frozen=True)
class Note:
    """Something worth telling."""

    event: ClassVar[str] = "note"
    level: Literal["info", "warning", "error"]
    text: str


@dataclass(frozen=True)
class MemoryPredicted:
    """What the job is predicted to need at its peak: from the least to the most, in bytes.

    `gpu` and what follows are 0 for a job on a CPU; `allocated` and `reserved` are those of PyTorch's allocator,
    for the file that needs most. `fit`: FITS, TIGHT, WILL NOT FIT or UNKNOWN, when the job began.
    """

    event: ClassVar[str] = "memory-predicted"
    host_low: int
    host_high: int
    fit: str = "UNKNOWN"  # what older lines do not tell
    gpu_low: int = 0
    gpu_high: int = 0
    gpu_allocated: int = 0
    gpu_reserved: int = 0


@dataclass(frozen=True)
class MemoryMeasured:
    """The peaks of the worker so far, in bytes. `gpu_…`: as PyTorch counts them, 0 where it used no GPU."""

    event: ClassVar[str] = "memory-measured"
    host: int
    gpu_allocated: int = 0
    gpu_reserved: int = 0


@dataclass(frozen=True)
class ArtifactPublished:
    """A file has its final name. `ratio`: its bytes / the weights file's. `verdict`: pass or warn.

    `headline`: what is kept of the answers, and how far they are off, in a sentence. `noise_multiple`: the largest
    difference from the reference in units of the rounding noise; None where it was not measured. `proof`: what else was
    found on the user's own images, a sentence each. `pictures`: the names of those that show it. `trade`: what was
    given up for what in a file that was made on them, a sentence or a line of a table each.
    """

    event: ClassVar[str] = "artifact-published"
    path: str
    nbytes: int
    ratio: float
    sha256: str
    verdict: str
    headline: str
    noise_multiple: float | None
    ledger: str
    warnings: tuple[str, ...]
    proof: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    trade: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArtifactFailed:
    """A file was not published, and why. `verdict`: fail, if it was verified; else it could not be made or named."""

    event: ClassVar[str] = "artifact-failed"
    path: str
    reason: str
    fix: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class JobFinished:
    """The job is over. `exit_code`: 0 if every artifact was published. `manifest`: its path, if there is one."""

    event: ClassVar[str] = "job-finished"
    exit_code: int
    seconds: float
    manifest: str = ""
    message: str = ""
    fix: str = ""


Event: TypeAlias = (
    JobStarted
    | StageStarted
    | Progress
    | StageFinished
    | StageSilent
    | Note
    | MemoryPredicted
    | MemoryMeasured
    | ArtifactPublished
    | ArtifactFailed
    | JobFinished
)
_TYPES: Mapping[str, type[Event]] = {
    kind.event: kind
    for kind in (
        JobStarted, StageStarted, Progress, StageFinished, StageSilent, Note, MemoryPredicted, MemoryMeasured,
        ArtifactPublished, ArtifactFailed, JobFinished,
    )
}  # fmt: skip


def to_line(event: Event) -> str:
    """The event as one line of JSON, in ASCII and without a newline; its type stands under `event`.

    Paths are spelled as Python decodes them: a byte 0xNN that is not UTF-8 is `\\udcNN`, which `os.fsencode` undoes.
    """
    return to_json({"event": event.event, "version": VERSION, **asdict(event)})


def from_line(line: str) -> Event:
    """The inverse of `to_line`, for what other versions wrote too: it fills in what is missing and has a default.

    What it does not know of an event it ignores. Raises `ValueError` for an event that it does not know, or for no
    event at all.
    """
    values: Any = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("not an event")
    kind = _TYPES.get(str(values.get("event")))
    if kind is None:
        raise ValueError("not an event that is known")
    known = {field.name for field in fields(kind)}
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
    try:
        return kind(**given)
    except TypeError as error:  # it lacks what has no default
        raise ValueError("not a whole event") from error
