"""What follows from the choices, and what is remembered of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.families.family import Facts
from halfpint.core.option import Values
from halfpint.core.options import DEVICE, DYNAMIC, NAME, OUT, OVERWRITE, PRECISIONS, TARGETS, VERIFY, VerifyMode
from halfpint.core.precisions import FP16
from halfpint.core.shapes import Level
from halfpint.core.targets.onnx.options import OPSET
from halfpint.tui.choices import Choices, Size, assess
from halfpint.tui.settings import load, save
from support.targets import TORCHSCRIPT

sides = st.integers(1, 16_384)
typed = st.none() | st.integers(0, 99_999)
strides = st.sampled_from([8, 16, 32, 64])


def facts(stride: int) -> Facts:
    """Of a checkpoint with this stride."""
    return Facts("yolov5", "yolov5n", "7.0", "detect", stride, 3, {}, None)


@given(sides, sides, strides)
def test_fixes_are_legal_and_enclose_what_was_typed(height: int, width: int, stride: int) -> None:
    size = Size(height, width, 1)
    nearest, lowered, higher = size.nearest(stride), size.lowered(stride), size.higher(stride)
    for fixed in (nearest, lowered, higher):
        assert fixed.height is not None and fixed.width is not None
        assert fixed.height % stride == fixed.width % stride == 0
        assert fixed.batch == 1
    assert nearest.height is not None and abs(nearest.height - height) <= max(stride // 2, stride - height)
    assert lowered.height is not None and (lowered.height <= height or height < stride)


@given(sides, strides, st.sampled_from([-4, -1, 1, 4]))
def test_steps_go_from_multiple_to_multiple(height: int, stride: int, steps: int) -> None:
    stepped = Size(height, 640, 1).stepped("height", steps, stride).height
    assert stepped is not None
    assert stepped % stride == 0 and stride <= stepped <= 16_384
    if stride * 4 < height < 16_384 - stride * 4:
        assert (stepped - height) * steps > 0
        assert abs(stepped - height) <= abs(steps) * stride


@given(st.builds(Size, st.none() | sides, st.none() | sides, st.none() | sides))
def test_swapping_twice_changes_nothing(size: Size) -> None:
    assert size.swapped().swapped() == size


@given(
    st.none() | st.integers(0, 99_999), st.none() | st.integers(0, 99_999), st.none() | st.integers(0, 99_999), strides
)
def test_a_spec_exists_exactly_where_there_is_no_error(
    height: int | None, width: int | None, batch: int | None, stride: int
) -> None:
    choices = Choices(height=height, width=width, batch=batch)
    found = assess(choices, Path("/w/best.pt"), facts(stride))
    errors = [finding for finding in found.findings if finding.level is Level.ERROR]
    assert (found.spec is None) == bool(errors) == bool(found.obstacle)


@pytest.mark.parametrize(
    ("weights", "refusal", "obstacle"),
    [
        (None, "", "choose weights first"),
        (Path("/w/a.pt"), "", "still being looked at"),
        (Path("/w/a.pt"), "it is no checkpoint", "it is no checkpoint"),
    ],
)
def test_what_is_missing_is_told(weights: Path | None, refusal: str, obstacle: str) -> None:
    assert obstacle in assess(Choices(), weights, None, refusal).obstacle


CHOSEN = Choices(
    batch=4,
    pinned=True,
    sizes={"yolov5 detect": (800, 608), "dbnet detect": (800, 800)},
    values=Values()
    .having(TARGETS, (TORCHSCRIPT,))
    .having(PRECISIONS, (FP16,))
    .having(DYNAMIC, True)
    .having(OPSET, 13)
    .having(DEVICE, "3")
    .having(VERIFY, VerifyMode.QUICK)
    .having(OUT, '/a "quoted" \\ folder/ünïcode\x7f')
    .having(NAME, "{stem}-b{batch}"),
)


def test_choices_are_remembered(tmp_path: Path) -> None:
    save(tmp_path / "settings.toml", CHOSEN)
    assert load(tmp_path / "settings.toml") == (CHOSEN, "")


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_folder_is_remembered(tmp_path_factory: pytest.TempPathFactory, folder: str) -> None:
    path = tmp_path_factory.mktemp("settings") / "settings.toml"
    save(path, CHOSEN.having(OUT, folder))
    assert load(path)[0][OUT] == folder


def test_to_overwrite_is_not_remembered(tmp_path: Path) -> None:
    save(tmp_path / "settings.toml", CHOSEN.having(OVERWRITE, True))
    assert not load(tmp_path / "settings.toml")[0][OVERWRITE]


def test_no_settings_are_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "settings.toml") == (Choices(), "")


@pytest.mark.parametrize("text", ["height = ", 'height = "wide"', "formats = ['engine']", "opset = true", "\x00"])
def test_broken_settings_are_set_aside(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    choices, warning = load(tmp_path / "settings.toml")
    assert choices == Choices()
    (aside,) = tmp_path.iterdir()
    assert aside.name in warning and aside.read_text() == text


def test_settings_that_cannot_be_written_disturb_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    save(tmp_path / "file" / "settings.toml", CHOSEN)
