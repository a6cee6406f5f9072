"""From a picture to the image that a network takes, and where in it the picture lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..network.preparation import Fit, Preparation

Array = NDArray[Any]


@dataclass(frozen=True)
class Geometry:
    """Where a picture lies in a network's image, px.

    `picture`: its own height and width. `scaled`: those it has in the image; `top`, `left`: where it begins there,
    below 0 where it is cropped. `image`: the image's height and width.
    """

    picture: tuple[int, int]
    scaled: tuple[int, int]
    top: int
    left: int
    image: tuple[int, int]

    def to_image(self, corners: Array) -> Array:
        """Boxes (B×4: left, top, right, bottom) from parts of the picture, 0 to 1, to px of the image."""
        return corners * self._sides + self._offset

    def to_picture(self, corners: Array) -> Array:
        """Boxes (B×4: left, top, right, bottom) from px of the image to px of the picture."""
        height, width = self.picture
        return (corners - self._offset) / self._sides * (width, height, width, height)

    @property
    def shown(self) -> tuple[int, int, int, int]:
        """Where the image shows the picture: left, top, right, bottom, px."""
        (height, width), (rows, columns) = self.scaled, self.image
        right, bottom = min(self.left + width, columns), min(self.top + height, rows)
        return max(self.left, 0), max(self.top, 0), right, bottom

    @property
    def _sides(self) -> Array:
        height, width = self.scaled
        return np.array((width, height, width, height), np.float64)

    @property
    def _offset(self) -> Array:
        return np.array((self.left, self.top) * 2, np.float64)


def fitted(picture: tuple[int, int], preparation: Preparation) -> Geometry:
    """Where a picture of a height and width (px) will lie in the image."""
    (height, width), (rows, columns) = picture, (preparation.height, preparation.width)
    scales = (rows / height, columns / width)
    # Of a crop, the longer side goes beyond the image, by as much on either side.
    scale = max(scales) if preparation.fit is Fit.CROP else min(scales)
    scaled = (max(round(height * scale), 1), max(round(width * scale), 1))
    if preparation.fit is Fit.RECT:
        stride = preparation.stride
        rows, columns = (-(-side // stride) * stride for side in scaled)
    # An odd pixel of padding goes behind the picture.
    return Geometry(picture, scaled, (rows - scaled[0]) // 2, (columns - scaled[1]) // 2, (rows, columns))


def prepared(picture: Image.Image, size: tuple[int, int], preparation: Preparation) -> tuple[Array, Geometry]:
    """The image (1×C×H×W, float32) of a picture, and where that lies in it.

    `size`: the picture's own height and width in px, of which `picture` may be a smaller copy.
    """
    pixels, colours = preparation.pixels, preparation.channels
    picture = picture.convert("L" if colours == 1 else "RGB")
    geometry = fitted(size, preparation)
    height, width = geometry.scaled
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    rows, columns = geometry.image
    canvas = Image.new(picture.mode, (columns, rows), (pixels.pad,) * colours if colours > 1 else pixels.pad)
    canvas.paste(picture, (geometry.left, geometry.top))
    levels = np.asarray(canvas, np.float32).reshape(rows, columns, colours)
    if pixels.order == "BGR":
        levels = levels[:, :, ::-1]
    mean, divisor = (np.array(values[:colours], np.float32) for values in (pixels.mean, pixels.divisor))
    return np.ascontiguousarray(((levels - mean) / divisor).transpose(2, 0, 1)[None]), geometry


def picture_in(pixels: Array, geometry: Geometry, preparation: Preparation) -> Image.Image:
    """The picture as a network sees it, without what was padded. `pixels`: the image (1×C×H×W)."""
    how, colours = preparation.pixels, preparation.channels
    mean, divisor = (np.array(values[:colours], np.float32) for values in (how.mean, how.divisor))
    levels = np.clip(np.rint(pixels[0].transpose(1, 2, 0) * divisor + mean), 0, 255).astype(np.uint8)
    if how.order == "BGR":
        levels = levels[:, :, ::-1]
    image = Image.fromarray(np.ascontiguousarray(levels[..., 0] if colours == 1 else levels)).convert("RGB")
    return image.crop(geometry.shown)
