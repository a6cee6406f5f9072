"""What a person keeps of a detector's answers: found as users find it, and judged by what rounding explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from halfpint.core.families.yolov5.decoder import detections
from halfpint.core.network.result import Boxes
from halfpint.core.verify.checks.detections import check_detections
from halfpint.core.verify.detections import detection_change, survivors
from halfpint.core.verify.evidence import Evidence, Verdict
from halfpint.core.verify.report import DetectionChange

Array = NDArray[Any]
Row = tuple[float, ...]  # center x, center y, width, height (px), objectness, three classes

CAT: Row = (50, 50, 40, 40, 0.9, 0.9, 0.05, 0.05)
DOG: Row = (150, 50, 40, 40, 0.8, 0.05, 0.9, 0.05)
EMPTY: Row = (100, 100, 30, 30, 1e-4, 0.3, 0.3, 0.3)
NOISE = 0.01  # of log odds


def answer(*rows: Row) -> tuple[Array]:
    """A YOLOv5 answer of these rows, and of as many empty ones as a trained detector gives."""
    return (np.array([[*rows, *[EMPTY] * (200 - len(rows))]]),)


def judged(
    now: Sequence[Array], before: Sequence[Array], noise: float | None = NOISE
) -> tuple[DetectionChange, Evidence]:
    change = detection_change(detections(classes=3), now, before, noise, (1, 3, 128, 256), 0)
    return change, check_detections([change])


def faint(confidence: float, at: Row = DOG) -> Row:
    """A row whose confidence is this."""
    return (*at[:4], 1.0, *(confidence if value == max(at[5:]) else 0.01 for value in at[5:]))


def shifted(row: Row, by: float) -> Row:
    return (row[0] + by, *row[1:])


# ---- finding

sides, places = st.integers(1, 30), st.integers(0, 30)
corners = st.tuples(places, places, sides, sides).map(lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3]))


def overlap_by_hand(a: Sequence[float], b: Sequence[float]) -> float:
    width, height = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


@given(st.lists(st.tuples(corners, st.floats(0.3, 1), st.integers(0, 1)), max_size=12))
def test_suppression_keeps_what_no_better_box_of_its_class_covers(
    rows: list[tuple[tuple[int, ...], float, int]],
) -> None:
    boxes = Boxes(np.array([row[0] for row in rows], float).reshape(-1, 4), np.array([row[2] for row in rows], int))
    confidences = np.array([row[1] for row in rows])
    kept = survivors(boxes, confidences, 0.45, 300).tolist()
    by_hand: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: -rows[i][1]):
        rivals = [j for j in by_hand if rows[j][2] == rows[i][2]]
        if all(overlap_by_hand(rows[i][0], rows[j][0]) <= 0.45 for j in rivals):
            by_hand.append(i)
    assert kept == by_hand
    assert survivors(boxes, confidences, 0.45, 2).tolist() == by_hand[:2]


def test_rows_are_decoded_as_yolov5_means_them() -> None:
    # Two boxes of two classes, each with two mask weights, which are no classes.
    rows = np.array([[(50, 60, 20, 10, 0.5, 0.2, 0.8, 7, 8), (1, 1, 1, 1, 0.1, 0.9, 0.1, 7, 8)]])
    found = detections(classes=2)
    np.testing.assert_allclose(found.decoder.confidences((rows,)), [0.4, 0.09])
    boxes = found.decoder.boxes((rows,), np.array([0]))
    np.testing.assert_allclose(boxes.corners, [[40, 55, 60, 65]])
    assert boxes.classes.tolist() == [1]
    assert (found.threshold, found.iou, found.most) == (0.25, 0.45, 300)


# ---- what becomes of them


def test_all_are_kept() -> None:
    change, check = judged(answer(shifted(CAT, 0.5), faint(0.72)), answer(CAT, faint(0.7)))
    assert (change.expected, change.kept, change.new) == (2, 2, 0)
    assert (change.shift, change.confidence) == (pytest.approx(0.5), pytest.approx(0.02))
    assert check == Evidence(
        "detections",
        Verdict.PASS,
        "all 2 detections on the test image are kept, none is new; they move by 0.5 px and 0.02 of confidence at most",
    )


def test_a_box_without_an_area_that_stays_where_it_is_is_kept() -> None:
    flat = (*CAT[:3], 0.0, *CAT[4:])
    change, _ = judged(answer(flat, DOG), answer(flat, DOG))
    assert (change.expected, change.kept, change.new) == (2, 2, 0)


def test_a_box_that_another_one_of_the_same_thing_outdoes_is_kept() -> None:
    """The two rows are all but equal, so rounding decides which of them is kept."""
    rival = (*shifted(CAT, 1)[:4], 0.899, *CAT[5:])
    change, check = judged(answer((*CAT[:4], 0.898, *CAT[5:]), rival), answer(CAT, rival))
    assert (change.expected, change.kept, change.new, change.shift) == (1, 1, 0, 1)
    assert check.verdict is Verdict.PASS


@pytest.mark.parametrize("noise", [NOISE, 0.0])
@pytest.mark.parametrize(
    ("now", "told"),
    [
        (answer(CAT), "1 of 2 detections on the test image are kept, 1 lost, 0 new"),
        (answer(CAT, DOG, faint(0.9, shifted(CAT, 99))), "2 of 2 detections on the test image are kept, 0 lost, 1 new"),
        (answer(), "0 of 2 detections on the test image are kept, 2 lost, 0 new"),
    ],
    ids=["one is lost", "one is new", "all are lost"],
)
def test_what_rounding_does_not_explain_is_wrong(now: tuple[Array], told: str, noise: float) -> None:
    _, check = judged(now, answer(CAT, DOG), noise)
    assert check.verdict is Verdict.FAIL
    assert check.message.startswith(told)
    assert check.message.endswith(": more than rounding explains")


@pytest.mark.parametrize(("before", "now"), [(0.255, 0.245), (0.245, 0.255)], ids=["lost", "new"])
def test_by_the_threshold_rounding_decides(before: float, now: float) -> None:
    """The confidence is 0.027 of log odds away from 0.25: 2.7 × the noise."""
    change, check = judged(answer(CAT, faint(now)), answer(CAT, faint(before)))
    assert change.kept + change.new + 1 == 2 + (now > before)
    assert check.verdict is Verdict.PASS
    assert check.message.endswith(": no more than rounding explains")
    assert judged(answer(CAT, faint(now)), answer(CAT, faint(before)), NOISE / 5)[1].verdict is Verdict.WARN
    assert judged(answer(CAT, faint(now)), answer(CAT, faint(before)), NOISE / 50)[1].verdict is Verdict.FAIL


def test_where_the_noise_is_not_known_it_is_told_and_not_judged() -> None:
    change, check = judged(answer(CAT), answer(CAT, DOG), None)
    assert change.verdict is None
    assert check.verdict is Verdict.PASS
    assert check.message.startswith("1 of 2 detections on the test image are kept, 1 lost")
    assert "rounding" not in check.message


def test_an_image_in_which_nothing_is_found_says_so() -> None:
    nothing, check = judged(answer(), answer())
    assert check.verdict is Verdict.PASS
    assert check.message == "finds nothing on the test image; images of your own (--data) would prove more"
    change, _ = judged(answer(CAT), answer(CAT))
    assert check_detections([change, nothing]).message.startswith("the one detection on 2 test images is kept")


def test_a_network_that_finds_things_everywhere_is_not_trained() -> None:
    everywhere = (np.array([[shifted(CAT, 9.0 * i) for i in range(50)] + [EMPTY] * 150]),)
    change, check = judged(answer(CAT), everywhere)
    assert (change.above, change.expected, change.verdict) == (50, 0, Verdict.PASS)
    assert check.message == (
        "25 % of its boxes are above a confidence of 0.25, as in an untrained network, so what it finds means nothing"
    )
