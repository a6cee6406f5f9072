"""Masks and boxes: regions are found as by hand, boxes are the smallest, and what moves or goes is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from halfpint.core.images.synthetic import structured_image
from halfpint.core.network.network import Network
from halfpint.core.network.result import Mask
from halfpint.core.precisions import FP16
from halfpint.core.precisions.dtype import FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.provenance import Provenance
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.changes import change
from halfpint.core.verify.checks.mask import check_masks
from halfpint.core.verify.compare import PASS_FACTOR
from halfpint.core.verify.evidence import Evidence, Verdict
from halfpint.core.verify.masks import best_overlaps, mask_change
from halfpint.core.verify.regions import area, boxes_of, convex_hull, iou, smallest_rectangle
from halfpint.core.verify.report import MaskChange
from support import dbnet
from support.checkpoints import network_of

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
clouds = hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(-20, 20).map(float))
SQUARE = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])


def regions_by_hand(mask: np.ndarray) -> int:
    """Flood every region; how many there are."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    count = 0
    while left:
        count += 1
        waiting = [left.pop()]
        while waiting:
            y, x = waiting.pop()
            touching = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= touching
            waiting += touching
    return count


@given(masks)
def test_regions_are_pixels_that_touch(mask: np.ndarray) -> None:
    boxes = boxes_of(mask, 0)
    assert len(boxes) == regions_by_hand(mask)
    # Every pixel's center lies in one of the boxes at least.
    for y, x in np.argwhere(mask):
        center = np.array([[x + 0.4, y + 0.4], [x + 0.6, y + 0.4], [x + 0.6, y + 0.6], [x + 0.4, y + 0.6]])
        assert any(iou(center, box) * area(box) >= 0.039 for box in boxes)


def test_a_spiral_is_one_region() -> None:
    spiral = np.array(
        [list("#######"), list("#.....#"), list("#.###.#"), list("#.#.#.#"), list("#.#...#"), list("#.#####")]
    )
    assert len(boxes_of(spiral == "#", 0)) == 1
    assert len(boxes_of(spiral == ".", 0)) == 1


def test_small_regions_are_left_out() -> None:
    mask = np.zeros((60, 60), bool)
    mask[5:25, 5:45] = mask[40:47, 5:45] = True
    assert len(boxes_of(mask, 8)) == 1
    assert len(boxes_of(mask, 7)) == 2


def test_a_tilted_line_has_a_tilted_box() -> None:
    y, x = np.mgrid[:200, :200]
    along, across = (x + y - 200) / np.sqrt(2), (x - y) / np.sqrt(2)
    (box,) = boxes_of((abs(along) < 60) & (abs(across) < 10), 8)
    # 120 × 20 px, and a little for the pixels being squares.
    assert 2400 < area(box) < 2750
    assert 0.9 < iou(box, smallest_rectangle(box)) <= 1.000001


@given(clouds)
def test_the_rectangle_holds_all_points_and_is_no_larger_than_the_upright_one(points: np.ndarray) -> None:
    box = smallest_rectangle(points)
    width, height = np.ptp(points, axis=0)
    assert area(box) <= width * height + 1e-6
    assert area(box) >= area(convex_hull(points)) - 1e-6
    (a, b, _, d) = box
    for axis in (b - a, d - a):
        length = np.linalg.norm(axis)
        if length > 1e-9:
            places = (points - a) @ axis / length
            assert places.min() >= -1e-6
            assert places.max() <= length + 1e-6


@given(clouds, clouds)
def test_iou_is_symmetric_and_at_most_one(a: np.ndarray, b: np.ndarray) -> None:
    a, b = smallest_rectangle(a), smallest_rectangle(b)
    assert iou(a, b) == pytest.approx(iou(b, a), abs=1e-6)
    assert -1e-9 <= iou(a, b) <= 1 + 1e-6
    assert iou(a, a) == pytest.approx(1 if area(a) > 1e-9 else 0, abs=1e-6)


def moved(x: float, y: float) -> np.ndarray:
    return SQUARE + np.array([x, y])


def test_iou_of_known_squares() -> None:
    assert iou(SQUARE, moved(5, 0)) == pytest.approx(1 / 3)
    assert iou(SQUARE, moved(5, 5)[::-1]) == pytest.approx(25 / 175)
    assert iou(SQUARE, moved(10, 0)) == 0
    turned = np.array([[5.0, 0.0], [10.0, 5.0], [5.0, 10.0], [0.0, 5.0]])
    assert iou(SQUARE, turned) == pytest.approx(0.5)


def test_a_lost_box_overlaps_with_none() -> None:
    assert best_overlaps([SQUARE, SQUARE + 50], [SQUARE]) == [1.0, 0.0]
    assert best_overlaps([SQUARE], []) == [0.0]
    assert best_overlaps([], [SQUARE]) == []


# ---- what it means


def page(*boxes: tuple[slice, slice]) -> np.ndarray:
    made = np.full((1, 1, 100, 200), 0.1)
    for rows, columns in boxes:
        made[0, 0, rows, columns] = 0.9
    return made


LINE, OTHER = (slice(10, 30), slice(20, 180)), (slice(60, 80), slice(20, 180))


def judged(now: np.ndarray, before: np.ndarray, noise: float | None) -> tuple[MaskChange, Evidence]:
    change = mask_change(now, before, 0.3, noise, (1, 3, 100, 200), 0)
    return change, check_masks([change])


