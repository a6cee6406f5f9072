"""How long a job is still going to take: by the stages of an earlier job that made the same kinds of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..core.events import StageFinished

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


def _named(stages: Iterable[StageFinished]) -> Iterator[tuple[tuple[str, int], float]]:
    """Each stage's name, the how many-eth of that name it is, and its seconds: files have other names elsewhere."""
    seen: Counter[str] = Counter()
    for stage in stages:
        seen[stage.stage] += 1
        yield (stage.stage, seen[stage.stage]), stage.seconds
