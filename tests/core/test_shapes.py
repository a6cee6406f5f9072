"""The shape policy: what is legal, what is wise, and where the nearest legal sizes are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.shapes import MAX_SIDE, Finding, InputShape, Level, findings, neighbours

sides = st.integers(1, MAX_SIDE)
strides = st.sampled_from([8, 32, 64, 128])


def rules(found: tuple[Finding, ...]) -> list[tuple[Level, str]]:
    return [(finding.level, finding.rule) for finding in found]


@given(sides, strides)
def test_neighbours_are_legal_and_the_nearest(value: int, stride: int) -> None:
    below, above = neighbours(value, stride)
    assert below % stride == above % stride == 0
    assert stride <= below <= above
    assert below <= max(value, stride)
    assert above >= value
    assert above - below in (0, stride)


@given(sides, sides, strides)
def test_a_size_is_an_error_exactly_if_it_is_no_multiple_of_the_stride(height: int, width: int, stride: int) -> None:
    errors = [f for f in findings(height, width, 1, stride) if f.level is Level.ERROR]
    legal = height % stride == 0 and width % stride == 0
    assert bool(errors) is not legal


@given(sides, sides, strides)
def test_an_illegal_size_names_legal_ones(height: int, width: int, stride: int) -> None:
    for error in (f for f in findings(height, width, 1, stride) if f.level is Level.ERROR):
        named = re.findall(r"(\d+)×(\d+)", error.fix)
        assert named
        for h, w in named:
            assert not [f for f in findings(int(h), int(w), 1, stride) if f.rule == "stride"]


def test_800_by_600() -> None:
    (error,) = findings(800, 600, 1, 32)
    assert error.message == "800×600: 600 is no multiple of the stride 32"
    assert error.fix == "the nearest are 800×576 and 800×608"


def test_819_by_819() -> None:
    (error,) = findings(819, 819, 1, 32)
    assert error.fix == "the nearest are 800×800 and 832×832"


def test_smaller_than_one_stride() -> None:
    (error,) = findings(20, 64, 1, 64)
    assert error.fix == "the nearest is 64×64"


@pytest.mark.parametrize("height", [-640, 0, MAX_SIDE + 32, 10**12])
def test_sizes_that_are_none(height: int) -> None:
    assert rules(findings(height, 640, 1, 32)) == [(Level.ERROR, "range")]


@pytest.mark.parametrize("batch", [-1, 0, 10**6])
def test_batches_that_are_none(batch: int) -> None:
    assert rules(findings(640, 640, batch, 32)) == [(Level.ERROR, "batch")]


def test_the_ratio_is_a_warning_about_accuracy() -> None:
    (warning,) = findings(1536, 320, 1, 32)
    assert (warning.level, warning.rule) == (Level.WARNING, "ratio")
    assert "4.8:1" in warning.message
    assert findings(1280, 320, 1, 32) == ()


def test_unusual_sizes_are_warnings() -> None:
    assert rules(findings(288, 288, 1, 32)) == [(Level.WARNING, "range")]
    assert rules(findings(1568, 640, 1, 32)) == [(Level.WARNING, "range")]
    assert findings(640, 640, 1, 32) == ()


def test_a_shape_is_spelled_batch_channels_height_width() -> None:
    assert str(InputShape(2, 3, 640, 320)) == "2×3×640×320"