@pytest.mark.parametrize(
    ("now", "fine", "told"),
    [
        (page(LINE, OTHER), True, "all 2 regions on the test image are kept, none is new; the least IoU"),
        (page((slice(10, 31), slice(20, 180)), OTHER), True, "0.8 % of the mask's pixels flip at most"),
        (page(LINE), False, "1 of 2 regions on the test image are kept, 1 lost, 0 new"),
        (page(LINE, OTHER, (slice(40, 52), slice(20, 60))), False, "2 of 2 regions on the test image are kept, 0 lost"),
        (page(LINE, (slice(55, 75), slice(20, 180))), False, "the least IoU of a box is 0.6"),
        (page((slice(10, 80), slice(20, 180))), False, "0 of 2 regions on the test image are kept, 2 lost, 1 new"),
    ],
    ids=["same", "a row more", "lost", "new", "moved", "merged"],
)
def test_what_becomes_of_two_lines_of_text(now: np.ndarray, fine: bool, told: str) -> None:
    before = page(LINE, OTHER)
    # It takes a noise of 0.35 to turn other pixels into a line, and of 0.75 to let a line go.
    for noise, verdict in ((0.02, Verdict.FAIL), (0.1, Verdict.WARN), (1.0, Verdict.PASS)):
        _, check = judged(now, before, noise)
        assert (check.name, check.verdict) == ("mask", Verdict.PASS if fine else verdict)
        assert told in check.message
    # Where the noise is not known, nothing is judged.
    change, check = judged(now, before, None)
    assert (change.verdict, check.verdict) == (None, Verdict.PASS)


def faint(probability: float, *, bridge: float = 0.1) -> np.ndarray:
    """Two lines, the second one faint, and between them a bridge of a few pixels."""
    made = page(LINE)
    made[0, 0, OTHER[0], OTHER[1]] = probability
    made[0, 0, 30:60, 100:102] = bridge
    return made


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (faint(0.31), faint(0.29)),
        (faint(0.29), faint(0.31)),
        (faint(0.9, bridge=0.29), faint(0.9, bridge=0.31)),
        (faint(0.9, bridge=0.31), faint(0.9, bridge=0.29)),
    ],
    ids=["a faint line goes", "a faint line comes", "two lines become one", "one becomes two"],
)
def test_regions_are_judged_by_what_rounding_does_to_them(before: np.ndarray, now: np.ndarray) -> None:
    """The pixels that decide are 0.05 of log odds away from the threshold."""
    change, check = judged(now, before, 0.02)
    assert change.kept < change.expected or change.new
    assert check.verdict is Verdict.PASS
    assert check.message.endswith(": no more than rounding explains")
    for noise, verdict in ((0.003, Verdict.WARN), (0.0003, Verdict.FAIL)):
        _, check = judged(now, before, noise)
        assert check.verdict is verdict
        assert check.message.endswith(": more than rounding explains")


def judged_at(now: np.ndarray, before: np.ndarray) -> Verdict | None:
    """The verdict where rounding explains flips of pixels up to 0.05 of log odds away from the threshold."""
    return judged(now, before, 0.05 / 3.9)[0].verdict


@given(hnp.arrays(np.float64, (40, 60), elements=st.sampled_from([0.1, 0.295, 0.305, 0.9])), st.data())
def test_whatever_follows_from_pixels_that_rounding_flips_is_right(before: np.ndarray, data: st.DataObject) -> None:
    """Boxes may come, go, turn, merge and part."""
    near = (before > 0.2) & (before < 0.8)
    flipped = near & data.draw(hnp.arrays(bool, before.shape))
    now = np.where(flipped, 0.6 - before, before)
    assert judged_at(now[None, None], before[None, None]) is Verdict.PASS


def test_a_pixel_that_rounding_does_not_flip_counts_with_those_that_it_does() -> None:
    """A bridge between two lines: rounding may make all of it but one pixel."""
    before, now = faint(0.9, bridge=0.299), faint(0.9, bridge=0.301)
    assert judged_at(now, before) is Verdict.PASS
    before[0, 0, 45, 100:102] = 0.1
    assert judged_at(now, before) is Verdict.FAIL
    # But where rounding had joined them beside it, too, nobody would notice.
    before[0, 0, 45, 101] = 0.299
    assert judged_at(now, before) is Verdict.PASS


def fp16_change(network: Network, threshold: float) -> float:
    """The share of a mask's pixels that an FP16 file flips at a threshold."""
    shape = InputShape(1, 3, 96, 128)
    promised = contract(network, shape, dynamic=False)
    data = onnx_bytes(network, promised, FP16, 17, shape, Provenance("w.pt", "0" * 64))
    image = structured_image(3, 96, 128, 0)
    exact = Reference(FLOAT64).run(network, image)
    made = change(Mask(0, threshold), LoadedOnnx(data).run(image), exact, None, shape.dims, 0)
    assert isinstance(made, MaskChange)
    return made.flipped


@pytest.mark.numbers
def test_the_threshold_is_the_model_s_own() -> None:
    with network_of(dbnet.checkpoint("proxylessnas")) as network:
        (pred,) = Reference(FLOAT64).run(network, structured_image(3, 96, 128, 0))
        # Where many pixels lie, rounding flips some; beyond what it can reach, none.
        assert fp16_change(network, float(np.median(pred))) > 0
        reach = PASS_FACTOR * Answers(network).noise(FP16).distances["map"].largest
        assert fp16_change(network, float(pred.max()) + reach) == 0
