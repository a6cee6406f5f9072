"""The shape policy: what is legal, what is wise, and where the nearest legal sizes are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfpint.core.inspect import inspect
from halfpint.core.shapes import (
    MAX_SIDE,
    Finding,
    InputShape,
    Level,
    Preset,
    Rounding,
    findings,
    neighbours,
    orientation,
    rounded,
)
from support import dbnet
from support.checkpoints import network_of
from support.onnx import written

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


# ---- rounding, on request


@given(sides, strides, st.sampled_from(Rounding))
def test_rounding_makes_any_length_legal(value: int, stride: int, how: Rounding) -> None:
    legal = rounded(value, stride, how)
    assert legal in neighbours(value, stride)
    assert rounded(legal, stride, how) == legal
    below, above = neighbours(value, stride)
    if how is Rounding.NEAREST:
        assert abs(legal - value) == min(abs(below - value), abs(above - value))
    else:
        assert legal == (above if how is Rounding.UP else below)


@pytest.mark.parametrize("value", [-5, 0, MAX_SIDE + 1])
def test_what_is_no_length_is_not_rounded(value: int) -> None:
    assert rounded(value, 32, Rounding.NEAREST) == value


def test_600_and_its_neighbours() -> None:
    assert [rounded(600, 32, how) for how in (Rounding.DOWN, Rounding.UP, Rounding.NEAREST)] == [576, 608, 608]
    assert rounded(592, 32, Rounding.NEAREST) == 608  # as near to 576: nothing of the image is lost


# ---- what suits a family


def test_sizes_outside_a_family_s_own_range_are_warnings() -> None:
    assert findings(320, 640, 1, 32) == ()
    assert rules(findings(320, 640, 1, 32, recommended=(480, 1536))) == [(Level.WARNING, "range")]


def test_presets_name_their_orientation() -> None:
    assert [orientation(*size) for size in ((800, 800), (1280, 736), (384, 640))] == ["square", "portrait", "landscape"]
    assert str(Preset(1280, 736)) == "1280×736 portrait"
    assert str(Preset(800, 800, "default")) == "800×800 square (default)"


@pytest.mark.parametrize("path", ["yolov5/master-n.pt", "yolov5/master-n6.pt", "yolov5/master-n-training.pt"])
def test_presets_of_yolov5_are_legal(path: str) -> None:
    facts = inspect(Path(__file__).parents[1] / "fixtures" / path).facts
    assert all(findings(*preset.size, 1, facts.stride) == () for preset in facts.sizes.presets)
    assert facts.sizes.default == (640, 640)


def test_presets_of_dbnet() -> None:
    facts = inspect(dbnet.checkpoint("proxylessnas")).facts
    sizes = facts.sizes
    assert {(800, 800), (640, 640), (960, 960), (1024, 1024), (1280, 736), (1408, 800)} == {
        preset.size for preset in sizes.presets
    }
    assert all(findings(*preset.size, 1, facts.stride, sizes.recommended) == () for preset in sizes.presets)


# ---- the law behind it: legal sizes run and come out right, illegal ones are told legal neighbours


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    with network_of(dbnet.checkpoint("proxylessnas")) as network:
        return onnxruntime.InferenceSession(written(network).SerializeToString(), providers=["CPUExecutionProvider"])


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 2), height=st.integers(1, 200), width=st.integers(1, 200))
def test_every_size(session: onnxruntime.InferenceSession, batch: int, height: int, width: int) -> None:
    errors = [f for f in findings(height, width, batch, 32) if f.level is Level.ERROR]
    for error in errors:
        sizes = [(int(h), int(w)) for h, w in re.findall(r"(\d+)×(\d+)", error.fix)]
        assert sizes
        assert not any(f.level is Level.ERROR for size in sizes for f in findings(*size, batch, 32))
    if errors:
        height, width = (rounded(side, 32, Rounding.DOWN) for side in (height, width))
    (answer,) = session.run(None, {"images": np.zeros((batch, 3, height, width), np.float32)})
    assert np.asarray(answer).shape == (batch, 1, height, width)
