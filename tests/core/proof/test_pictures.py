"""The pictures of a proof: which images are drawn, and what is marked in them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from halfpint.core.families.dbnet.model import PIXELS
from halfpint.core.images.letterbox import picture_in, prepared
from halfpint.core.images.source import PreparedImage
from halfpint.core.network.preparation import Fit, Preparation
from halfpint.core.network.result import BestClass, Mask
from halfpint.core.proof.classes import ClassFinder
from halfpint.core.proof.marks import Album, Mark, Marks
from halfpint.core.proof.regions import RegionFinder
from halfpint.core.proof.side_by_side import side_by_side

Array = NDArray[Any]
WIDE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8))
SQUARE = Preparation(3, 64, 64, 32)


def box(left: float, top: float, right: float, bottom: float) -> Array:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def marks(before: int, lost: int, new: int = 0) -> Marks:
    one = [Mark(box(0, 0, 1, 1), "", index < lost) for index in range(before)]
    return Marks(one, [Mark(box(0, 0, 1, 1), "", True)] * new)


def test_where_most_changes_is_kept_then_where_most_is() -> None:
    album = Album(3)
    for index, each in enumerate([marks(5, 0), marks(2, 0), marks(3, 1), marks(9, 0), marks(2, 1, 1), marks(9, 0)]):
        album.add(index, each)
    assert list(album.marks) == [2, 3, 4]


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        (SQUARE, (64, 32)),
        (Preparation(3, 64, 64, 32, Fit.CROP), (64, 64)),
        (Preparation(3, 64, 64, 32, pixels=PIXELS), (64, 32)),
    ],
    ids=["letterbox", "crop", "other colours and mean"],
)
def test_the_picture_is_as_the_network_sees_it(how: Preparation, seen: tuple[int, int]) -> None:
    image, geometry = prepared(WIDE, (32, 64), how)
    picture = picture_in(image, geometry, how)
    assert picture.size == seen
    if how.fit is Fit.SQUARE:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(WIDE))


def test_what_differs_is_marked_on_its_side() -> None:
    """The letterbox puts 16 px above the picture, and the picture is drawn ten times as large."""
    image, geometry = prepared(WIDE, (32, 64), SQUARE)
    same, lost, new = box(4, 20, 12, 28), box(20, 30, 30, 40), box(40, 24, 60, 44)
    found = Marks(
        [Mark(same, "cat", False), Mark(lost, "cat", True)], [Mark(same, "cat", False), Mark(new, "\x07", True)]
    )
    png = side_by_side(PreparedImage(0, "a.png", image, None, geometry), SQUARE, found, "cats", "FP32", "FP16")
    pixels = np.asarray(Image.open(BytesIO(png)))
    assert pixels.shape == (24 + 320, 640 + 8 + 640, 3)

    def at(x: float, y: float, side: int) -> tuple[int, ...]:
        return tuple(int(value) for value in pixels[24 + round((y - 16) * 10), round(x * 10) + 648 * side])

    green, orange, blue = (0, 158, 115), (213, 94, 0), (86, 180, 233)
    assert at(4, 24, 0) == at(4, 24, 1) == green
    assert at(20, 35, 0) == orange != at(20, 35, 1)
    assert at(40, 40, 1) == blue != at(40, 40, 0)


def test_regions_and_classes_are_marked_too() -> None:
    title, note = box(8, 8, 100, 24).ravel(), box(60, 90, 120, 110).ravel()
    found = RegionFinder(Mask(0, 0.3)).marks(np.array([title, note]), np.array([title]), {})
    assert (len(found.before), found.lost, found.new) == (2, 1, 0)
    best = ClassFinder(BestClass(0)).marks(np.array([[1]]), np.array([[7]]), {1: "cat"})
    assert [mark.words for mark in (*best.before, *best.after)] == ["cat", "class 7"]
    assert (best.lost, best.new) == (1, 1)
