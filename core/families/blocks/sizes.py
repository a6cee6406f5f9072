"""The sizes that people use detectors at."""

from __future__ import annotations

from ...shapes import MAX_SIDE, Preset, Rounding, Sizes, rounded

# (height, width) in px, apart from the default and the size of the training.
_USUAL_SIZES = (
    (640, 640), (800, 800), (960, 960), (1024, 1024), (1280, 736), (1408, 800), (320, 320), (384, 640), (1280, 1280)
)  # fmt: skip


def possible(height: int, width: int) -> tuple[int, int] | None:
    """The size that a training says it had, if an image can have it."""
    return (height, width) if 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE else None


def usual_sizes(training_size: tuple[int, int] | None, stride: int, side: int = 640) -> Sizes:
    """The usual sizes that are legal for the stride: the default (a square of `side` px), the training's, others."""
    notes = {(side, side): "default"}
    if training_size is not None:
        notes[training_size] = "default, as trained" if training_size in notes else "as trained"
    usual = (*notes, *_USUAL_SIZES)
    legal = [size for size in dict.fromkeys(usual) if not (size[0] % stride or size[1] % stride)]
    if not legal:  # an unusual stride
        side = rounded(side, stride, Rounding.UP)
        legal, notes = [(side, side)], {(side, side): "default"}
    return Sizes(tuple(Preset(*size, notes.get(size, "")) for size in legal))
