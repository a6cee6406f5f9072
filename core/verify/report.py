"""What verification found: single checks, measured differences, and the verdict that follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ..units import figure


class Verdict(StrEnum):
    """PASS: right. WARN: usable, but look at it. FAIL: wrong; such a file is never published."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most serious verdict; PASS where there is none."""
    return max(verdicts, key=list(Verdict).index, default=Verdict.PASS)


@dataclass(frozen=True)
class Check:
    """One thing looked at: `loads`, `contract`, `weights`, `accuracy`, …, and what was found, in a sentence."""

    name: str
    verdict: Verdict
    message: str


@dataclass(frozen=True)
class Distance:
    """How far apart two answers are.

    `nrmse`: root mean square of the difference / standard deviation of the expected answer. `largest`: the
    largest single difference, in the unit of what is compared.
    """

    nrmse: float
    largest: float


@dataclass(frozen=True)
class Difference:
    """How far one component of a file's answer to one image is from the reference's.

    `noise`: the distance that rounding alone makes in this network and precision, on other images.
    """

    component: str
    unit: str
    shape: tuple[int, ...]
    seed: int
    measured: Distance
    noise: Distance
    verdict: Verdict


@dataclass(frozen=True)
class MaskChange:
    """What a difference between two maps does to the mask, the pixels above `threshold`, for one image.

    `flipped`: the share of pixels that are in one mask alone. `boxes`: how many regions of the expected mask
    have a box; `least_iou`: the least intersection over union of one with the nearest box of the other mask.
    """

    component: str
    threshold: float
    shape: tuple[int, ...]
    seed: int
    flipped: float
    boxes: int
    least_iou: float


@dataclass(frozen=True)
class Report:
    """All that verification found about one artifact. `mode`: `full` or `quick`. `seconds`: what it took."""

    mode: str
    checks: tuple[Check, ...]
    differences: tuple[Difference, ...]
    seconds: float
    masks: tuple[MaskChange, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return worst([check.verdict for check in self.checks])

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    @property
    def worst_error(self) -> str:
        """The largest difference in the first component, the one that matters most, with its unit: `0.053 px`."""
        components = [d for d in self.differences if d.component == self.differences[0].component]
        if not components:
            return ""
        return f"{figure(max(d.measured.largest for d in components))} {components[0].unit}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON; what is no finite number becomes null."""
        return {"verdict": self.verdict, **_without_infinities(asdict(self))}

    def message_of(self, check: str) -> str:
        """What a check found, in a sentence; empty if it was not made."""
        return next((c.message for c in self.checks if c.name == check), "")


def _without_infinities(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinities(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinities(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
