"""Pictures of coloured shapes, as `shapes-n` was trained on: those that lie in the fixtures, as files of the user's."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

SHAPES = Path(__file__).parents[1] / "fixtures" / "yolov5" / "shapes-images.npz"


@cache
def shapes() -> tuple[Array, Array]:
    """The 16 pictures (N×320×320×3, uint8), and what is in them (M×6: picture, class, cx, cy, w, h)."""
    with np.load(SHAPES) as archive:
        return archive["images"], archive["truth"]


def picture_folder(folder: Path, count: int = 16, *, labels: bool = False, suffix: str = ".png") -> Path:
    """A folder `images` with some of them, and beside it `labels` if wanted; the folder of the pictures."""
    pictures, truth = shapes()
    images = folder / "images"
    images.mkdir(parents=True)
    for index in range(count):
        Image.fromarray(pictures[index]).save(images / f"{index:02}{suffix}")
    if labels:
        (folder / "labels").mkdir()
        for index in range(count):
            rows = truth[truth[:, 0] == index, 1:]
            lines = (" ".join((f"{int(row[0])}", *(f"{value:.6f}" for value in row[1:]))) for row in rows)
            (folder / "labels" / f"{index:02}.txt").write_text("\n".join(lines))
    return images
