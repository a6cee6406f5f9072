"""What is kept on the user's own images?"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Verdict
from ..proof import CLASSES, DRIFT, IMAGES, ClassProof, Proof
from .found import Compared

_MOST_CLASSES = 8  # that are told in a report; the manifest has all


def look(found: Compared) -> Iterator[Evidence]:
    """The proof, if there are such images."""
    if found.proof is not None:
        yield from check_proof(found.proof)


def check_proof(proof: Proof) -> Iterator[Evidence]:
    """What is kept and lost, and whether that is more than was allowed; how far things move; class by class; what the
    images were.
    """
    told = proof.headline
    if proof.verdict is Verdict.FAIL and proof.loss is not None:
        told += f": more than the {proof.most:g} points that --max-loss allows"
    elif proof.rounding is not None:
        told += (
            f": rounding alone loses {proof.rounding.points:.2f} on {proof.rounding.images} of them, "
            "as in an untrained network, so that these images prove nothing"
        )
    yield Evidence("proof", proof.verdict, told)
    moved = _moved(proof)
    if moved:
        yield Evidence(DRIFT, Verdict.PASS, moved)
    if proof.classes and proof.loss is not None:
        yield Evidence(CLASSES, Verdict.PASS, _classes(proof))
    yield Evidence(IMAGES, Verdict.PASS, _images(proof))


def _moved(proof: Proof) -> str:
    parts: list[str] = []
    if proof.expected:
        parts.append(f"recall {proof.recall:.3f}, precision {proof.precision:.3f}")
    if proof.iou is not None:
        parts.append(f"IoU of those kept {proof.iou.median:.4f} in the median, {proof.iou.worst:.4f} at the worst")
    if proof.masks is not None:
        parts.append(f"IoU of their masks {proof.masks.median:.4f} and {proof.masks.worst:.4f}")
    if proof.confidence is not None:
        parts.append(f"confidence moves by {proof.confidence.median:.4f} and {proof.confidence.worst:.4f}")
    return "; ".join(parts)


def _classes(proof: Proof) -> str:
    """The classes that lose most, in words."""

    def lost(one: ClassProof) -> tuple[float, int]:
        score = (one.reference or 0) - (one.found or 0)
        return -score, one.kept - one.expected - one.new

    changed = [one for one in sorted(proof.classes, key=lost) if one.kept < one.expected or one.new or lost(one)[0]]
    if not changed:
        return f"all {len(proof.classes)} classes stay as they are"
    told = "; ".join(map(_class, changed[:_MOST_CLASSES]))
    more = len(changed) - _MOST_CLASSES
    return f"{told}; and {more} more" if more > 0 else told


def _class(one: ClassProof) -> str:
    score = f", {one.reference:.3f} → {one.found or 0:.3f}" if one.reference is not None else ""
    new = f", {one.new} new" if one.new else ""
    return f"{one.name} {one.kept} of {one.expected}{new}{score}"


def _images(proof: Proof) -> str:
    parts = [f"{proof.images} of {proof.source}"]
    if proof.broken:
        parts.append(f"{proof.broken} could not be read")
    if proof.labelled:
        parts.append(f"{proof.labelled} have labels")
    parts += [proof.preparation, f"{proof.against} saw the same pixels", *proof.notes]
    return "; ".join(parts)
