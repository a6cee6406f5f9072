"""What arguments that several subcommands take mean: the weights, the size."""

from __future__ import annotations

import argparse
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
    """Height and width of `--imgsz`, px, one value being a square; None if no size was asked for."""
    match args.imgsz:
        case [side]:
            return (side, side)
        case [height, width]:
            return (height, width)
        case _:
            return None


def shape_in_words(spec: ExportSpec) -> str:
    """The size of a job for people: `2×800×608 (batch×height×width, portrait)`."""
    return f"{spec.batch}×{spec.height}×{spec.width} (batch×height×width, {orientation(spec.height, spec.width)})"
