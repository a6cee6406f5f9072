"""Whether a classifier's file names the same class as the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..network.result import BestClass
from .compare import by_noise
from .decisive import decisive_values
from .report import ClassChange

Array = NDArray[Any]


def class_change(
    result: BestClass,
    actual: Sequence[Array],
    expected: Sequence[Array],
    noise: float | None,
    shape: tuple[int, ...],
    seed: int,
) -> ClassChange:
    """The best class of one image.

    `noise`: how far rounding moves a score, and it may move two towards each other; None where that is not known, and
    nothing is judged.
    """
    before, now = decisive_values(result, expected)[0], decisive_values(result, actual)[0]
    wanted, got = int(before.argmax()), int(now.argmax())
    gap = float(before[wanted] - before[got]) / 2
    return ClassChange(shape, seed, wanted, got, None if noise is None else by_noise(gap, noise))
