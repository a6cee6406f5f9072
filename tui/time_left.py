"""How far a job is and how long it still takes: by the stages of an earlier job that made the same kinds of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..core.events import StageFinished

if TYPE_CHECKING:
    from ..core.jobs.database import Job
    from .session import Jobs

Stages = Sequence[StageFinished]


def seconds_left(done: Stages, seconds: float, earlier: Stages) -> float | None:
    """`done`: the stages that are over, `seconds` since the job began. `earlier`: all stages of the other job.

    The share of the time that these stages took there is taken for the share that they take here, whatever the size of
    the network and the load of the machine. None where that tells nothing: no stage is over, or the other job had none
    of the kind.
    """
    there = dict(_named(earlier))
    over = sum(there.get(name, 0.0) for name, _ in _named(done))
    total = sum(there.values())
    return seconds * (total - over) / over if over > 0 else None


def share_done(done: Stages, earlier: Stages, kinds: int) -> float:
    """The part of the job that is over, from 0 to 1: of the time that the other job took, or else of the stages.

    `kinds`: the files that it makes. Each is written, tried and verified; reading and publishing come once.
    """
    there = dict(_named(earlier))
    total = sum(there.values())
    if total > 0:
        return min(1.0, sum(there.get(name, 0.0) for name, _ in _named(done)) / total)
    return min(1.0, len(done) / (2 + 3 * kinds))


def earlier_stages(jobs: Jobs, job: Job) -> Stages:
    """The stages of the last job that made the same kinds of files; none, if there is no such job."""
    for other in jobs.known:
        if other.state == "done" and other.number in jobs.stages and other.spec.kinds == job.spec.kinds:
            return jobs.stages[other.number]
    return ()


def _named(stages: Iterable[StageFinished]) -> Iterator[tuple[tuple[str, int], float]]:
    """Each stage's name, the how many-eth of that name it is, and its seconds: files have other names elsewhere."""
    seen: Counter[str] = Counter()
    for stage in stages:
        seen[stage.stage] += 1
        yield (stage.stage, seen[stage.stage]), stage.seconds
