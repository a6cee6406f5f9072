"""Labels beside pictures, as YOLO has them: a text file a picture, a line an object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..untrusted import read_bounded

Array = NDArray[Any]

_LONGEST = 4 << 20  # bytes of a file; a thousand outlines of a hundred points have 2 MB


def labels_beside(picture: Path) -> Array | None:
    """What a picture's label file says, M×5 (class, center x, center y, width, height as parts of the picture).

    For `…/images/a/b.jpg` it is `…/labels/a/b.txt`, as YOLOv5 has it, else the .txt beside. None where there is none,
    or where it holds something else.
    """
    for path in _places(picture):
        try:
            text = read_bounded(path, _LONGEST).decode("utf-8")
            rows = [_row([float(word) for word in line.split()]) for line in text.splitlines() if line.strip()]
        except (OSError, ValueError):
            continue
        return np.array(rows, np.float64).reshape(-1, 5)
    return None


def _places(picture: Path) -> list[Path]:
    parts = picture.parts
    beside = picture.with_suffix(".txt")
    if "images" not in parts[:-1]:
        return [beside]
    last = len(parts) - 2 - parts[-2::-1].index("images")
    return [Path(*parts[:last], "labels", *parts[last + 1 :]).with_suffix(".txt"), beside]


def _row(values: list[float]) -> list[float]:
    """A class and a box. An outline (class, x, y, x, y, …) becomes the box around it. Raises `ValueError`."""
    number, *rest = values
    if not number.is_integer() or number < 0 or not np.isfinite(rest).all() or len(rest) < 4 or len(rest) % 2:
        raise ValueError
    if len(rest) == 4:
        return values
    x, y = rest[::2], rest[1::2]
    left, top, right, bottom = min(x), min(y), max(x), max(y)
    return [number, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
