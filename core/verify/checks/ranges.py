"""Can a precision hold what flows through the network? A CPU's runtime hides an overflow."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Verdict
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """WARN where a factor of two or less is left for the images that nobody has seen yet, FAIL for an overflow."""
    if found.largest is not None:
        (layer, largest), dtype = found.largest, found.precision.activations
        message = f"the largest value is {largest:.4g}, at {layer}; {dtype} ends at {dtype.largest:.0f}"
        if not largest < dtype.largest:
            yield Evidence("ranges", Verdict.FAIL, message)
        else:
            yield Evidence("ranges", Verdict.WARN if largest > dtype.narrow else Verdict.PASS, message)
