"""What each message makes of the session: pure functions, so that a state follows from the one before it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from ..core.weights.discover import Candidate
from .choices import Size, kind_of
from .feeds.devices import Sampled
from .feeds.estimator import LargestFound, Planned
from .feeds.inspector import Inspected
from .feeds.jobs import JobNews, JobsListed
from .feeds.measure_gpu import GpuMeasured
from .feeds.scanner import Found, Seen
from .messages import Highlighted, Marked, OptionsChosen, SizeTyped
from .session import Artifact, JobMemory, Jobs, Outcome, Record, Search, Session

if TYPE_CHECKING:
    from ..core.events import Event
    from ..core.jobs.database import Job
    from ..core.plan import Plan


def reduced(session: Session, message: Message) -> Session:
    """The session after a message."""
    match message:
        case Found():
            return found(session, message)
        case Seen():
            return seen(session, message)
        case Inspected():
            known = {**session.known, message.known.candidate: message.known}
            changed = replace(session, known=known)
            return settled(changed) if message.known.candidate == session.candidate else changed
        case Sampled():
            return sampled(session, message)
        case Planned():
            if message.plan.spec != session.spec:
                return session
            jobs = predicted(session.jobs, message.plan)
            return replace(session, planned=message.plan, largest=None, notice=None, jobs=jobs)
        case LargestFound():
            return replace(session, largest=message.largest) if message.spec == session.spec else session
        case JobsListed():
            return listed(session, message.jobs, message.verdicts)
        case JobNews():
            return news(session, message)
        case GpuMeasured():
            kind, level = ("", 0) if message.worked else ("error", 2)
            for line in message.text.splitlines():
                session = session.remark(line, kind, level)
            return session
        case Marked():
            marked = session.marked
            at = message.candidate
            marked = tuple(other for other in marked if other != at) if at in marked else (*marked, at)
            return replace(session, marked=marked, notice=None)
        case Highlighted():
            return settled(replace(session, candidate=message.candidate))
        case SizeTyped():
            return settled(_remembering(replace(session, choices=session.choices.with_size(message.size))))
        case OptionsChosen():
            return settled(replace(session, choices=replace(session.choices, values=message.choices.values)))
        case _:
            return session


def _remembering(session: Session) -> Session:
    """The session that remembers the size for weights of this kind, if it is legal for them."""
    choices, facts = session.choices, session.facts
    if facts is None or session.spec is None or choices.height is None or choices.width is None:
        return session
    sizes = {**choices.sizes, kind_of(facts): (choices.height, choices.width)}
    return replace(session, choices=replace(choices, sizes=sizes))


def begun_anew(before: Session, session: Session) -> Size | None:
    """The size to begin with, if other weights came under the cursor: their kind's own, and a batch of 1.

    None if it stays as it is: for weights of the same kind, with the batch pinned or files marked.
    """
    facts, size = session.facts, session.choices.size
    if facts is not None and kind_of(facts) != session.sized_for:
        size = Size(*session.choices.size_for(facts), size.batch)
    moved = before.candidate is not None and session.candidate not in (None, before.candidate)
    if moved and not session.choices.pinned and not session.marked:
        size = size._replace(batch=1)
    return size if size != session.choices.size else None


def settled(session: Session) -> Session:
    """The session after a change of what is chosen. Its plan stays until there is another, if anything can be planned
    at all: it would flicker.
    """
    session = replace(session, notice=None)
    return session if session.wish is not None else replace(session, planned=None, largest=None)


def searching(session: Session, start: Path) -> Session:
    """The session when a search begins: nothing is found yet."""
    return replace(session, search=Search(start), marked=())


def revealed(session: Session, candidate: Candidate) -> Session:
    """The session with a file in its list that the search has not found."""
    search = session.search
    return replace(session, search=replace(search, candidates=_newest_first((*search.candidates, candidate))))


def found(session: Session, message: Found) -> Session:
    if message.start != session.search.start:
        return session  # of a search that was given up
    candidates = session.search.candidates
    if message.candidates:
        candidates = _newest_first((*candidates, *message.candidates))
    shelf = {**session.search.shelf, **{seen.path: seen for seen in message.shelf}}
    return replace(session, search=Search(message.start, candidates, message.folders, message.over, shelf))


def seen(session: Session, message: Seen) -> Session:
    shelf = {**session.search.shelf, **{one.path: one for one in message.shelf}}
    return replace(session, search=replace(session.search, shelf=shelf))


def _newest_first(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(set(candidates), key=lambda c: (-c.modified, str(c.path))))


def sampled(session: Session, message: Sampled) -> Session:
    """A sample; GPUs that are seen for the first time and were never measured are worth a remark."""
    seen = session.sample.overheads if session.sample else {}
    new = [
        index for index, overheads in message.sample.overheads.items() if index not in seen and not overheads.measured
    ]
    session = replace(session, sample=message.sample)
    if not new:
        return session
    which = f"GPU {new[0]} is" if len(new) == 1 else f"GPUs {', '.join(map(str, new))} are"
    return session.remark(f"{which} not measured: 4 c measures what CUDA itself takes", "dim")


def listed(session: Session, known: Sequence[Job], verdicts: Mapping[str, tuple[str, ...]] | None = None) -> Session:
    """The session when these jobs are known, the newest first. `verdicts`: None if they are those of before."""
    verdicts = session.jobs.verdicts if verdicts is None else verdicts
    if (tuple(known), verdicts) == (session.jobs.known, session.jobs.verdicts):
        return session
    running = {job.number for job in known if job.state == "running"}
    ongoing = {number: event for number, event in session.jobs.ongoing.items() if number in running}
    return replace(
        session, jobs=replace(session.jobs, known=tuple(known), verdicts=verdicts, ongoing=ongoing), notice=None
    )


def news(session: Session, message: JobNews) -> Session:
    """What happened in a job."""
    records = [Record(0, event, message.job) for event in message.events]
    records += [Record(0, line, message.job) for line in message.output.splitlines()]
    jobs = replace(session.jobs, last=message.job)
    for event in message.events:
        jobs = _after(jobs, session, message, event)
    return replace(session.logged(*records), jobs=jobs, notice=None)


def _after(jobs: Jobs, session: Session, message: JobNews, event: object) -> Jobs:
    """What the jobs are after one event."""
    from ..core.events import (
        ArtifactFailed,
        ArtifactPublished,
        JobFinished,
        JobStarted,
        MemoryMeasured,
        MemoryPredicted,
        Progress,
        StageFinished,
        StageStarted,
    )

    number = message.job.number
    memory = jobs.memory if jobs.memory and jobs.memory.job == number else JobMemory(number)
    match event:
        case JobStarted():
            new = [Artifact(Path(path), job=number) for path in event.artifacts]
            others = [artifact for artifact in jobs.made if str(artifact.path) not in event.artifacts]
            begun = replace(jobs, made=(*others, *new), last=message.job)
            return predicted(begun, session.planned) if session.planned else begun
        case ArtifactPublished():
            return replace(jobs, made=_with(jobs, event.path, published=event))
        case ArtifactFailed():
            return replace(jobs, made=_with(jobs, event.path, failed=event))
        case MemoryPredicted():
            return replace(jobs, memory=JobMemory(number, predicted=event))
        case MemoryMeasured():
            return replace(jobs, memory=replace(memory, measured=event))
        case StageStarted() | Progress():
            return replace(jobs, ongoing={**jobs.ongoing, number: event})
        case StageFinished():
            stages = {**jobs.stages, number: (*jobs.stages.get(number, ()), event)}
            return replace(jobs, ongoing=_without(jobs, number), stages=stages)
        case JobFinished():
            manifest = Path(event.manifest) if event.manifest else None
            made = (
                replace(artifact, manifest=manifest) if artifact.job == number else artifact
                for artifact in jobs.made
                if artifact.job != number or artifact.published or artifact.failed
            )
            ended = message.job.ended
            news = ended is None or ended >= session.opened
            outcome = Outcome(message.job, event) if news else jobs.outcome
            memory = replace(memory, over=True)
            return replace(jobs, ongoing=_without(jobs, number), made=tuple(made), memory=memory, outcome=outcome)
        case _:
            return jobs


def predicted(jobs: Jobs, plan: Plan) -> Jobs:
    """The jobs with the sizes that a plan predicts of files of the very same job, whichever was there first."""
    last = jobs.last
    if last is None or (plan.spec.weights, plan.spec.recipe) != (last.spec.weights, last.spec.recipe):
        return jobs
    sizes = {size.path: size.nbytes for size in plan.artifacts}
    made = (
        replace(artifact, predicted=sizes.get(artifact.path, artifact.predicted))
        if artifact.job == last.number
        else artifact
        for artifact in jobs.made
    )
    return replace(jobs, made=tuple(made))


def _without(jobs: Jobs, number: int) -> Mapping[int, Event]:
    """What is done right now, apart from one job."""
    return {other: event for other, event in jobs.ongoing.items() if other != number}


def _with(jobs: Jobs, path: str, **change: object) -> tuple[Artifact, ...]:
    """What was made, with one file changed."""
    return tuple(replace(a, **change) if str(a.path) == path else a for a in jobs.made)  # pyright: ignore
