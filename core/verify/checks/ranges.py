"""Can a precision hold what flows through the network? A CPU's runtime hides an overflow."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Verdict
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """WARN where a factor of two or less is left for the images that nobody has seen yet, FAIL for an overflow.

    All that was tried counts: test images, and those of the user.
    """
    met = list[tuple[str, float]]()
    if found.largest is not None:
        met.append(found.largest)
    if found.proof is not None and found.proof.reach is not None:
        reach = found.proof.reach
        met.append((f"{reach.place}, on {reach.image}", reach.magnitude))
    if met:
        # The user's images come first: no number is larger than the NaN that may be there.
        (place, largest), dtype = max(reversed(met), key=lambda each: each[1]), found.precision.activations
        message = f"the largest value is {largest:.4g}, at {place}; {dtype} ends at {dtype.largest:.0f}"
        if not largest < dtype.largest:
            yield Evidence("ranges", Verdict.FAIL, message)
        else:
            yield Evidence("ranges", Verdict.WARN if largest > dtype.narrow else Verdict.PASS, message)
