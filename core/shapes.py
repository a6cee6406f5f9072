"""Input shapes: what is legal, what is wise, and the nearest legal sizes. One policy for all families."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RECOMMENDED = (320, 1536)  # px, the sizes that detectors are trained and measured at
MAX_RATIO = 4.0  # beyond it, letterboxed objects shrink below what training has shown
MAX_SIDE = 16_384  # px; indices of larger feature maps leave 32 bits
MAX_BATCH = 4096


class Level(StrEnum):
    """How serious a finding is. An error forbids the export."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """Something to know about a request: the rule it follows from, and the fix if there is one."""

    level: Level
    rule: str
    message: str
    fix: str = ""


@dataclass(frozen=True)
class InputShape:
    """Batch × channels × height × width, the order of every tensor here."""

    batch: int
    channels: int
    height: int
    width: int

    @property
    def dims(self) -> tuple[int, int, int, int]:
        return (self.batch, self.channels, self.height, self.width)

    @property
    def size(self) -> tuple[int, int]:
        return (self.height, self.width)

    @property
    def area(self) -> int:
        """Pixels of one image."""
        return self.height * self.width

    def __str__(self) -> str:
        return "×".join(map(str, self.dims))


def spelled(height: int, width: int) -> str:
    """A size for people: `800×608`, height first."""
    return f"{height}×{width}"


def neighbours(value: int, stride: int) -> tuple[int, int]:
    """The nearest legal lengths at or below and at or above `value`, both at least one stride."""
    below = max(value // stride, 1) * stride
    above = max(-(-value // stride), 1) * stride
    return below, above


def findings(height: int, width: int, batch: int, stride: int) -> tuple[Finding, ...]:
    """What there is to say about a size (px) and batch for a network of this stride (px); errors first."""
    found = [*_errors(height, width, batch, stride)]
    if not found:
        found += _warnings(height, width)
    return tuple(found)


def _errors(height: int, width: int, batch: int, stride: int) -> list[Finding]:
    errors: list[Finding] = []
    if not 1 <= batch <= MAX_BATCH:
        errors.append(Finding(Level.ERROR, "batch", f"the batch is {batch}", f"give 1 to {MAX_BATCH}"))
    off_range = [side for side in (height, width) if not 1 <= side <= MAX_SIDE]
    if off_range:
        return [
            *errors,
            Finding(Level.ERROR, "range", f"{off_range[0]} px is no size", f"give {stride} to {MAX_SIDE} px"),
        ]
    off_stride = list(dict.fromkeys(side for side in (height, width) if side % stride))
    if off_stride:
        sides = " and ".join(map(str, off_stride))
        be = "is no multiple" if len(off_stride) == 1 else "are no multiples"
        below, above = (
            spelled(*sizes) for sizes in zip(neighbours(height, stride), neighbours(width, stride), strict=True)
        )
        fix = f"the nearest are {below} and {above}" if below != above else f"the nearest is {below}"
        errors.append(
            Finding(Level.ERROR, "stride", f"{spelled(height, width)}: {sides} {be} of the stride {stride}", fix)
        )
    return errors


def _warnings(height: int, width: int) -> list[Finding]:
    warnings: list[Finding] = []
    ratio = max(height, width) / min(height, width)
    if ratio > MAX_RATIO:
        warnings.append(
            Finding(
                Level.WARNING,
                "ratio",
                f"the ratio is {ratio:.1f}:1, above {MAX_RATIO:.0f}:1: accuracy suffers and padding is wasted",
                "crop or tile the image",
            )
        )
    low, high = RECOMMENDED
    for side in dict.fromkeys((height, width)):
        if not low <= side <= high:
            warnings.append(Finding(Level.WARNING, "range", f"{side} px is outside the recommended {low} to {high} px"))
    return warnings
