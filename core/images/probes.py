"""The small images that every file is tried on, and which files are tried on nothing larger."""

from __future__ import annotations

from dataclasses import dataclass

from ..kinds import Kind
from ..shapes import InputShape

# What is slow on a CPU is tried there on images of at most so many pixels.
_SLOW_AREA = 256 * 256


@dataclass(frozen=True)
class Probe:
    """A batch of structured images: its shape, and the seed of the first."""

    shape: InputShape
    seed: int


def small_probes(channels: int, stride: int) -> tuple[Probe, ...]:
    """Four images in three sizes of a few strides.

    The second probe has a batch of two, and the first one's area turned on its side: there, a network with a
    size baked in answers without complaint, and wrongly.
    """
    base = InputShape(1, channels, 2 * stride, 4 * stride)
    turned = InputShape(2, channels, 4 * stride, 2 * stride)
    other = InputShape(1, channels, 3 * stride, 3 * stride)
    return (Probe(base, 0), Probe(turned, 1), Probe(other, 3))


def too_slow(kind: Kind, shape: InputShape, device: str) -> bool:
    """Whether a file is tried at small sizes alone."""
    return device == "cpu" and kind.slow_on_cpu and shape.area * shape.batch > _SLOW_AREA
