"""One picture of the user's, read from a file that may be damaged or mean harm, or from an array."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from ..limits import ran_out_of_memory
from ..untrusted import open_regular

Array = NDArray[Any]

# What cameras and data sets have, and YOLOv5 reads. Pillow's decoders of other formats are never started.
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"))
# Pillow's own limit, where it begins to warn of a decompression bomb: 89 million.
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 2**26


class Broken(Exception):
    """A picture that cannot be used; the message says why."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, decoded. `size`: its height and width in px, of which `image` may be a smaller copy.

    `labels`: what is in it, M×5 (class, center x, center y, width, height as parts of the picture); None: not known.
    """

    name: str
    image: Image.Image
    size: tuple[int, int]
    labels: Array | None = None


def read_picture(path: Path, name: str, labels: Array | None, enough: int) -> Picture:
    """Decode a file's picture, turned as its camera was held. Raises `Broken`.

    `enough`: the side (px) that is needed; a JPEG whose sides are twice that or more is decoded in a part of its size.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # a bomb, or data that Pillow has doubts about
            with Image.open(file, formats=FORMATS) as image:
                _check_size(image.width, image.height)
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # by EXIF's orientation, onto its side
                size = (image.width, image.height) if turned else (image.height, image.width)
                if isinstance(image, JpegImageFile):
                    image.draft(None, (enough, enough))
                return Picture(name, _eight_bits(ImageOps.exif_transpose(image)), size, labels)
    except UnidentifiedImageError as error:
        raise Broken(f"it is none of {', '.join(FORMATS)}") from error
    except OSError as error:
        raise Broken(os.strerror(error.errno) if error.errno else _told(error)) from error
    except Broken:
        raise
    except Exception as error:  # a crafted file finds whatever Pillow's decoders raise
        if ran_out_of_memory(error):
            raise MemoryError from error
        raise Broken(_told(error)) from error


def picture_of(levels: Array, name: str, labels: Array | None) -> Picture:
    """A picture of an array, H×W×3 or H×W, uint8."""
    return Picture(name, Image.fromarray(levels), (levels.shape[0], levels.shape[1]), labels)


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Broken(f"{width}×{height} pixels are more than {MOST_PIXELS:,}")


def _eight_bits(image: Image.Image) -> Image.Image:
    """The same with 8 bits a channel, in grey or RGB; it is decoded here."""
    if image.mode.startswith(("I", "F")):  # 16 bits or more, where Pillow would cut off all above 255
        values = np.asarray(image, np.float64)
        most = float(values.max(initial=0))
        return Image.fromarray(np.uint8(np.clip(values * (255 / 65535 if most > 255 else 1), 0, 255)))
    return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")


def _told(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
