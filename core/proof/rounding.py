"""What rounding alone loses on images of the user: nothing of what a trained network finds, and most of a crowd.

An untrained network finds many things in an image, each as likely as the next and near the threshold: what it keeps of
them, and where, rounding decides. What the network itself loses in a precision, a right file may lose too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..targets.loaded import Runner
from ..verify.proof import Rounding
from .prove import Yardstick

Array = NDArray[Any]

IMAGES = 4  # in which most is found: they weigh most, and the reference takes seconds for each
# Two right files differ by chance. With each thing kept or lost by itself, twice the standard error of the difference
# is not met in one case of twenty.
_SURE = 2 * math.sqrt(2)


def lost_by_rounding(rounded: Runner, by: Yardstick) -> Rounding:
    """What the network loses by the rounding of a precision, as the reference computes it.

    `rounded`: what answers an image so.
    """
    found = [len(by.finds(index)) for index in range(len(by.seen))]
    chosen = sorted(np.argsort(np.negative(found), kind="stable")[:IMAGES].tolist())
    tally, images = by.tally(), by.images.of([by.seen[index].number for index in chosen])
    for index, image in zip(chosen, images.stream(by.preparation), strict=False):
        got = by.finder.finds(rounded.run(image.pixels)).astype(np.float32)
        tally.add(by.finds(index), got, by.labels(index))
    counted = tally.counted()
    points, whole = counted.loss.points, 100 * counted.loss.reference
    part = min(max(points / whole, 0.0), 1.0) if whole else 0.0
    chance = whole * _SURE * math.sqrt(part * (1 - part) / max(counted.expected, 1))
    return Rounding(len(chosen), points, chance)
