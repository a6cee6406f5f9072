"""What verification found: the evidence, measured differences, and the verdict that follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from ..units import figure
from .evidence import Evidence, Verdict, worst
from .proof import Proof

# What float32 itself makes of a value: rounding it moves it by up to 2**-24 of it, and the sums of the yardstick (see
# `readings/rounding.py`) are rounded to two bits less. A yardstick that is shorter than this was so by chance.
LEAST_NOISE = 2.0**-22


@dataclass(frozen=True)
class Distance:
    """How far apart two answers are.

    `nrmse`: root mean square of the difference / standard deviation of the expected answer. `largest`: the
    largest single difference, in the unit of what is compared.
    """

    nrmse: float
    largest: float


@dataclass(frozen=True)
class Noise:
    """How far rounding alone moves the answers of a network in one precision.

    `distances`: by component. `decisive`: the largest change of a value that decides what is kept, as
    `decisive_values` gives them.
    """

    distances: Mapping[str, Distance]
    decisive: float


@dataclass(frozen=True)
class Difference:
    """How far one component of a file's answer to one image is from the reference's.

    `noise`: the distance that rounding alone makes in this network and precision, on other images; None where that is
    not known.
    """

    component: str
    unit: str
    shape: tuple[int, ...]
    seed: int
    measured: Distance
    noise: Distance | None
    verdict: Verdict

    @property
    def multiple(self) -> float:
        """The difference in units of the rounding noise; infinite where that is not known."""
        noise = max(self.noise.nrmse, LEAST_NOISE) if self.noise is not None else math.inf
        return self.measured.nrmse / noise if math.isfinite(noise) else math.inf


@dataclass(frozen=True)
class DetectionChange:
    """What became of the detections in one image.

    `above`: how many of the `boxes` that the expected answer proposes have a confidence above `threshold`. `expected`,
    `kept`: its detections, and those of them that the file finds too; `new`: what the file finds besides. `shift`
    (px), `confidence`: the largest change of a side's place and of the confidence of those kept. `verdict`: PASS
    where rounding explains what is lost or new, None where it is not judged.
    """

    what: ClassVar[str] = "detections"
    threshold: float
    shape: tuple[int, ...]
    seed: int
    boxes: int
    above: int
    expected: int
    kept: int
    new: int
    shift: float
    confidence: float
    verdict: Verdict | None


@dataclass(frozen=True)
class MaskChange:
    """What became of a map's mask, the pixels above `threshold`, in one image.

    `flipped`: the share of pixels that are in one mask alone. `expected`, `kept`: the regions of the expected mask
    that have a box, and those of them whose box is found too; `new`: boxes besides. `least_iou`: the least
    intersection over union of an expected box with the nearest one of the other mask. `verdict`: PASS where rounding
    explains what changed, None where it is not judged.
    """

    what: ClassVar[str] = "mask"
    threshold: float
    shape: tuple[int, ...]
    seed: int
    flipped: float
    expected: int
    kept: int
    new: int
    least_iou: float
    verdict: Verdict | None


@dataclass(frozen=True)
class ClassChange:
    """Whether the best class of one image is the expected one. `verdict`: PASS where rounding explains another,
    None where it is not judged.
    """

    what: ClassVar[str] = "class"
    shape: tuple[int, ...]
    seed: int
    expected: int
    found: int
    verdict: Verdict | None


Change: TypeAlias = DetectionChange | MaskChange | ClassChange
_KEPT = tuple(kind.what for kind in (DetectionChange, MaskChange, ClassChange))  # the names of their checks


class Way(StrEnum):
    """A way to verify. Verifying a file that is there already is a full one."""

    FULL = "full"
    QUICK = "quick"
    HALVED = "halved"
    IMAGES = "images"


@dataclass(frozen=True)
class Report:
    """All that verification found about one artifact. `mode`: the way it was verified, by its name.

    `changes`: what becomes of what a person keeps of the answers, an image each. `proof`: the same of the user's own
    images, all together. `seconds`: what it took.
    """

    mode: str
    checks: tuple[Evidence, ...]
    differences: tuple[Difference, ...]
    seconds: float
    changes: tuple[Change, ...] = ()
    proof: Proof | None = None

    @property
    def verdict(self) -> Verdict:
        return worst([check.verdict for check in self.checks])

    @property
    def failures(self) -> tuple[Evidence, ...]:
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    @property
    def noise_multiple(self) -> float | None:
        """The largest difference from the reference in units of the rounding noise; None where nothing was compared."""
        return max((d.multiple for d in self.differences), default=None) if self.mode == Way.FULL else None

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON; what is no finite number becomes null."""
        changes = [{"what": change.what, **asdict(change)} for change in self.changes]
        told = {"verdict": self.verdict, "headline": self.headline, "noise_multiple": self.noise_multiple}
        checks = [check.to_dict() for check in self.checks]
        return _without_infinities({**told, **asdict(self), "checks": checks, "changes": changes})

    @property
    def headline(self) -> str:
        """What matters most, in a sentence: what is kept of the answers, and how far they are off; or what is wrong."""
        kept = next((check.message for check in self.checks if check.name in _KEPT), "")
        if self.proof is not None:
            kept = self.proof.headline
        multiple = self.noise_multiple
        if multiple is not None:
            off = f"{figure(multiple)} × the rounding noise"
        else:
            off = self.message_of("accuracy") or self.message_of("halving") or self.message_of("outputs")
        return "; ".join(filter(None, (kept, off))) or "; ".join(check.message for check in self.failures)

    def message_of(self, check: str) -> str:
        """What a check found, in a sentence; empty if it was not made."""
        return next((c.message for c in self.checks if c.name == check), "")


def _without_infinities(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinities(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinities(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
