"""Everything the screen knows, as one frozen state: messages reduce it (`reducers.py`), panels show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.options import DEVICE
from ..core.weights.discover import Candidate
from .choices import Assessment, Choices, assess
from .feeds.devices import Sample
from .feeds.estimator import Largest, Wish
from .feeds.inspector import Known
from .feeds.shelf import Shelved

if TYPE_CHECKING:  # what comes with the first job, after the first paint
    from ..core.events import (
        ArtifactFailed,
        ArtifactPublished,
        Event,
        JobFinished,
        MemoryMeasured,
        MemoryPredicted,
        StageFinished,
    )
    from ..core.families.family import Facts
    from ..core.jobs.database import Job
    from ..core.memory.overheads import Overheads
    from ..core.memory.snapshot import Snapshot
    from ..core.plan import Plan
    from ..core.shapes import Finding
    from ..core.spec import ExportSpec

LOG_KEPT = 5000  # records; a job's own log file has them all
_NOTABLE = 64  # a change of free memory by this part of it all asks for the largest sizes anew


@dataclass(frozen=True)
class Search:
    """What was found below `start` so far, newest first, in so many folders. `over`: the search has ended.

    `shelf`: exported files, by their paths.
    """

    start: Path
    candidates: tuple[Candidate, ...] = ()
    folders: int = 0
    over: bool = False
    shelf: Mapping[Path, Shelved] = field(default_factory=dict[Path, Shelved])


@dataclass(frozen=True)
class Notice:
    """Something to say in the status line until the next change."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Record:
    """An entry of the log: what happened in a job, what its worker printed, or a remark of the screen's own.

    `number`: how many there were before it. `level`: of a remark, 0 as usual, 1 a warning, 2 an error.
    """

    number: int
    what: Event | str
    job: Job | None = None
    kind: str = ""
    level: int = 0


@dataclass(frozen=True)
class Artifact:
    """A file that a job makes or made, or that was there before. `predicted`: its size in bytes before it existed.

    `manifest`: the file that tells all about it, once the job has said where that is. `shelved`: what lies there.
    """

    path: Path
    predicted: int | None = None
    published: ArtifactPublished | None = None
    failed: ArtifactFailed | None = None
    manifest: Path | None = None
    job: int = 0
    shelved: Shelved | None = None

    @property
    def nbytes(self) -> int:
        """Its size, if it is there; else what is predicted."""
        if self.published is not None:
            return self.published.nbytes
        return self.shelved.nbytes if self.shelved is not None else self.predicted or 0


