"""Answers of a detector as they could be, drawn: things found in several boxes, nothing at all, too much of everything.

What a network answers to test images may hold nothing, and then nobody knows whether a file suppresses boxes rightly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.result import Layout, Rows
from ..network.suppression import Suppression

Array = NDArray[Any]

KINDS = 4  # of images that take turns
_NOTHING = 2.0**-20  # the objectness of a box that holds nothing: no product with it is above a usual threshold
_BOXES_A_THING = 4


def drawn_answer(layout: Layout, nms: Suppression, boxes: int, size: tuple[int, int], batch: int, seed: int) -> Array:
    """An answer with so many boxes, laid out as a network has them, float32, the same for the same seed.

    The images take turns: things that are found in several boxes, nothing, more than `max_det` boxes apart from each
    other as far as there are so many, and boxes that are equal but for their class or in all. `size`: height and width,
    px.
    """
    random = np.random.default_rng([seed, boxes, batch, *size])
    height, width = size
    answer = np.empty((batch, boxes, 5 + layout.classes), np.float32)
    random.random(out=answer, dtype=np.float32)
    answer[..., :4] *= (width, height, width, height)
    answer[..., 4] = _NOTHING
    draws = (_things, _nothing, _crowd, _equals)
    for index, rows in enumerate(answer):
        draws[(seed + index) % KINDS](random, rows, layout, nms, size)
    further = random.uniform(-2, 2, (batch, boxes, layout.further)).astype(np.float32)
    if isinstance(layout, Rows):
        return np.concatenate((answer, further), axis=2)
    sure = answer[..., 4:5] * answer[..., 5:]
    return np.ascontiguousarray(np.concatenate((answer[..., :4], sure, further), axis=2).transpose(0, 2, 1))


def _nothing(*_: object) -> None:
    """No box holds anything."""


def _things(random: np.random.Generator, rows: Array, layout: Layout, nms: Suppression, size: tuple[int, int]) -> None:
    """Some of the boxes lie about a few places, near each other and less near, of two classes."""
    count = min(len(rows) // 2, 16 * _BOXES_A_THING) // _BOXES_A_THING * _BOXES_A_THING
    places = random.choice(len(rows), count, replace=False)
    things = np.repeat(random.uniform(0.1, 0.9, (count // _BOXES_A_THING, 2)), _BOXES_A_THING, 0) * size[::-1]
    sides = random.uniform(0.1, 0.3, (count, 2)) * size[::-1]
    rows[places, :2] = things + random.uniform(-0.3, 0.3, (count, 2)) * sides
    rows[places, 2:4] = sides
    _certain(random, rows, places, layout, nms, classes=random.integers(0, min(2, layout.classes), count))


def _crowd(random: np.random.Generator, rows: Array, layout: Layout, nms: Suppression, size: tuple[int, int]) -> None:
    """More boxes than `max_det` hold something, if there are so many, each in a cell of its own."""
    places = random.permutation(len(rows))[: 2 * nms.max_det]
    side = int(np.ceil(np.sqrt(len(rows))))
    cell = np.array(size[::-1]) / side
    rows[places, :2] = (np.stack(np.divmod(places, side), 1) + 0.5) * cell
    rows[places, 2:4] = cell * 0.9
    _certain(random, rows, places, layout, nms, classes=random.integers(0, layout.classes, len(places)))


def _equals(random: np.random.Generator, rows: Array, layout: Layout, nms: Suppression, size: tuple[int, int]) -> None:
    """Boxes in the same place: of the same confidence, and of another class."""
    places = random.choice(len(rows), 3, replace=False)
    rows[places, :4] = np.array([0.5, 0.5, 0.25, 0.25]) * [*size[::-1], *size[::-1]]
    _certain(random, rows, places, layout, nms, classes=np.array([0, 0, layout.classes - 1]))
    rows[places[1], 4:] = rows[places[0], 4:]


def _certain(
    random: np.random.Generator, rows: Array, places: Array, layout: Layout, nms: Suppression, classes: Array
) -> None:
    """Let boxes hold things of these classes, with confidences above the threshold."""
    wanted = nms.confidence + (1 - nms.confidence) * random.uniform(0.1, 1.0, len(places))
    objectness = wanted + (1 - wanted) * random.uniform(0.0, 1.0, len(places))
    likeliest = wanted / objectness
    rows[places, 4] = objectness
    rows[places, 5:] = likeliest[:, None] * random.uniform(0.0, 0.9, (len(places), layout.classes))
    rows[places, 5 + classes] = likeliest
