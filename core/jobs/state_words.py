"""What becomes of a job, in a few words: `halfpint jobs` and the screen say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .database import Job, State


def state_words(job: Job, verdicts: Sequence[str] = ()) -> str:
    """`verdicts`: of the files that it published. Why a job waits stands there in the place of that it does."""
    if job.state is State.WAITING and job.reason:
        return job.reason
    if job.state is State.RUNNING:
        return "is cancelled" if job.cancelled else "running"
    if not verdicts:
        return str(job.state)
    told = Counter(verdict.upper() for verdict in verdicts)
    return f"{job.state}: {', '.join(f'{count} {verdict}' for verdict, count in sorted(told.items()))}"
