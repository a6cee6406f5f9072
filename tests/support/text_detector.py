"""A text detector that was really trained (PP-OCRv4, a DBNet), and pages of text to try it on."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_MODEL = "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
_LINES = (
    ("Half the bytes, and it still reads", 20, 30, 26),
    ("PASS  within 4 x the rounding noise", 60, 120, 22),
    ("800 x 608, height first", 340, 220, 30),
    ("a probability for every pixel", 30, 320, 18),
    ("INVOICE 2024-11-07", 300, 420, 34),
    ("Total  1,234.56", 80, 520, 40),
)


def trained_detector() -> Path:
    """The model's file. Nothing of the package around it is imported."""
    try:
        return Path(str(distribution("rapidocr-onnxruntime").locate_file(_MODEL)))
    except PackageNotFoundError:
        pytest.skip("rapidocr-onnxruntime, which carries the trained detector, is not installed")


@cache
def page(angle: float = 0.0, dark: bool = False) -> NDArray[Any]:
    """A drawn page (1×3×640×736) as PP-OCR wants it: BGR, from -1 to 1. `angle`: turned by so many degrees."""
    paper, ink = ((24, 20, 30), (235, 235, 220)) if dark else ((250, 248, 240), (20, 20, 60))
    image = Image.new("RGB", (736, 640), paper)
    draw = ImageDraw.Draw(image)
    for text, x, y, size in _LINES:
        draw.text((x, y), text, fill=ink, font=ImageFont.load_default(size))
    turned = image.rotate(angle, fillcolor=paper, resample=Image.Resampling.BICUBIC)
    pixels = np.asarray(turned, np.float32)[:, :, ::-1] / 127.5 - 1
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
