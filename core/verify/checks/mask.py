"""What does a person keep of a map's mask?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...units import figure
from ..evidence import Evidence, Verdict, worst
from ..report import MaskChange
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """The regions that are kept, lost and new, and the pixels that flip, if an answer is a map."""
    changes = [change for change in found.changes if isinstance(change, MaskChange)]
    if changes:
        yield check_masks(changes)


def check_masks(changes: Sequence[MaskChange]) -> Evidence:
    """What a person keeps of the masks of the test images."""
    verdict = worst(change.verdict for change in changes)
    on = f"on {len(changes)} test images" if len(changes) > 1 else "on the test image"
    expected, kept, new = (sum(getattr(change, name) for change in changes) for name in ("expected", "kept", "new"))
    if not expected and not new:
        told = f"finds no region above {changes[0].threshold:g} {on}"
    elif kept == expected and not new:
        told = f"all {kept} regions {on} are kept" if kept > 1 else f"the one region {on} is kept"
        told += ", none is new"
    else:
        told = f"{kept} of {expected} regions {on} are kept, {expected - kept} lost, {new} new"
    flipped = f"{figure(100 * max(change.flipped for change in changes))} % of the mask's pixels flip at most"
    iou = f"the least IoU of a box is {min(change.least_iou for change in changes):.3f}, " if expected else ""
    told = f"{told}; {iou}{flipped}"
    if verdict is not Verdict.PASS:
        told += ": more than rounding explains"
    elif (kept < expected or new) and changes[0].verdict is not None:
        told += ": no more than rounding explains"
    return Evidence("mask", verdict, told)
