"""What the INT8 benchmark is run on: weights, pictures that files are made on, and others that nothing was made on."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from halfpint.core.network.preparation import Pixels
from halfpint.core.samples.make import write_yolov5

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import dbnet
from support.shapes import SHAPES

Array = NDArray[Any]

_SIDE, _COUNT = 320, 16  # px; pictures
_DETECTOR = "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
_TRAINED = SHAPES.with_name("shapes-n.pt")
_TEXT = "Half the bytes and it still reads every line of this page total 1,234.56 INVOICE 2024-11-07"


@dataclass(frozen=True)
class Case:
    """A network and its pictures. `side`: of the image, px. `most`: points that may be lost. `weights`: writes or
    finds the file.

    `pictures`: those that files are made on, every second one, and judged on; or, mirrored, those that none was.
    `pixels`: what they become, for a file that somebody else exported.
    """

    name: str
    side: int
    most: float
    weights: Callable[[Path], Path]
    pictures: Callable[[Path, bool], Path]
    pixels: Pixels | None = None

    @property
    def there(self) -> bool:
        """Whether what carries its file is installed."""
        return self.pixels is None or _ocr() is not None


def _sample(folder: Path) -> Path:
    path = folder / "yolov5n.pt"
    write_yolov5(path)
    return path


def _drawn(folder: Path) -> Path:
    return dbnet.written(dbnet.state_dict("resnet18"), folder / "dbnet-r18.pt")


def _ocr() -> Path | None:
    """The text detector of PP-OCRv4, a DBNet that was trained; nothing of the package around it is imported."""
    try:
        return Path(str(distribution("rapidocr-onnxruntime").locate_file(_DETECTOR)))
    except PackageNotFoundError:
        return None


def _detector(_: Path) -> Path:
    if (path := _ocr()) is None:
        raise SystemExit("rapidocr-onnxruntime, which carries PP-OCRv4's detector, is not installed")
    return path


def shapes(folder: Path, mirrored: bool) -> Path:
    """The pictures of coloured shapes with their labels."""
    with np.load(SHAPES) as archive:
        images, truth = archive["images"], archive["truth"].copy()
    if mirrored:
        images = images[:, :, ::-1]
        truth[:, 2] = 1 - truth[:, 2]
    return _saved(folder, mirrored, images=images, truth=truth)


def bare_shapes(folder: Path, mirrored: bool) -> Path:
    """The same pictures without labels: what FP32 finds in them is what counts."""
    with np.load(SHAPES) as archive:
        images = archive["images"]
    return _saved(folder, mirrored, images=images[:, :, ::-1] if mirrored else images)


def pages(folder: Path, mirrored: bool) -> Path:
    """Drawn pages of text; those that are called mirrored have other lines, since mirrored letters are none."""
    random = np.random.default_rng(int(mirrored))
    return _saved(folder, mirrored, images=np.stack([_page(random) for _ in range(_COUNT)]))


def _saved(folder: Path, mirrored: bool, images: Array, **labels: Array) -> Path:
    path = folder / ("mirrored.npz" if mirrored else "pictures.npz")
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in {"images": images, **labels}.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return path


def _page(random: np.random.Generator) -> Array:
    """One page (H×W×3, uint8): dark lines on a bright ground, or the other way round."""
    paper, ink = random.integers(200, 256, 3), random.integers(0, 90, 3)
    if random.random() < 0.3:
        paper, ink = ink, paper
    image = Image.new("RGB", (_SIDE, _SIDE), tuple(paper.tolist()))
    draw, top = ImageDraw.Draw(image), int(random.integers(8, 30))
    while top < _SIDE - 40:
        size = int(random.integers(14, 34))
        words = " ".join(random.choice(_TEXT.split(), int(random.integers(1, 4))))
        font = ImageFont.load_default(size)
        draw.text((int(random.integers(8, 60)), top), words, fill=tuple(ink.tolist()), font=font)
        top += size + int(random.integers(10, 30))
    return np.asarray(image)


CASES = (
    Case("yolov5n", 160, 5.0, _sample, bare_shapes),
    Case("shapes-n", 320, 0.3, lambda _: _TRAINED, shapes),
    Case("dbnet-r18", 160, 0.5, _drawn, pages),
    Case("ppocrv4-det", 160, 0.5, _detector, pages, Pixels("BGR", (127.5,) * 3, (127.5,) * 3)),
)
