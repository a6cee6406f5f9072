"""Does a file that ends in an end-to-end head choose the cells and classes that rank first in its own answer?

All that decides is compared exactly: scores are taken as they are. Only where scores are equal, either is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Layout
from ..network.suppression import COLUMNS, Ranking
from .suppression import Suppressed

Array = NDArray[Any]

# A corner is computed in one rounding of float32.
_CLOSE = 2.0**-22


def ranked(layout: Layout, ranking: Ranking, raw: Array, rows: Array) -> Suppressed:
    """Hold what a file gives of one image against its own answer. `raw`: 1×values×cells. `rows`: most×(6 + further)."""
    every = layout.rows(raw)
    scores, boxes = every[:, 4 : 4 + layout.classes], _told(layout, every)
    best = scores.max(1)
    order = np.argsort(-best, kind="stable")
    chosen, rest = order[: ranking.most], order[ranking.most :]
    pairs = np.sort(scores[chosen].ravel())[::-1][: ranking.most]
    wanted = np.zeros(ranking.most, scores.dtype)
    wanted[: len(pairs)] = pairs
    equal = len(rest) > 0 and best[rest[0]] == best[chosen[-1]]  # which of these is chosen nothing tells
    ties = int(len(wanted) - len(np.unique(wanted[wanted > 0])) - (wanted <= 0).sum())
    found = int((rows[:, 4] > 0).sum())
    if not equal and not np.array_equal(wanted.astype(rows.dtype), rows[:, 4]):
        wrong = "its scores are not the best ones of the cells that rank first"
    elif (np.diff(rows[:, 4]) > 0).any():
        wrong = "the best score does not come first"
    else:
        wrong = _stray(rows, boxes, scores)
    return Suppressed(found, len(best), ties, wrong, "rank")


def _told(layout: Layout, every: Array) -> Array:
    """What a row tells of each cell beside score and class: the box, and what is further told."""
    box, further = every[:, :4].astype(np.float64), every[:, 4 + layout.classes :]
    if not layout.turned:
        box = box[:, [0, 1, 0, 1]] + box[:, [2, 3, 2, 3]] * (-0.5, -0.5, 0.5, 0.5)
    return np.concatenate((box, further), axis=1)


def _stray(rows: Array, boxes: Array, scores: Array) -> str:
    """What is wrong where a row tells no cell, or one that another row told already with its class."""
    close = max(_CLOSE, float(np.finfo(rows.dtype).eps))
    reach = close * np.maximum(np.abs(boxes).max(1, initial=0.0), 1.0)[:, None]
    given = scores.astype(rows.dtype)
    met: set[tuple[int, int]] = set()
    for number, row in enumerate(rows):
        score, label = row[4], int(row[5])
        if score <= 0:
            continue
        if not 0 <= label < scores.shape[1]:
            return f"detection {number} is of class {label}, which the network does not have"
        told = np.concatenate((row[:4], row[COLUMNS:])).astype(np.float64)
        same = (given[:, label] == score) & (np.abs(boxes - told) <= reach).all(1)
        free = [(cell, label) for cell in np.flatnonzero(same).tolist() if (cell, label) not in met]
        if not free:
            return f"detection {number} is none of the cells, or is there twice"
        met.add(free[0])
    return ""
