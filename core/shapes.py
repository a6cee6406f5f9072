"""Input shapes: what is legal, what is wise, and the nearest legal sizes. One policy for all families."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RECOMMENDED = (320, 1536)  # px, the sides that detectors are trained and measured at
MAX_RATIO = 4.0  # beyond it, letterboxed objects shrink below what training has shown
MAX_SIDE = 16_384  # px; indices of larger feature maps leave 32 bits
MAX_BATCH = 4096


class Level(StrEnum):
    """How serious a finding is. An error forbids the export."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


DISK, MEMORY = "disk", "memory"  # the rules of findings about the machine


@dataclass(frozen=True)
class Finding:
    """Something to know about a request: the rule it follows from, and the fix if there is one."""

    level: Level
    rule: str
    message: str
    fix: str = ""

    @property
    def of_machine(self) -> bool:
        """Whether it is about the machine as it is now, and not about the request itself."""
        return self.rule in (DISK, MEMORY)

    @property
    def sentence(self) -> str:
        """What is wrong and what to do about it, in one."""
        return f"{self.message}; {self.fix}" if self.fix else self.message


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


@dataclass(frozen=True)
class Preset:
    """A size (px) that people give a model, and what there is to say of it: `default`, `as trained`."""

    height: int
    width: int
    note: str = ""

    @property
    def size(self) -> tuple[int, int]:
        return (self.height, self.width)

    def __str__(self) -> str:
        return f"{spelled(*self.size)} {orientation(*self.size)}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Sizes:
    """The sizes that suit a model, px. `recommended`: the least and the largest side.

    `presets`: those to choose from; the first is the default, which suits best.
    """

    presets: tuple[Preset, ...] = (Preset(640, 640, "default"),)
    recommended: tuple[int, int] = RECOMMENDED

    @property
    def default(self) -> tuple[int, int]:
        """(height, width), if nobody asks for another."""
        return self.presets[0].size


class Rounding(StrEnum):
    """How a size that is no multiple of the stride becomes one, if that is asked for."""

    UP = "up"
    DOWN = "down"
    NEAREST = "nearest"


def spelled(height: int, width: int) -> str:
    """A size for people: `800×608`, height first."""
    return f"{height}×{width}"


def orientation(height: int, width: int) -> str:
    """`square`, `portrait` (higher than wide) or `landscape`."""
    return "square" if height == width else "portrait" if height > width else "landscape"


def rounded(value: int, stride: int, how: Rounding) -> int:
    """The legal length that `value` is rounded to; up, where two are equally near. What is no length stays."""
    if not 1 <= value <= MAX_SIDE:
        return value
    below, above = neighbours(value, stride)
    match how:
        case Rounding.UP:
            return above
        case Rounding.DOWN:
            return below
        case Rounding.NEAREST:
            return below if value - below < above - value else above


def neighbours(value: int, stride: int) -> tuple[int, int]:
    """The nearest legal lengths at or below and at or above `value`, both at least one stride."""
    below = max(value // stride, 1) * stride
    above = max(-(-value // stride), 1) * stride
    return below, above


def findings(
    height: int, width: int, batch: int, stride: int, recommended: tuple[int, int] = RECOMMENDED
) -> tuple[Finding, ...]:
    """What there is to say about a size (px) and batch for a network of this stride (px); errors first.

    `recommended`: the least and the largest side (px) that suit the network's family.
    """
    found = [*_errors(height, width, batch, stride)]
    if not found:
        found += _warnings(height, width, recommended)
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


def _warnings(height: int, width: int, recommended: tuple[int, int]) -> list[Finding]:
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
    low, high = recommended
    for side in dict.fromkeys((height, width)):
        if not low <= side <= high:
            warnings.append(Finding(Level.WARNING, "range", f"{side} px is outside the recommended {low} to {high} px"))
    return warnings
