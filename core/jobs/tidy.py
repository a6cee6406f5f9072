"""What an interrupted job left in its output folder is put right at once, not only by the next job there."""

from __future__ import annotations

import contextlib

from ..publication.hold import put_right
from .store import JobFolder


def tidy(job: JobFolder) -> None:
    """Remove the drafts of a job that ended, and undo what it began to publish. Silent if it cannot be done now."""
    with contextlib.suppress(OSError, ValueError):
        spec = job.spec()
        put_right(spec.out, spec.root)
