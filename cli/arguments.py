"""What arguments that several subcommands take mean: the weights, the size."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import WeightsRefused
from ..core.shapes import orientation
from ..core.spec import ExportSpec
from ..core.weights.folder import weights_file


def weights_in(path: Path) -> Path:
    """The weights file in a model's folder. If there is none, the folder itself: who opens it tells."""
    try:
        return weights_file(path)
    except WeightsRefused:
        return path


def size_of(args: argparse.Namespace) -> tuple[int, int] | None:
    """Height and width of `--imgsz`, px; None if no size was asked for."""
    return None if args.imgsz is None else height_and_width(args.imgsz)


def height_and_width(sides: Sequence[int]) -> tuple[int, int]:
    """One value of `--imgsz` is a square, two are height and width, px."""
    return sides[0], sides[-1]


def shape_in_words(spec: ExportSpec) -> str:
    """The size of a job for people: `2×800×608 (batch×height×width, portrait)`."""
    return f"{spec.batch}×{spec.height}×{spec.width} (batch×height×width, {orientation(spec.height, spec.width)})"
