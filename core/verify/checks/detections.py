"""What does a person keep of a detector's answers?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...units import figure
from ..detections import CROWD
from ..evidence import Evidence, Verdict, worst
from ..report import DetectionChange
from .found import Compared

_MORE_PROOF = "images of your own (--data) would prove more"


def look(found: Compared) -> Iterator[Evidence]:
    """The detections that are kept, lost and new, if the network finds any things at all."""
    changes = [change for change in found.changes if isinstance(change, DetectionChange)]
    if changes:
        yield check_detections(changes)


def check_detections(changes: Sequence[DetectionChange]) -> Evidence:
    """What a person keeps of a detector's answers to the test images."""
    verdict = worst(change.verdict for change in changes)
    calm = [change for change in changes if change.above <= CROWD * change.boxes]
    expected, kept, new = (sum(getattr(change, name) for change in calm) for name in ("expected", "kept", "new"))
    if verdict is not Verdict.PASS:
        told = f"{_counted(calm)}: more than rounding explains"
    elif not calm:
        share = max(change.above / change.boxes for change in changes)
        crowd = f"{figure(100 * share)} % of its boxes are above a confidence of {changes[0].threshold:g}"
        told = f"{crowd}, as in an untrained network, so what it finds means nothing"
    elif not expected and not new:
        told = f"finds nothing {_on(calm)}; {_MORE_PROOF}"
    elif (kept == expected and not new) or changes[0].verdict is None:
        told = _counted(calm)
    elif kept < expected / 2:
        told = f"{_counted(calm)}: rounding alone changes most of what it finds, as in an untrained network"
    else:
        told = f"{_counted(calm)}: no more than rounding explains"
    return Evidence("detections", verdict, told)


def _counted(changes: Sequence[DetectionChange]) -> str:
    expected, kept, new = (sum(getattr(change, name) for change in changes) for name in ("expected", "kept", "new"))
    if kept == expected and not new:
        what = f"all {kept} detections {_on(changes)} are kept, none is new"
        what = what if kept > 1 else f"the one detection {_on(changes)} is kept, none is new"
    else:
        what = f"{kept} of {expected} detections {_on(changes)} are kept, {expected - kept} lost, {new} new"
    shift, confidence = max(change.shift for change in changes), max(change.confidence for change in changes)
    return f"{what}; they move by {figure(shift)} px and {figure(confidence)} of confidence at most" if kept else what


def _on(changes: Sequence[DetectionChange]) -> str:
    return f"on {len(changes)} test images" if len(changes) > 1 else "on the test image"
