"""Which images an artifact is tried on: its own size, and others where it takes them."""

from __future__ import annotations

from dataclasses import dataclass

from ..images.probes import Probe, small_probes, too_slow
from .subject import Subject

# A size up to so many times the small one is cheap enough for a second image, and for float64.
CHEAP = 4


@dataclass(frozen=True)
class Plan:
    """What to run. `own`: on the file as it is. `lifted`: on a copy whose size is lifted (`verify/lifted.py`).

    `instead`: on the file as it is, should the copy not run. `left_out`: what is not tried, and why.
    """

    own: tuple[Probe, ...]
    lifted: tuple[Probe, ...] = ()
    instead: tuple[Probe, ...] = ()
    left_out: str = ""

    @property
    def all(self) -> tuple[Probe, ...]:
        """Every probe that is sure to be run, the small ones first."""
        return (*self.lifted, *self.own)


def plan(subject: Subject, stride: int) -> Plan:
    """The images for one file: always its own size, and two seeds at least."""
    small = small_probes(subject.shape.channels, stride)
    own = Probe(subject.shape, 0)
    if subject.fixed:
        second = Probe(subject.shape, 1)
        if subject.shape.area <= CHEAP * small[0].shape.area:
            return Plan((own, second))
        return Plan((own,), lifted=small[:2], instead=(second,))
    if too_slow(subject.kind, subject.shape, subject.device):
        label = f"{subject.kind.precision.label} {subject.kind.target.label}"
        return Plan(
            small,
            left_out=f"{subject.shape} was not run: {label} is too slow on a CPU",
        )
    return Plan((*small, *(() if own in small else (own,))))