@dataclass(frozen=True)
class JobMemory:
    """What the last job said of its memory. `over`: it has ended, so that the peaks are final."""

    job: int
    predicted: MemoryPredicted | None = None
    measured: MemoryMeasured | None = None
    over: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a job ended, while the screen was open."""

    job: Job
    end: JobFinished


@dataclass(frozen=True)
class Jobs:
    """The jobs of this user, of whichever screen or shell.

    `known`: all of them, the newest first. `verdicts`: of what they published, by their ids. `last`: the one that was
    heard of last. `ongoing`, `stages`: what is done right now in those that run, and what is over, by their numbers.
    `made`: what they made, the oldest first. `memory`: what the last one said of its memory. `outcome`: of the one that
    ended last since the screen was opened.
    """

    known: tuple[Job, ...] = ()
    verdicts: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    last: Job | None = None
    ongoing: Mapping[int, Event] = field(default_factory=dict[int, "Event"])
    stages: Mapping[int, tuple[StageFinished, ...]] = field(default_factory=dict[int, "tuple[StageFinished, ...]"])
    made: tuple[Artifact, ...] = ()
    memory: JobMemory | None = None
    outcome: Outcome | None = None

    @cached_property
    def running(self) -> tuple[Job, ...]:
        """Those that run, the first one first."""
        return tuple(sorted((job for job in self.known if job.state == "running"), key=lambda job: job.began or 0))

    @cached_property
    def waiting(self) -> tuple[Job, ...]:
        """Those that wait, in the order in which they will run."""
        return tuple(sorted((job for job in self.known if job.state == "waiting"), key=lambda job: job.place))


@dataclass(frozen=True)
class Session:
    """The state of one screen. What follows from it is computed when it is first asked for, and kept."""

    choices: Choices
    search: Search
    candidate: Candidate | None = None  # under the cursor
    marked: tuple[Candidate, ...] = ()  # to be exported together
    sized_for: str = ""  # the kind of weights that the size was begun with
    opened: float = 0.0  # seconds since 1970; what ended before is no news
    known: Mapping[Candidate, Known] = field(default_factory=dict[Candidate, Known])
    sample: Sample | None = None
    planned: Plan | None = None  # the plan that was made last, and on the machine of that moment
    largest: Largest | None = None
    jobs: Jobs = field(default_factory=Jobs)
    log: tuple[Record, ...] = ()
    notice: Notice | None = None

    # ---- the weights under the cursor

    @property
    def looked_at(self) -> Known | None:
        """What is known of the file under the cursor."""
        return self.known.get(self.candidate) if self.candidate else None

    @property
    def facts(self) -> Facts | None:
        known = self.looked_at
        return known.info.facts if known and known.info else None

    @cached_property
    def assessment(self) -> Assessment:
        """The spec of the job that the screen shows, or why there is none."""
        known = self.looked_at
        path = self.candidate.path if self.candidate else None
        return assess(self.choices, path, self.facts, known.refusal if known else "")

    @property
    def spec(self) -> ExportSpec | None:
        return self.assessment.spec

    @property
    def output_folder(self) -> Path:
        """Where artifacts would go, whose disk is watched."""
        if self.choices.folder is not None:
            return self.choices.folder
        return self.candidate.path.parent if self.candidate else self.search.start

    # ---- the machine

    @property
    def devices(self) -> tuple[str, ...]:
        """What a job may run on: the CPU, and the GPUs that are well."""
        gpus = self.sample.report.gpus if self.sample else ()
        return ("cpu", *dict.fromkeys(str(gpu.index) for gpu in gpus if not gpu.problem))

    def overheads(self, index: int) -> Overheads:
        """What CUDA takes of a GPU: measured, or as documented."""
        from ..core.memory.overheads import DOCUMENTED

        return self.sample.overheads.get(index, DOCUMENTED) if self.sample else DOCUMENTED

    def snapshot(self, device: str) -> Snapshot | None:
        """What a job on a device finds now."""
        from ..core.memory.overheads import DOCUMENTED
        from ..core.memory.snapshot import snapshot

        if self.sample is None:
            return None
        overheads = self.overheads(int(device)) if device != "cpu" else DOCUMENTED
        return snapshot(self.sample.memory, device, self.sample.report, overheads, self.sample.disk)

    # ---- the plan

    @cached_property
    def wish(self) -> Wish | None:
        """What is to be planned: the job that the screen shows."""
        known, spec = self.looked_at, self.spec
        if known is None or known.info is None or known.network is None or spec is None:
            return None
        return Wish(known.info, known.network, spec, self.snapshot(spec.device))

    @property
    def free_memory(self) -> tuple[int | None, ...]:
        """What is free where the job would run, in coarse steps: more or less may fit when they change."""
        now = self.snapshot(self.choices[DEVICE])
        places = [] if now is None else [now.host, *([now.gpu] if now.gpu else [])]
        return tuple(None if place.free is None else place.free * _NOTABLE // max(1, place.total) for place in places)

    @cached_property
    def plan(self) -> Plan | None:
        """The plan that was made last, on the machine as it is now; while a person types, it is one of a moment ago."""
        if self.planned is None:
            return None
        now = self.snapshot(self.planned.spec.device)
        return self.planned if now is None else self.planned.on(now)

    @property
    def plan_of_this_job(self) -> Plan | None:
        """The plan, if it is of the very job that the screen shows."""
        return self.plan if self.planned is not None and self.planned.spec == self.spec else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that there is to say about the job: of its size at once, of the rest with its plan."""
        plan = self.plan_of_this_job
        return self.assessment.findings if plan is None else plan.findings

    @property
    def obstacle(self) -> str:
        """Why the job cannot begin; empty if it can."""
        if self.spec is None:
            return self.assessment.obstacle
        device = self.choices[DEVICE]
        if self.sample is not None and device.isdecimal() and device not in self.devices:
            return f"GPU {device} is not there; d in 4 takes another device"
        plan = self.plan_of_this_job
        return plan.obstacle.sentence if plan is not None and plan.obstacle is not None else ""

    # ---- changes

    def unmarked(self) -> Session:
        """The session with no file marked."""
        return replace(self, marked=()) if self.marked else self

    def remark(self, text: str, kind: str = "", level: int = 0) -> Session:
        """The session with a line of the screen's own in its log."""
        return self.logged(Record(0, text, None, kind, level))

    def logged(self, *records: Record) -> Session:
        """The session with more records in its log, numbered; the oldest go when there are too many."""
        first = self.log[-1].number + 1 if self.log else 0
        numbered = (replace(record, number=number) for number, record in enumerate(records, first))
        return replace(self, log=(*self.log, *numbered)[-LOG_KEPT:])

    def noticed(self, text: str, kind: str = "") -> Session:
        """The session with something to say in its status line."""
        return replace(self, notice=Notice(text, kind))
