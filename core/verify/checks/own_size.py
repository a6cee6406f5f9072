"""Was the file tried at its own size?"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Verdict
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """Tell what was left out, and why."""
    if found.left_out:
        yield Evidence("own size", Verdict.PASS, found.left_out)
