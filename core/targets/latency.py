"""How long files take for an image, side by side on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .loaded import Runner

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"

RUNS = 20


@dataclass(frozen=True)
class Latency:
    """Seconds that a file takes for one image: the least disturbed run, the median, and the 95th percentile."""

    least: float
    median: float
    p95: float


def latencies(runners: Sequence[Runner], image: Array, runs: int = RUNS) -> tuple[Latency, ...]:
    """The latency of each, over so many runs that take turns, so that what disturbs one disturbs all."""
    import numpy as np

    for runner in runners:  # a first run allocates
        runner.run(image)
    taken: list[list[float]] = [[] for _ in runners]
    for _ in range(runs):
        for runner, seconds in zip(runners, taken, strict=True):
            start = time.perf_counter()
            runner.run(image)
            seconds.append(time.perf_counter() - start)
    return tuple(Latency(min(t), float(np.median(t)), float(np.percentile(t, 95))) for t in taken)
