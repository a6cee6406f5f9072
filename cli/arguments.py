"""What arguments that several subcommands take mean: the weights, the size."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import BadRequest, WeightsRefused
from ..core.network.preparation import Pixels
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


def pixels_of(args: argparse.Namespace) -> Pixels | None:
    """What the arguments make of pixels; None where they say nothing. Raises `BadRequest`."""
    if args.mean is None and args.std is None and not args.bgr:
        return None
    mean, divisor = _levels("--mean", args.mean, 0.0), _levels("--std", args.std, 1.0)
    if min(divisor) <= 0:
        raise BadRequest("--std divides: it must be above 0")
    return Pixels("BGR" if args.bgr else "RGB", mean, divisor)


def _levels(flag: str, given: Sequence[float] | None, default: float) -> tuple[float, ...]:
    """Three channels' values, in levels from 0 to 255. Raises `BadRequest`."""
    values = list(given or [default])
    if len(values) not in (1, 3):
        raise BadRequest(f"{flag} takes one value or three, {len(values)} are given")
    return tuple(255 * value for value in (values if len(values) == 3 else values * 3))
