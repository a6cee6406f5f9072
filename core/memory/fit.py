"""Does it fit? From bytes: what is needed against what is free now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..units import mebibytes
from .need import Need


class Fit(StrEnum):
    """FITS: all that may be needed is free. WILL NOT FIT: not even the certain least is. TIGHT: in between."""

    FITS = "FITS"
    TIGHT = "TIGHT"
    WILL_NOT_FIT = "WILL NOT FIT"
    UNKNOWN = "UNKNOWN"


# The worst of several counts; what is not known is worse than a risk, and better than a certain failure.
SEVERITY = (Fit.FITS, Fit.TIGHT, Fit.UNKNOWN, Fit.WILL_NOT_FIT)


@dataclass(frozen=True)
class Memory:
    """What a place has, in bytes. `free` is None where it does not tell; then `problem` says why."""

    name: str  # "GPU 0", "host memory"
    free: int | None
    total: int
    problem: str = ""

    @property
    def used(self) -> int:
        """What others use."""
        return self.total - (self.free or 0) if self.free is not None else 0


@dataclass(frozen=True)
class MemoryFit:
    """Whether a need fits into a place, and all that led there."""

    fit: Fit
    need: Need
    memory: Memory

    @property
    def sentence(self) -> str:
        """What to tell people."""
        needs = f"needs {self.need}"
        if self.memory.free is None:
            return f"{self.fit}: {needs} of {self.memory.name}; {self.memory.problem or 'what is free is not known'}"
        return f"{self.fit}: {needs}, {mebibytes(self.memory.free)} of {self.memory.name} are free"


def fit_of(least: int, high: int, free: int | None) -> Fit:
    """Whether a need fits: `least` is certain, `high` the most that it may be."""
    if free is None:
        return Fit.UNKNOWN
    if least > free:
        return Fit.WILL_NOT_FIT
    return Fit.FITS if high <= free else Fit.TIGHT


def fit_in(need: Need, memory: Memory) -> MemoryFit:
    """Whether a need fits. It says WILL NOT FIT only if the least exceeds what is free."""
    return MemoryFit(fit_of(int(need.least), int(need.high), memory.free), need, memory)


def worst(fits: list[Fit]) -> Fit:
    """The worst of several."""
    return max(fits, key=SEVERITY.index, default=Fit.UNKNOWN)
