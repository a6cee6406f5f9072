"""Which images an artifact is tried on: its own size, and others where it takes them."""

from __future__ import annotations

from dataclasses import dataclass

from ..formats import Kind
from ..shapes import InputShape
from ..targets.speed import slow_on_cpu
from .subject import Subject

# What is slow on a CPU is tried there on images of at most so many pixels.
_SLOW_AREA = 256 * 256
# A fixed size up to so many times the small one is cheap enough for a second image.
_CHEAP = 4


@dataclass(frozen=True)
class Probe:
    """A batch of structured images: its shape, and the seed of the first."""

    shape: InputShape
    seed: int


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


def small_probes(channels: int, stride: int) -> tuple[Probe, ...]:
    """Four images in three sizes of a few strides.

    The second probe has a batch of two, and the first one's area turned on its side: there, a network with a
    size baked in answers without complaint, and wrongly.
    """
    base = InputShape(1, channels, 2 * stride, 4 * stride)
    turned = InputShape(2, channels, 4 * stride, 2 * stride)
    other = InputShape(1, channels, 3 * stride, 3 * stride)
    return (Probe(base, 0), Probe(turned, 1), Probe(other, 3))


def plan(subject: Subject, stride: int) -> Plan:
    """The images for one file: always its own size, and two seeds at least."""
    small = small_probes(subject.shape.channels, stride)
    own = Probe(subject.shape, 0)
    if subject.fixed:
        second = Probe(subject.shape, 1)
        if subject.shape.area <= _CHEAP * small[0].shape.area:
            return Plan((own, second))
        return Plan((own,), lifted=small[:2], instead=(second,))
    if too_slow(subject.kind, subject.shape, subject.device):
        return Plan(
            small,
            left_out=f"{subject.shape} was not run: {subject.kind.precision.label} TorchScript is too slow on a CPU",
        )
    return Plan((*small, *(() if own in small else (own,))))


def too_slow(kind: Kind, shape: InputShape, device: str) -> bool:
    """Whether a file is tried at small sizes alone."""
    return device == "cpu" and slow_on_cpu(kind) and shape.area * shape.batch > _SLOW_AREA
