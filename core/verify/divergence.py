"""How far one answer is from another, in one smooth figure of what a person takes from it: 0 for the same.

It grows with the square of an error, so that the figures of independent errors add up: a sum of shares tells which
layer of a network moves its answers most, where counts of detections would not yet change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Network
from ..network.result import Detections

Array = NDArray[Any]

_NOTHING = 1e-3  # boxes that are less certain are no part of any score: where YOLOv5's own val begins


def divergence(network: Network, answer: Sequence[Array], exact: Sequence[Array]) -> float:
    """Between answers to one image (or to a batch whose first image counts)."""
    one, other = ([output[:1] for output in outputs] for outputs in (answer, exact))
    if isinstance(network.result, Detections):
        return _of_boxes(network.result, one, other)
    return float(
        sum(
            np.square(y.astype(np.float64) - x).sum() / max(float(np.var(x)), 1e-30) / x.size
            for y, x in zip(one, other, strict=True)
        )
    )


def _of_boxes(result: Detections, answer: Sequence[Array], exact: Sequence[Array]) -> float:
    """Squares of what confidences move by, and of what sides move by in sizes of their box, as it is certain."""
    now, before = (result.decoder.confidences(outputs) for outputs in (answer, exact))
    which = np.flatnonzero(before > _NOTHING)
    found, wanted = (result.decoder.boxes(outputs, which).corners for outputs in (answer, exact))
    sides = np.maximum(wanted[:, 2:] - wanted[:, :2], 1.0)
    moved = np.square((found - wanted) / np.concatenate((sides, sides), axis=1)).sum(axis=1)
    return float(np.square(now - before).sum() + (before[which] * moved).sum())
