"""Average precision, on cases that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from halfpint.core.network.result import Boxes
from halfpint.core.proof.average_precision import AveragePrecision
from halfpint.core.verify.detections import Found

Thing = tuple[tuple[float, float, float, float], int]
CAT: Thing = ((10, 10, 50, 50), 0)
DOG: Thing = ((60, 10, 90, 50), 1)
OTHER_CAT: Thing = ((100, 10, 140, 50), 0)
NOTHING: Thing = ((200, 200, 220, 220), 0)


def boxes(things: Sequence[Thing]) -> Boxes:
    return Boxes(
        np.array([box for box, _ in things], float).reshape(-1, 4), np.array([kind for _, kind in things], int)
    )


def found(*things: tuple[Thing, float]) -> Found:
    ordered = sorted(things, key=lambda thing: -thing[1])
    confidences = np.array([confidence for _, confidence in ordered])
    return Found(np.arange(len(ordered)), boxes([thing for thing, _ in ordered]), confidences)


def precision(*images: tuple[Found, Sequence[Thing]]) -> AveragePrecision:
    gathered = AveragePrecision()
    for detections, truth in images:
        gathered.add(detections, boxes(truth))
    return gathered


def test_all_right() -> None:
    assert precision((found((CAT, 0.9), (DOG, 0.3)), [CAT, DOG])).by_class() == {0: 1.0, 1: 1.0}


def test_nothing_found_and_nothing_there() -> None:
    assert precision((found(), [CAT])).mean() == 0.0
    assert precision((found((CAT, 0.9)), [])).mean() == 1.0


def test_what_is_wrong_counts_by_its_confidence() -> None:
    """Behind all that is right it costs nothing; before it, precision is 1/2 at every recall."""
    assert precision((found((CAT, 0.9), (NOTHING, 0.1)), [CAT])).mean() == 1.0
    assert precision((found((CAT, 0.1), (NOTHING, 0.9)), [CAT])).mean() == pytest.approx(0.5)


def test_half_of_the_things_are_found() -> None:
    """101 recalls from 0 to 1: the first 51 are reached."""
    assert precision((found((CAT, 0.9)), [CAT, OTHER_CAT])).mean() == pytest.approx(51 / 101)


def test_a_thing_is_found_once() -> None:
    assert precision((found((CAT, 0.9), (CAT, 0.8)), [CAT, OTHER_CAT])).mean() == pytest.approx(51 / 101)


def test_how_far_boxes_overlap_decides_at_how_many_ious_they_are_right() -> None:
    """A box of 40×40 that lacks 12 columns has an IoU of .7: it is right at five of ten."""
    short: Thing = ((10, 10, 38, 50), 0)
    assert precision((found((short, 0.9)), [CAT])).mean() == pytest.approx(0.5)


def test_classes_count_alike_and_images_are_taken_together() -> None:
    gathered = precision((found((CAT, 0.9)), [CAT]), (found((NOTHING, 0.95)), [OTHER_CAT, DOG]))
    first = np.where(np.linspace(0, 1, 101) <= 0.5, 0.5, 0).mean()
    assert gathered.by_class() == {0: pytest.approx(first), 1: 0.0}
    assert gathered.mean() == pytest.approx(first / 2)
