"""Does a classifier's file name the class that it should?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..evidence import Evidence, Verdict, worst
from ..report import ClassChange
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """On how many images it does, if the network is a classifier."""
    changes = [change for change in found.changes if isinstance(change, ClassChange)]
    if changes:
        yield check_classes(changes)


def check_classes(changes: Sequence[ClassChange]) -> Evidence:
    """What a person keeps of a classifier's answers to the test images."""
    other, verdict = sum(c.expected != c.found for c in changes), worst(c.verdict for c in changes)
    images = f"{len(changes)} test images" if len(changes) > 1 else "the test image"
    if not other:
        return Evidence("class", verdict, f"the best class is the same on {images}")
    told = f"the best class is another on {other} of {images}"
    if changes[0].verdict is not None:
        told += ": no more than rounding explains" if verdict is Verdict.PASS else ": more than rounding explains"
    return Evidence("class", verdict, told)
