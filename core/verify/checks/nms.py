"""Does a file that suppresses boxes itself do it as it is done outside?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..evidence import Evidence, Verdict
from ..suppression import Suppressed
from .found import Compared

# By check: what a wrong file does, and what a right one keeps boxes like.
_WORDS = {
    "nms": ("suppresses boxes otherwise than NMS outside", "NMS outside keeps them"),
    "rank": ("ranks boxes otherwise than is done outside", "their rank outside says"),
}


def look(found: Compared) -> Iterator[Evidence]:
    """What it keeps of its own answers and of drawn ones, if it suppresses boxes."""
    if found.suppressed:
        yield check_nms(found.suppressed)


def check_nms(suppressed: Sequence[Suppressed]) -> Evidence:
    """FAIL for a single box that is kept or lost and should not be; WARN if there was none to keep."""
    wrong = [one for one in suppressed if one.wrong]
    images = f"{len(suppressed)} images"
    name = suppressed[0].check
    how, keeps = _WORDS[name]
    if wrong:
        told = f"on {len(wrong)} of {images} it {how}: {wrong[0].wrong}"
        return Evidence(name, Verdict.FAIL, told)
    found, candidates, ties = (
        sum(getattr(one, name) for one in suppressed) for name in ("found", "candidates", "ties")
    )
    if not found:
        return Evidence(name, Verdict.WARN, f"cannot verify: nothing on {images} is above the threshold")
    told = f"{found} of {candidates} boxes on {images}, its own answers and drawn ones, are kept as {keeps}"
    return Evidence(name, Verdict.PASS, f"{told}; float32 decides about {ties}" if ties else told)
